/* SPDX-License-Identifier: Apache-2.0
 *
 * Huffman-coded JPEG data to coefficients: see huffman.h.
 *
 * What makes it fast: bits are read eight bytes at a time wherever none of them is 0xFF, and one
 * table look-up gives runs, values and length of up to two coefficients at once, while usual
 * decoders look up a code's symbol first and then read the value's bits.
 *
 * The form of the data: ITU-T T.81, annex F.2.2 (decoding), C (codes), B.1.1.5 (stuffed bytes).
 */
#include "media/jpeg/huffman.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <jpegint.h>

#include "base/bytes.h"

/* jpegint.h is private to libjpeg-turbo: struct jpeg_entropy_decoder and the offset of `entropy`
 * are those of 2.0 to 3.x. Another version must be compared first. The self-test checks the library
 * of the running process. */
#if !defined(LIBJPEG_TURBO_VERSION_NUMBER) || LIBJPEG_TURBO_VERSION_NUMBER < 2000000 ||            \
    LIBJPEG_TURBO_VERSION_NUMBER >= 4000000
#error                                                                                             \
    "media/jpeg/huffman.c knows libjpeg-turbo 2.0 to 3.x only: compare jpegint.h, then widen this range"
#endif

enum {
    LOOK_BITS = 10, /* of the table: most codes with their values, and 4 KiB */
    LOOK_SIZE = 1 << LOOK_BITS,
    CODE_BITS_MAX = 16,
    BITS_WANTED = 32,    /* a code and its value have at most 16 + 15 bits */
    RUN_MAX = 15,        /* zeros before a coefficient, in its symbol */
    PAIR_REACH = 32,     /* positions that two coefficients with their runs take */
    LOOKS_A_FILL = 5,    /* table look-ups, out of at least 56 bits */
    BLOCK_END = 128,     /* added to the position where a block ends before its last coefficient */
    END_OF_BLOCK = 0x00, /* symbols without a value */
    ZERO_RUN = 0xF0,
    DC_LIMIT = 32767, /* a coefficient has 16 bits */
    MARKER = 0xFF,
    RST0 = 0xD0,
    RST7 = 0xD7,
    TAIL_BYTES = 65536, /* searched for the marker at the end */
};

/* What the next LOOK_BITS bits start with: a whole coefficient (`value` is not 0), or a code with
 * its symbol (`length` is not 0), or a longer code. */
struct look {
    int16_t value;
    uint8_t symbol; /* run of a whole coefficient; a code's symbol */
    uint8_t length; /* bits */
};

/* The same for up to two coefficients, a coefficient and the end of its block, one of these, or a
 * run of zeros. Without a second value, 0 is written to its position, before the first value is
 * written. */
struct pair {
    int16_t first;
    int16_t second;
    uint8_t first_run;  /* positions to the first */
    uint8_t second_run; /* positions to the second, from the same start */
    uint8_t advance;    /* positions in all; BLOCK_END or more: the block ends */
    uint8_t length;     /* bits; 0: use the single entry */
};

struct code_table {
    struct pair pairs[LOOK_SIZE]; /* of AC coefficients */
    struct look looks[LOOK_SIZE];
    uint32_t limit[CODE_BITS_MAX + 2]; /* upper bound of codes of n bits, left-aligned in 16 bits */
    int32_t first[CODE_BITS_MAX + 1];  /* subtracted from a code of n bits: the symbol's index */
    uint8_t symbols[256];
};

struct bits {
    uint64_t held;       /* the next bits, from the top */
    uint32_t count;      /* valid ones */
    uint32_t made_up;    /* of these: zeros after a marker */
    const uint8_t *next; /* borrowed; of the file */
    const uint8_t *end;
    bool starved; /* the file ends without a marker */
};

struct block_plan {
    const struct code_table *dc; /* borrowed from the reader */
    const struct code_table *ac;
    uint32_t component; /* in the scan */
};

