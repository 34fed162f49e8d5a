/* SPDX-License-Identifier: Apache-2.0
 *
 * The inner loops for AVX-512 with VBMI and VNNI (Ice Lake, Zen 4 and later). Exactness: a 22 bit
 * weight is w = w0 + 256 w1 + 65536 w2 with three signed bytes; VPDPBUSD sums byte x signed byte
 * over four taps into 32 bits without saturation, and the three sums are put together modulo 2^32,
 * which is what plain C computes.
 *
 * `rows` has two ways. Near: 16 outputs that lie within 128 bytes take their pixels out of two
 * registers by one byte permutation; weights are shared by the three colours. Far (strong
 * reductions): one output at a time, 16 taps a step. A table with weights too wide for three bytes
 * goes to plain C.
 */
#include "media/kernels.h"

#include <errno.h>
#include <immintrin.h>
#include <string.h>

enum packed_kind { PACKED_NEAR = 1, PACKED_FAR };

enum {
    LANES = 16,       /* 32 bit sums in a register */
    STEP = 4,         /* taps of one VPDPBUSD */
    FAR_TAPS = 16,    /* taps of one step of the far way */
    FAR_BYTES = 48,   /* the pixels of such a step */
    NEAR_BYTES = 128, /* reach of the two-register permutation */
    REGISTER = 64,
};

/* One step of four taps for 16 outputs: where the red bytes are, and the weights' three parts. */
struct near_step {
    uint8_t index[REGISTER];
    int8_t parts[3][REGISTER];
};

/* 16 taps of one output. */
struct far_step {
    int8_t parts[3][FAR_TAPS];
};

/* Four taps of one output row, for broadcasts. */
struct column_step {
    int8_t parts[3][STEP];
};

static void split(int32_t weight, int8_t parts[3])
{
    int8_t low = (int8_t)(weight & 0xff);
    weight = (weight - low) / 256;
    int8_t middle = (int8_t)(weight & 0xff);
    parts[0] = low;
    parts[1] = middle;
    parts[2] = (int8_t)((weight - middle) / 256);
}

static size_t steps_of(uint32_t taps, uint32_t step)
{
    return (taps + step - 1) / step;
}

static size_t groups_of(const struct coefficients *c)
{
    return (c->axis.count + LANES - 1) / LANES;
}

/* Lowest source byte of a group of outputs, and the reach of the group from there. */
static uint32_t group_base(const struct coefficients *c, size_t group, uint32_t *ret_reach)
{
    uint32_t first = UINT32_MAX, end = 0;
    for (size_t i = group * LANES; i < (group + 1) * LANES && i < c->axis.count; i++) {
        uint32_t stop = c->start[i] + c->used[i];
        first = c->start[i] < first ? c->start[i] : first;
        end = stop > end ? stop : end;
    }
    *ret_reach = (end - first) * 3;
    return first * 3;
}

static int is_near(const struct coefficients *c)
{
    for (size_t group = 0; group < groups_of(c); group++) {
        uint32_t reach;
        (void)group_base(c, group, &reach);
        if (reach > NEAR_BYTES) {
            return 0;
        }
    }
    return 1;
}

static void *allocate(size_t size)
{
    size_t rounded = kernels_round_up(size, REGISTER);
    void *memory = aligned_alloc(REGISTER, rounded);
    if (memory) {
        memset(memory, 0, rounded);
    }
    return memory;
}

/* First the bases of all groups, then the steps. */
static size_t near_header(const struct coefficients *c)
{
    return kernels_round_up(groups_of(c) * sizeof(uint32_t), REGISTER);
}