struct jpeg_huffman {
    struct jpeg_entropy_decoder entropy; /* first: libjpeg sees this */
    jpeg_huffman_unusual unusual;
    struct bits bits;
    uint32_t block_count; /* of an MCU */
    struct block_plan blocks[D_MAX_BLOCKS_IN_MCU];
    int32_t last_dc[MAX_COMPS_IN_SCAN];
    uint32_t restart_interval; /* MCUs; 0: no restarts */
    uint32_t restart_left;
    uint32_t restart_number;
    struct code_table dc[NUM_HUFF_TBLS];
    struct code_table ac[NUM_HUFF_TBLS];
};

/* From zigzag order to the position in a block (T.81 figure A.6). Runs may lead past the end, in
 * data that is then refused. */
static const uint8_t natural_place[DCTSIZE2 + PAIR_REACH] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48, 41, 34,
    27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63, 63, 63, 63, 63, 63, 63, 63, 63,
    63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63};

/* ---- tables ---- */

/* The value of `size` bits (1 to 16): a first bit of 0 marks negative values. */
static inline int32_t signed_value(uint32_t bits, uint32_t size)
{
    return bits >> (size - 1) ? (int32_t)bits : (int32_t)bits - (int32_t)(1u << size) + 1;
}

static struct look look_at(uint32_t pattern, uint32_t length, uint8_t symbol)
{
    uint32_t size = symbol & 15u;
    if (size == 0 || length + size > LOOK_BITS) {
        return (struct look){.symbol = symbol, .length = (uint8_t)length};
    }
    uint32_t bits = (pattern >> (LOOK_BITS - length - size)) & ((1u << size) - 1);
    return (struct look){.value = (int16_t)signed_value(bits, size),
                         .symbol = (uint8_t)(symbol >> 4),
                         .length = (uint8_t)(length + size)};
}

static void fill_looks(struct code_table *table, uint32_t code, uint32_t length, uint8_t symbol)
{
    uint32_t first = code << (LOOK_BITS - length);
    uint32_t last = (code + 1) << (LOOK_BITS - length);
    for (uint32_t pattern = first; pattern < last; pattern++) {
        table->looks[pattern] = look_at(pattern, length, symbol);
    }
}

static struct pair pair_at(const struct code_table *table, uint32_t pattern)
{
    struct look first = table->looks[pattern];
    struct pair pair = {.length = first.length};
    if (first.value == 0) {
        bool ends = first.symbol == END_OF_BLOCK;
        pair.advance = ends ? BLOCK_END : RUN_MAX + 1;
        pair.length = ends || first.symbol == ZERO_RUN ? first.length : 0;
        return pair;
    }
    pair.first = first.value;
    pair.first_run = first.symbol;
    pair.second_run = pair.advance = (uint8_t)(first.symbol + 1);
    struct look second = table->looks[(pattern << first.length) & (LOOK_SIZE - 1)];
    if (second.length == 0 || first.length + second.length > LOOK_BITS ||
        (second.value == 0 && second.symbol != END_OF_BLOCK)) {
        return pair;
    }
    pair.length = (uint8_t)(pair.length + second.length);
    if (second.value == 0) {
        pair.advance = (uint8_t)(pair.advance + BLOCK_END);
        return pair;
    }
    pair.second = second.value;
    pair.second_run = (uint8_t)(pair.second_run + second.symbol);
    pair.advance = (uint8_t)(pair.second_run + 1);
    return pair;
}

/* After the single entries. */
static void fill_pairs(struct code_table *table)
{
    for (uint32_t pattern = 0; pattern < LOOK_SIZE; pattern++) {
        table->pairs[pattern] = pair_at(table, pattern);
    }
}

/* False: not a valid code. libjpeg has checked this before. */
static bool make_table(struct code_table *table, const JHUFF_TBL *source)
{
    if (!source) {
        return false;
    }
    memset(table->looks, 0, sizeof table->looks);
    memcpy(table->symbols, source->huffval, sizeof table->symbols);
    uint32_t code = 0;
    uint32_t place = 0;
    for (uint32_t length = 1; length <= CODE_BITS_MAX; length++) {
        uint32_t count = source->bits[length];
        if (place + count > sizeof table->symbols || code + count > 1u << length) {
            return false;
        }
        table->first[length] = (int32_t)code - (int32_t)place;
        for (uint32_t i = 0; i < count && length <= LOOK_BITS; i++) {
            fill_looks(table, code + i, length, table->symbols[place + i]);
        }
        place += count;
        code += count;
        table->limit[length] = code << (CODE_BITS_MAX - length);
        code <<= 1;
    }
    table->limit[CODE_BITS_MAX + 1] = UINT32_MAX;
    return true;
}

/* ---- bits ---- */

/* Byte by byte, up to a marker; then zeros. */
__attribute__((noinline, cold)) static struct bits take_bytes(struct bits bits)
{
    while (bits.count <= 56) {
        if (bits.end - bits.next < 2) {
            bits.starved = true; /* even the last byte is followed by EOI */
        }
        if (bits.starved || (bits.next[0] == MARKER && bits.next[1] != 0)) {
            bits.made_up += 64 - bits.count;
            bits.count = 64;
            break;
        }
        bits.held |= (uint64_t)bits.next[0] << (56 - bits.count);
        bits.count += 8;
        bits.next += bits.next[0] == MARKER ? 2 : 1;
    }
    return bits;
}

/* At least 56 bits, from fewer than 64. */
static inline __attribute__((always_inline)) void take_more(struct bits *bits)
{
    if (__builtin_expect(bits->end - bits->next >= 8, 1)) {
        uint64_t word = bytes_get_big_u64(bits->next);
        /* The top bit of each byte that is 0xFF, and of some bytes before it. */
        if (__builtin_expect(
                (word & ~(word + UINT64_C(0x0101010101010101)) & UINT64_C(0x8080808080808080)) == 0,
                1)) {
            bits->held |= word >> bits->count;
            bits->next += (63 - bits->count) / 8;
            bits->count |= 56;
            return;
        }
    }
    *bits = take_bytes(*bits);
}

static inline __attribute__((always_inline)) void drop(struct bits *bits, uint32_t count)
{
    bits->held <<= count;
    bits->count -= count;
}

/* ---- coefficients ---- */

/* A code that is not in the table. Consumes its bits; -1: there is no such code. */
static inline int32_t long_code(const struct code_table *table, struct bits *bits)
{
    uint32_t top = (uint32_t)(bits->held >> (64 - CODE_BITS_MAX));
    uint32_t length = LOOK_BITS + 1;
    while (top >= table->limit[length]) {
        length++;
    }
    if (length > CODE_BITS_MAX) {
        return -1;
    }
    drop(bits, length);
    int32_t place = (int32_t)(top >> (CODE_BITS_MAX - length)) - table->first[length];
    return table->symbols[place & 255];
}

static inline __attribute__((always_inline)) int32_t take_value(struct bits *bits, uint32_t size)
{
    uint32_t value = (uint32_t)(bits->held >> (64 - size));
    drop(bits, size);
    return signed_value(value, size);
}

static inline __attribute__((always_inline)) bool take_dc(const struct code_table *table,
                                                          struct bits *bits, int32_t *last)
{
    if (bits->count < BITS_WANTED) {
        take_more(bits);
    }
    struct look look = table->looks[bits->held >> (64 - LOOK_BITS)];
    int32_t difference = look.value;
    drop(bits, look.length);
    if (difference == 0) {
        int32_t symbol = look.length ? look.symbol : long_code(table, bits);
        if (symbol < 0 || symbol > 15) {
            return false;
        }
        difference = symbol ? take_value(bits, (uint32_t)symbol) : 0;
    }
    *last += difference;
    return *last >= -DC_LIMIT && *last <= DC_LIMIT;
}

/* A coefficient after zeros, an end of block or a run of zeros, by its own code. Returns the next
 * position; BLOCK_END or more: the block ends; 0: not valid in sequential data. */