static int pack_near(struct coefficients *c)
{
    size_t steps = steps_of(c->taps, STEP);
    size_t size = near_header(c) + groups_of(c) * steps * sizeof(struct near_step);
    char *packed = allocate(size);
    if (!packed) {
        return -ENOMEM;
    }
    uint32_t *bases = (uint32_t *)(void *)packed;
    struct near_step *step = (struct near_step *)(void *)(packed + near_header(c));
    for (size_t group = 0; group < groups_of(c); group++) {
        uint32_t reach;
        bases[group] = group_base(c, group, &reach);
        for (size_t i = group * LANES; i < (group + 1) * LANES && i < c->axis.count; i++) {
            for (uint32_t k = 0; k < c->used[i]; k++) {
                struct near_step *to = &step[group * steps + k / STEP];
                size_t at = (i % LANES) * STEP + k % STEP;
                int8_t parts[3];
                split(c->weights[i * c->taps + k], parts);
                to->index[at] = (uint8_t)((c->start[i] + k) * 3 - bases[group]);
                to->parts[0][at] = parts[0];
                to->parts[1][at] = parts[1];
                to->parts[2][at] = parts[2];
            }
        }
    }
    c->packed_rows = packed;
    c->packed_kind = PACKED_NEAR;
    c->size_bytes += size;
    return 0;
}

static int pack_far(struct coefficients *c)
{
    size_t steps = steps_of(c->taps, FAR_TAPS);
    size_t size = (size_t)c->axis.count * steps * sizeof(struct far_step);
    struct far_step *packed = allocate(size);
    if (!packed) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < c->axis.count; i++) {
        for (uint32_t k = 0; k < c->used[i]; k++) {
            struct far_step *to = &packed[i * steps + k / FAR_TAPS];
            int8_t parts[3];
            split(c->weights[i * c->taps + k], parts);
            to->parts[0][k % FAR_TAPS] = parts[0];
            to->parts[1][k % FAR_TAPS] = parts[1];
            to->parts[2][k % FAR_TAPS] = parts[2];
        }
    }
    c->packed_rows = packed;
    c->packed_kind = PACKED_FAR;
    c->size_bytes += size;
    return 0;
}

static int pack_rows(struct coefficients *c)
{
    if (c->wide) {
        return 0;
    }
    return is_near(c) ? pack_near(c) : pack_far(c);
}

static int pack_columns(struct coefficients *c)
{
    if (c->wide) {
        return 0;
    }
    size_t steps = steps_of(c->taps, STEP);
    size_t size = c->axis.count * steps * sizeof(struct column_step);
    struct column_step *packed = allocate(size);
    if (!packed) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < c->axis.count; i++) {
        for (uint32_t k = 0; k < c->used[i]; k++) {
            struct column_step *to = &packed[i * steps + k / STEP];
            int8_t parts[3];
            split(c->weights[i * c->taps + k], parts);
            to->parts[0][k % STEP] = parts[0];
            to->parts[1][k % STEP] = parts[1];
            to->parts[2][k % STEP] = parts[2];
        }
    }
    c->packed_columns = packed;
    c->size_bytes += size;
    return 0;
}

/* The three partial sums as one. */
static inline __m512i join(__m512i low, __m512i middle, __m512i high)
{
    __m512i upper = _mm512_add_epi32(_mm512_slli_epi32(high, 8), middle);
    return _mm512_add_epi32(_mm512_slli_epi32(upper, 8), low);
}

/* Sums to bytes: shift and clip. */
static inline __m128i narrow(__m512i sums)
{
    __m512i values = _mm512_srai_epi32(sums, COEFFICIENT_BITS);
    return _mm512_cvtusepi32_epi8(_mm512_max_epi32(values, _mm512_setzero_si512()));
}

struct sums { /* of 16 outputs of one colour */
    __m512i low, middle, high;
};

static inline void near_colour(struct sums *sums, __m512i bytes, const __m512i parts[3])
{
    sums->low = _mm512_dpbusd_epi32(sums->low, bytes, parts[0]);
    sums->middle = _mm512_dpbusd_epi32(sums->middle, bytes, parts[1]);
    sums->high = _mm512_dpbusd_epi32(sums->high, bytes, parts[2]);
}

static inline void near_store(const struct sums *sums, uint8_t *to)
{
    _mm_storeu_si128((__m128i *)(void *)to, narrow(join(sums->low, sums->middle, sums->high)));
}