static inline uint32_t take_single(const struct code_table *table, struct bits *bits, JCOEF *block,
                                   uint32_t k)
{
    struct look look = table->looks[bits->held >> (64 - LOOK_BITS)];
    drop(bits, look.length);
    if (look.value != 0) {
        k += look.symbol;
        block[natural_place[k]] = look.value;
        return k + 1;
    }
    int32_t symbol = look.length ? look.symbol : long_code(table, bits);
    if (symbol == END_OF_BLOCK) {
        return k + BLOCK_END;
    }
    if (symbol == ZERO_RUN) {
        return k + RUN_MAX + 1;
    }
    if (symbol < 0 || (symbol & 15) == 0) {
        return 0;
    }
    k += (uint32_t)symbol >> 4;
    block[natural_place[k]] = (JCOEF)take_value(bits, (uint32_t)symbol & 15u);
    return k + 1;
}

/* Bits are read once for several look-ups: a check before each one would cost a branch that
 * processors cannot predict. */
static inline __attribute__((always_inline)) bool take_ac(const struct code_table *table,
                                                          struct bits *bits, JCOEF *block)
{
    uint32_t k = 1;
    do {
        take_more(bits);
#pragma GCC unroll 5
        for (int i = 0; i < LOOKS_A_FILL && k < DCTSIZE2; i++) {
            struct pair pair = table->pairs[bits->held >> (64 - LOOK_BITS)];
            /* A second coefficient after the last position would belong to the next block. */
            if (__builtin_expect(pair.length == 0 || k + pair.first_run == DCTSIZE2 - 1, 0)) {
                k = bits->count < BITS_WANTED ? k : take_single(table, bits, block, k);
                break;
            }
            drop(bits, pair.length);
            block[natural_place[k + pair.second_run]] = pair.second;
            block[natural_place[k + pair.first_run]] = pair.first;
            k += pair.advance;
        }
    } while (k - 1 < DCTSIZE2 - 1); /* 0, which take_single() gives for an error, ends it too */
    return k == DCTSIZE2 || (k >= BLOCK_END && k <= BLOCK_END + DCTSIZE2);
}

/* ---- for libjpeg ---- */

/* The marker must be the expected one, at this position. */
static bool restart(struct jpeg_huffman *huffman)
{
    struct bits *bits = &huffman->bits;
    if (bits->count - bits->made_up >= 8 || bits->end - bits->next < 2 || bits->next[0] != MARKER ||
        bits->next[1] != RST0 + huffman->restart_number) {
        return false;
    }
    *bits = (struct bits){.next = bits->next + 2, .end = bits->end};
    memset(huffman->last_dc, 0, sizeof huffman->last_dc);
    huffman->restart_number = (huffman->restart_number + 1) % 8;
    huffman->restart_left = huffman->restart_interval;
    return true;
}

static bool decode_blocks(struct jpeg_huffman *huffman, JBLOCKROW *blocks)
{
    JBLOCK unwanted;
    struct bits bits = huffman->bits; /* in registers */
    for (uint32_t i = 0; i < huffman->block_count; i++) {
        const struct block_plan *plan = &huffman->blocks[i];
        JCOEF *block = blocks ? *blocks[i] : unwanted;
        if (!take_dc(plan->dc, &bits, &huffman->last_dc[plan->component])) {
            return false;
        }
        block[0] = (JCOEF)huffman->last_dc[plan->component];
        if (!take_ac(plan->ac, &bits, block)) {
            return false;
        }
    }
    huffman->bits = bits;
    return !bits.starved && bits.count >= bits.made_up;
}

/* One MCU; its blocks must be zeroed. NULL: it is skipped. */
static boolean decode_mcu(j_decompress_ptr cinfo, JBLOCKROW *blocks)
{
    struct jpeg_huffman *huffman = (struct jpeg_huffman *)(void *)cinfo->entropy;
    if (huffman->restart_interval > 0) {
        if (huffman->restart_left == 0 && !restart(huffman)) {
            huffman->unusual(cinfo);
        }
        huffman->restart_left--;
    }
    if (!decode_blocks(huffman, blocks)) {
        huffman->unusual(cinfo);
    }
    /* A marker stays unread: libjpeg looks for it next. */
    cinfo->src->next_input_byte = huffman->bits.next;
    cinfo->src->bytes_in_buffer = (size_t)(huffman->bits.end - huffman->bits.next);
    return TRUE;
}

static void start_pass(j_decompress_ptr cinfo)
{
    struct jpeg_huffman *huffman = (struct jpeg_huffman *)(void *)cinfo->entropy;
    huffman->unusual(cinfo); /* there is one scan, which has started */
}

static atomic_bool *refusal(void)
{
    static atomic_bool refused;
    return &refused;
}

bool jpeg_huffman_is_allowed(void)
{
    return !atomic_load_explicit(refusal(), memory_order_relaxed);
}

void jpeg_huffman_allow(bool allowed)
{
    atomic_store(refusal(), !allowed);
}

struct jpeg_huffman *jpeg_huffman_new(void)
{
    return calloc(1, sizeof(struct jpeg_huffman));
}

static bool plan_blocks(struct jpeg_huffman *huffman, j_decompress_ptr cinfo)
{
    unsigned made[2] = {0, 0}; /* tables already made, a bit each */
    huffman->block_count = (uint32_t)cinfo->blocks_in_MCU;
    for (uint32_t i = 0; i < huffman->block_count; i++) {
        uint32_t component = (uint32_t)cinfo->MCU_membership[i];
        const jpeg_component_info *info = cinfo->cur_comp_info[component];
        unsigned dc = (unsigned)info->dc_tbl_no;
        unsigned ac = (unsigned)info->ac_tbl_no;
        if (dc >= NUM_HUFF_TBLS || ac >= NUM_HUFF_TBLS) {
            return false;
        }
        if ((!(made[0] >> dc & 1u) && !make_table(&huffman->dc[dc], cinfo->dc_huff_tbl_ptrs[dc])) ||
            (!(made[1] >> ac & 1u) && !make_table(&huffman->ac[ac], cinfo->ac_huff_tbl_ptrs[ac]))) {
            return false;
        }
        if (!(made[1] >> ac & 1u)) {
            fill_pairs(&huffman->ac[ac]);
        }
        made[0] |= 1u << dc;
        made[1] |= 1u << ac;
        huffman->blocks[i] = (struct block_plan){&huffman->dc[dc], &huffman->ac[ac], component};
    }
    return true;
}

/* Whether a marker ends the data. Without one, libjpeg's result depends on how far it reads ahead.
 */
static bool has_end(const uint8_t *bytes, size_t size)
{
    size_t first = size > TAIL_BYTES ? size - TAIL_BYTES : 0;
    for (size_t at = size; at-- > first + 1;) {
        if (bytes[at - 1] == MARKER && bytes[at] != 0 && bytes[at] != MARKER) {
            return bytes[at] < RST0 || bytes[at] > RST7;
        }
    }
    return false;
}

bool jpeg_huffman_take_over(struct jpeg_huffman *huffman, j_decompress_ptr cinfo,
                            jpeg_huffman_unusual unusual)
{
    if (cinfo->progressive_mode || cinfo->arith_code || cinfo->data_precision != 8 ||
        jpeg_has_multiple_scans(cinfo) || cinfo->unread_marker != 0 ||
        cinfo->blocks_in_MCU > D_MAX_BLOCKS_IN_MCU ||
        !has_end(cinfo->src->next_input_byte, cinfo->src->bytes_in_buffer) ||
        !plan_blocks(huffman, cinfo)) {
        return false;
    }
    const uint8_t *next = cinfo->src->next_input_byte;
    huffman->bits = (struct bits){.next = next, .end = next + cinfo->src->bytes_in_buffer};
    memset(huffman->last_dc, 0, sizeof huffman->last_dc);
    huffman->restart_interval = cinfo->restart_interval;
    huffman->restart_left = cinfo->restart_interval;
    huffman->restart_number = 0;
    huffman->unusual = unusual;
    huffman->entropy =
        (struct jpeg_entropy_decoder){.start_pass = start_pass, .decode_mcu = decode_mcu};
    cinfo->entropy = &huffman->entropy;
    return true;
}