static void rows_near(const struct coefficients *c, const uint8_t *pixels, uint8_t *planar,
                      size_t plane)
{
    const char *packed = c->packed_rows;
    const uint32_t *bases = (const uint32_t *)(const void *)packed;
    const struct near_step *step =
        (const struct near_step *)(const void *)(packed + near_header(c));
    size_t steps = steps_of(c->taps, STEP);
    const __m512i one = _mm512_set1_epi8(1);
    const __m512i zero = _mm512_setzero_si512(), half = _mm512_set1_epi32(COEFFICIENT_HALF);

    for (size_t group = 0; group < groups_of(c); group++) {
        __m512i near = _mm512_loadu_si512(pixels + bases[group]);
        __m512i next = _mm512_loadu_si512(pixels + bases[group] + REGISTER);
        struct sums red = {half, zero, zero}, green = red, blue = red;
        for (size_t k = 0; k < steps; k++, step++) {
            __m512i index = _mm512_load_si512(step->index);
            const __m512i parts[3] = {_mm512_load_si512(step->parts[0]),
                                      _mm512_load_si512(step->parts[1]),
                                      _mm512_load_si512(step->parts[2])};
            near_colour(&red, _mm512_permutex2var_epi8(near, index, next), parts);
            index = _mm512_add_epi8(index, one);
            near_colour(&green, _mm512_permutex2var_epi8(near, index, next), parts);
            index = _mm512_add_epi8(index, one);
            near_colour(&blue, _mm512_permutex2var_epi8(near, index, next), parts);
        }
        near_store(&red, planar + group * LANES);
        near_store(&green, planar + group * LANES + plane);
        near_store(&blue, planar + group * LANES + 2 * plane);
    }
}

/* Sums of one output: four partial sums of red in the first quarter, green and blue in the next. */
static inline __m512i far_output(const uint8_t *pixels, const struct far_step *step, size_t steps)
{
    const __m512i planes = _mm512_set_epi8(
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 47, 44, 41, 38, 35, 32, 29, 26, 23, 20, 17,
        14, 11, 8, 5, 2, 46, 43, 40, 37, 34, 31, 28, 25, 22, 19, 16, 13, 10, 7, 4, 1, 45, 42, 39,
        36, 33, 30, 27, 24, 21, 18, 15, 12, 9, 6, 3, 0);
    __m512i low = _mm512_setzero_si512(), middle = low, high = low;
    for (size_t k = 0; k < steps; k++, step++, pixels += FAR_BYTES) {
        __m512i bytes = _mm512_permutexvar_epi8(planes, _mm512_loadu_si512(pixels));
        const __m128i *parts = (const __m128i *)(const void *)step->parts;
        low = _mm512_dpbusd_epi32(low, bytes, _mm512_broadcast_i32x4(_mm_load_si128(parts)));
        middle =
            _mm512_dpbusd_epi32(middle, bytes, _mm512_broadcast_i32x4(_mm_load_si128(parts + 1)));
        high = _mm512_dpbusd_epi32(high, bytes, _mm512_broadcast_i32x4(_mm_load_si128(parts + 2)));
    }
    return join(low, middle, high);
}

/* Adds the four partial sums of four outputs: a quarter then holds one colour of the four. */
static inline __m512i far_add(const __m512i v[4])
{
    __m512i ab =
        _mm512_add_epi32(_mm512_unpacklo_epi32(v[0], v[1]), _mm512_unpackhi_epi32(v[0], v[1]));
    __m512i cd =
        _mm512_add_epi32(_mm512_unpacklo_epi32(v[2], v[3]), _mm512_unpackhi_epi32(v[2], v[3]));
    return _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
}

static void rows_far(const struct coefficients *c, const uint8_t *pixels, uint8_t *planar,
                     size_t plane)
{
    const struct far_step *packed = c->packed_rows;
    size_t stride = steps_of(c->taps, FAR_TAPS);
    const __m512i half = _mm512_set1_epi32(COEFFICIENT_HALF);
    for (size_t i = 0; i < c->axis.count; i += 4) {
        __m512i outputs[4];
        for (size_t j = 0; j < 4; j++) {
            size_t at = i + j < c->axis.count ? i + j : i;
            outputs[j] = far_output(pixels + (size_t)c->start[at] * 3, &packed[at * stride],
                                    steps_of(c->used[at], FAR_TAPS));
        }
        __m128i bytes = narrow(_mm512_add_epi32(far_add(outputs), half));
        int32_t red = _mm_extract_epi32(bytes, 0);
        int32_t green = _mm_extract_epi32(bytes, 1);
        int32_t blue = _mm_extract_epi32(bytes, 2);
        memcpy(planar + i, &red, sizeof(red));
        memcpy(planar + i + plane, &green, sizeof(green));
        memcpy(planar + i + 2 * plane, &blue, sizeof(blue));
    }
}

static void rows_avx512(const struct coefficients *c, const uint8_t *pixels, uint8_t *planar,
                        size_t plane)
{
    if (!c->packed_rows) {
        kernels_c.rows(c, pixels, planar, plane);
    } else if (c->packed_kind == PACKED_NEAR) {
        rows_near(c, pixels, planar, plane);
    } else {
        rows_far(c, pixels, planar, plane);
    }
}

/* Four taps of 16 columns, four times: the quarters of a block of 64. */
static inline void column_taps(struct sums sums[4], const uint8_t *const *rows, size_t at,
                               const struct column_step *step)
{
    __m512i r0 = _mm512_loadu_si512(rows[0] + at), r1 = _mm512_loadu_si512(rows[1] + at);
    __m512i r2 = _mm512_loadu_si512(rows[2] + at), r3 = _mm512_loadu_si512(rows[3] + at);
    int32_t words[3];
    memcpy(words, step->parts, sizeof(words));
    const __m512i parts[3] = {_mm512_set1_epi32(words[0]), _mm512_set1_epi32(words[1]),
                              _mm512_set1_epi32(words[2])};
    __m512i a = _mm512_unpacklo_epi8(r0, r1), b = _mm512_unpacklo_epi8(r2, r3);
    near_colour(&sums[0], _mm512_unpacklo_epi16(a, b), parts);
    near_colour(&sums[1], _mm512_unpackhi_epi16(a, b), parts);
    a = _mm512_unpackhi_epi8(r0, r1);
    b = _mm512_unpackhi_epi8(r2, r3);
    near_colour(&sums[2], _mm512_unpacklo_epi16(a, b), parts);
    near_colour(&sums[3], _mm512_unpackhi_epi16(a, b), parts);
}

static void columns_avx512(const struct coefficients *c, uint32_t output,
                           const uint8_t *const *rows, uint8_t *out, size_t size)
{
    if (!c->packed_columns) {
        kernels_c.columns(c, output, rows, out, size);
        return;
    }
    size_t steps = steps_of(c->used[output], STEP);
    const struct column_step *packed = c->packed_columns;
    packed += output * steps_of(c->taps, STEP);
    const __m512i zero = _mm512_setzero_si512(), half = _mm512_set1_epi32(COEFFICIENT_HALF);
    for (size_t at = 0; at < size; at += KERNEL_BLOCK) {
        struct sums sums[4] = {
            {half, zero, zero}, {half, zero, zero}, {half, zero, zero}, {half, zero, zero}};
        for (size_t k = 0; k < steps; k++) {
            column_taps(sums, rows + k * STEP, at, &packed[k]);
        }
        __m512i values[4];
        for (int i = 0; i < 4; i++) {
            values[i] = _mm512_srai_epi32(join(sums[i].low, sums[i].middle, sums[i].high),
                                          COEFFICIENT_BITS);
        }
        /* Packing undoes the order of the unpacking above, and clips. */
        __m512i bytes = _mm512_packus_epi16(_mm512_packs_epi32(values[0], values[1]),
                                            _mm512_packs_epi32(values[2], values[3]));
        _mm512_storeu_si512(out + at, bytes);
    }
}

/* A table of 256 bytes in four registers. */
struct byte_lookup {
    __m512i quarters[4];
};

static inline struct byte_lookup load_lookup(const uint8_t bytes[256])
{
    return (struct byte_lookup){{_mm512_load_si512(bytes), _mm512_load_si512(bytes + 64),
                                 _mm512_load_si512(bytes + 128), _mm512_load_si512(bytes + 192)}};
}

static inline __m512i find(const struct byte_lookup *table, __m512i index)
{
    __m512i low = _mm512_permutex2var_epi8(table->quarters[0], index, table->quarters[1]);
    __m512i high = _mm512_permutex2var_epi8(table->quarters[2], index, table->quarters[3]);
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), low, high);
}

static inline __mmask64 first_bytes(size_t count)
{
    return count >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1;
}

/* Elements of four bytes: find each byte of them, then put them together by unpacking, which works
 * within quarters; the order of the source is changed before so that the elements come out in
 * order. */
static void lookup_32(const struct byte_table *table, const uint8_t *bytes, char *to, size_t count)
{
    const struct byte_lookup t0 = load_lookup(table->bytes[0]), t1 = load_lookup(table->bytes[1]);
    const struct byte_lookup t2 = load_lookup(table->bytes[2]), t3 = load_lookup(table->bytes[3]);
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    for (size_t at = 0; at < count; at += 64) {
        __mmask64 mask = first_bytes(count - at);
        __m512i index = _mm512_permutexvar_epi32(order, _mm512_maskz_loadu_epi8(mask, bytes + at));
        __m512i b0 = find(&t0, index), b1 = find(&t1, index);
        __m512i b2 = find(&t2, index), b3 = find(&t3, index);
        __m512i low = _mm512_unpacklo_epi8(b0, b1), high = _mm512_unpacklo_epi8(b2, b3);
        __m512i q0 = _mm512_unpacklo_epi16(low, high), q1 = _mm512_unpackhi_epi16(low, high);
        low = _mm512_unpackhi_epi8(b0, b1);
        high = _mm512_unpackhi_epi8(b2, b3);
        __m512i q2 = _mm512_unpacklo_epi16(low, high), q3 = _mm512_unpackhi_epi16(low, high);
        _mm512_mask_storeu_epi32(to + at * 4, (__mmask16)mask, q0);
        _mm512_mask_storeu_epi32(to + at * 4 + 64, (__mmask16)(mask >> 16), q1);
        _mm512_mask_storeu_epi32(to + at * 4 + 128, (__mmask16)(mask >> 32), q2);
        _mm512_mask_storeu_epi32(to + at * 4 + 192, (__mmask16)(mask >> 48), q3);
    }
}

static void lookup_16(const struct byte_table *table, const uint8_t *bytes, char *to, size_t count)
{
    const struct byte_lookup t0 = load_lookup(table->bytes[0]), t1 = load_lookup(table->bytes[1]);
    const __m512i order = _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7);
    for (size_t at = 0; at < count; at += 64) {
        __mmask64 mask = first_bytes(count - at);
        __m512i index = _mm512_permutexvar_epi64(order, _mm512_maskz_loadu_epi8(mask, bytes + at));
        __m512i b0 = find(&t0, index), b1 = find(&t1, index);
        _mm512_mask_storeu_epi16(to + at * 2, (__mmask32)mask, _mm512_unpacklo_epi8(b0, b1));
        _mm512_mask_storeu_epi16(to + at * 2 + 64, (__mmask32)(mask >> 32),
                                 _mm512_unpackhi_epi8(b0, b1));
    }
}

static void lookup_8(const struct byte_table *table, const uint8_t *bytes, char *to, size_t count)
{
    const struct byte_lookup t0 = load_lookup(table->bytes[0]);
    for (size_t at = 0; at < count; at += 64) {
        __mmask64 mask = first_bytes(count - at);
        __m512i index = _mm512_maskz_loadu_epi8(mask, bytes + at);
        _mm512_mask_storeu_epi8(to + at, mask, find(&t0, index));
    }
}

static void lookup_avx512(const struct byte_table *table, const uint8_t *bytes, void *elements,
                          size_t count)
{
    if (table->element_size == 4) {
        lookup_32(table, bytes, elements, count);
    } else if (table->element_size == 2) {
        lookup_16(table, bytes, elements, count);
    } else {
        lookup_8(table, bytes, elements, count);
    }
}

const struct kernels kernels_avx512 = {
    .name = "avx512",
    .pack_rows = pack_rows,
    .pack_columns = pack_columns,
    .rows = rows_avx512,
    .columns = columns_avx512,
    .lookup = lookup_avx512,
};
