/* SPDX-License-Identifier: Apache-2.0
 *
 * The int8 copy. In the file a block is its bytes, the rows' tags, the reach, and a CRC-32C over
 * all that, the block's number and the index's id.
 */
#include "index/codes.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bytes.h"
#include "base/crc32c.h"

enum {
    TAGS_BYTES = SCAN_ROWS * 8,
    TRAILER = TAGS_BYTES + 4 + 4, /* tags, reach, sum */
    HUGE_PAGE = 2 << 20,
};

static size_t image_bytes(const struct codes *codes)
{
    return codes->layout.block_bytes + TRAILER;
}

void codes_init(struct codes *codes, const struct layout *layout, uint64_t id)
{
    codes->layout = *layout;
    codes->id = id;
    codes->chunk_bytes =
        (CHUNK_BLOCKS * layout->block_bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

int codes_open(struct codes *codes, const char *path, struct error *error)
{
    char text[96];
    codes->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (codes->fd < 0) {
        return error_set(error, ERROR_IO, "the index's int8 copy cannot be opened: %s",
                         error_text(errno, text, sizeof text));
    }
    codes->image = malloc(image_bytes(codes));
    return codes->image ? 0 : error_memory(error, "an index");
}

void codes_close(struct codes *codes)
{
    for (size_t i = 0; i < CHUNKS_MAX; i++) {
        struct chunk *chunk = atomic_load(&codes->chunks[i]);
        if (chunk) {
            (void)munmap(chunk->blocks, codes->chunk_bytes);
            (void)munmap(chunk, sizeof *chunk);
            atomic_store(&codes->chunks[i], NULL);
        }
    }
    free(codes->image);
    codes->image = NULL;
    if (codes->fd >= 0) {
        (void)close(take_fd(&codes->fd));
    }
}

static void *map_zeros(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

/* Zeros on a boundary of large pages, so that a pass over the copy misses few translations. */
static uint8_t *map_blocks(size_t size)
{
    uint8_t *at = map_zeros(size + HUGE_PAGE);
    if (!at) {
        return NULL;
    }
    size_t before = (HUGE_PAGE - (uintptr_t)at % HUGE_PAGE) % HUGE_PAGE;
    if (before > 0) {
        (void)munmap(at, before);
    }
    (void)munmap(at + before + size, HUGE_PAGE - before);
    (void)madvise(at + before, size, MADV_HUGEPAGE);
    return at + before;
}

int codes_reserve(struct codes *codes, uint32_t slot)
{
    if (codes_chunk(codes, slot)) {
        return 0;
    }
    struct chunk *chunk = map_zeros(sizeof *chunk);
    uint8_t *blocks = chunk ? map_blocks(codes->chunk_bytes) : NULL;
    if (!blocks) {
        if (chunk) {
            (void)munmap(chunk, sizeof *chunk);
        }
        return -ENOMEM;
    }
    chunk->blocks = blocks;
    atomic_store_explicit(&codes->chunks[slot / CHUNK_ROWS], chunk, memory_order_release);
    return 0;
}

bool codes_flag(struct codes *codes, uint32_t slot)
{
    bool first = atomic_exchange(&codes_chunk(codes, slot)->damaged[slot % CHUNK_ROWS], 1) == 0;
    if (first) {
        atomic_fetch_add(&codes->damaged_ever, 1);
    }
    return first;
}

void codes_unflag(struct codes *codes, uint32_t slot)
{
    atomic_store(&codes_chunk(codes, slot)->damaged[slot % CHUNK_ROWS], 0);
}

uint64_t codes_count_damaged(struct codes *codes, uint64_t slots)
{
    uint64_t count = 0;
    if (atomic_load(&codes->damaged_ever) == 0) {
        return 0;
    }
    for (uint32_t slot = 0; slot < slots; slot++) {
        struct chunk *chunk = codes_chunk(codes, slot);
        count += chunk && codes_is_damaged(codes, slot) &&
                 atomic_load(&chunk->born[slot % CHUNK_ROWS]) != 0 &&
                 atomic_load(&chunk->died[slot % CHUNK_ROWS]) == 0;
    }
    return count;
}

uint64_t codes_memory(const struct codes *codes, uint64_t slots)
{
    uint64_t blocks = (slots + SCAN_ROWS - 1) / SCAN_ROWS;
    uint64_t per_row = (sizeof(struct chunk) - sizeof(uint8_t *)) / CHUNK_ROWS;
    return blocks * (codes->layout.block_bytes + per_row * SCAN_ROWS);
}

/* Where a block's members are in its chunk. */
struct place {
    struct chunk *chunk;
    size_t at;      /* of the block */
    uint8_t *bytes; /* its codes */
};

static struct place place_of(const struct codes *codes, uint64_t block)
{
    return (struct place){.chunk = codes_chunk(codes, (uint32_t)(block * SCAN_ROWS)),
                          .at = block % CHUNK_BLOCKS,
                          .bytes = codes_block(codes, block)};
}

static uint32_t sum_bytes(const struct codes *codes, const uint8_t *bytes)
{
    return crc32c_add(0, bytes, codes->layout.block_bytes);
}

static void mark_dirty(struct codes *codes, const struct place *place)
{
    codes->dirty_blocks += !place->chunk->dirty[place->at];
    place->chunk->dirty[place->at] = true;
}

void codes_seal(struct codes *codes)
{
    if (codes->unsealed) {
        struct place place = place_of(codes, codes->open_block);
        place.chunk->sums[place.at] = sum_bytes(codes, place.bytes);
        mark_dirty(codes, &place);
        codes->unsealed = false;
    }
}

/* Into a block's bytes, wherever they are. */
static float write_lane(const struct codes *codes, uint8_t *bytes, unsigned lane, const float *row)
{
    if (row) {
        return quantize_row(&codes->layout, row, bytes, lane);
    }
    quantize_unknown(&codes->layout, bytes, lane);
    return 0.0f;
}

static void widen_reach(const struct place *place, float reach)
{
    if (reach > atomic_load_explicit(&place->chunk->reach[place->at], memory_order_relaxed)) {
        atomic_store_explicit(&place->chunk->reach[place->at], reach, memory_order_relaxed);
    }
}

void codes_put(struct codes *codes, uint32_t slot, uint64_t tag, const float *row)
{
    uint64_t block = slot / SCAN_ROWS;
    if (codes->unsealed && codes->open_block != block) {
        codes_seal(codes);
    }
    struct place place = place_of(codes, block);
    codes->unsealed = true;
    codes->open_block = block;
    widen_reach(&place, write_lane(codes, place.bytes, slot % SCAN_ROWS, row));
    place.chunk->tags[slot % CHUNK_ROWS] = tag;
    atomic_store(&place.chunk->damaged[slot % CHUNK_ROWS], 0);
}

void codes_bear(struct codes *codes, uint32_t slot, uint64_t generation)
{
    struct place place = place_of(codes, slot / SCAN_ROWS);
    atomic_store_explicit(&place.chunk->born[slot % CHUNK_ROWS], generation, memory_order_release);
    atomic_store_explicit(&place.chunk->died[slot % CHUNK_ROWS], 0, memory_order_release);
    atomic_fetch_add_explicit(&place.chunk->live[place.at], 1, memory_order_release);
}

void codes_unbear(struct codes *codes, uint32_t slot)
{
    struct place place = place_of(codes, slot / SCAN_ROWS);
    atomic_store_explicit(&place.chunk->born[slot % CHUNK_ROWS], 0, memory_order_release);
    atomic_fetch_sub_explicit(&place.chunk->live[place.at], 1, memory_order_release);
}

void codes_kill(struct codes *codes, uint32_t slot, uint64_t generation)
{
    struct place place = place_of(codes, slot / SCAN_ROWS);
    atomic_store_explicit(&place.chunk->last_death[place.at], generation, memory_order_release);
    atomic_store_explicit(&place.chunk->died[slot % CHUNK_ROWS], generation, memory_order_release);
    atomic_fetch_sub_explicit(&place.chunk->live[place.at], 1, memory_order_release);
}

void codes_unkill(struct codes *codes, uint32_t slot)
{
    struct place place = place_of(codes, slot / SCAN_ROWS);
    atomic_store_explicit(&place.chunk->died[slot % CHUNK_ROWS], 0, memory_order_release);
    atomic_fetch_add_explicit(&place.chunk->live[place.at], 1, memory_order_release);
}

/* The checksum in the file: over the checksum of the bytes, and the trailer without its own. */
static uint32_t sum_image(const struct codes *codes, uint64_t block, uint32_t bytes_sum,
                          const uint8_t *trailer)
{
    uint8_t where[16];
    bytes_put_u64(where, block);
    bytes_put_u64(where + 8, codes->id);
    uint32_t sum = crc32c_add(bytes_sum, trailer, TRAILER - 4);
    return crc32c_add(sum, where, sizeof where);
}

/* Reads a block's image; false where it is damaged or missing. */
static bool read_image(const struct codes *codes, uint64_t block)
{
    size_t size = image_bytes(codes);
    ssize_t got;
    do {
        got = pread(codes->fd, codes->image, size, (off_t)(block * size));
    } while (got < 0 && errno == EINTR);
    if (got < 0 || (size_t)got != size) {
        return false;
    }
    const uint8_t *trailer = codes->image + codes->layout.block_bytes;
    return bytes_get_u32(trailer + TRAILER - 4) ==
           sum_image(codes, block, sum_bytes(codes, codes->image), trailer);
}

static bool lives(const struct chunk *chunk, uint32_t slot)
{
    return atomic_load(&chunk->born[slot % CHUNK_ROWS]) != 0 &&
           atomic_load(&chunk->died[slot % CHUNK_ROWS]) == 0;
}

/* A lane from its float32 row, into `bytes`. */
static float make_lane(const struct codes *codes, uint32_t slot, uint8_t *bytes,
                       const struct rebuilding *how)
{
    uint64_t tag = codes_chunk(codes, slot)->tags[slot % CHUNK_ROWS];
    bool good = rows_read(how->rows, slot, tag, how->row) == 0;
    if (!good && how->damaged) {
        how->damaged(how->context, slot);
    }
    return write_lane(codes, bytes, slot % SCAN_ROWS, good ? how->row : NULL);
}

bool codes_load(struct codes *codes, uint64_t block, const struct rebuilding *how)
{
    struct place place = place_of(codes, block);
    bool known = read_image(codes, block);
    const uint8_t *trailer = codes->image + codes->layout.block_bytes;
    bool changed = !known;
    if (known) {
        float reach;
        memcpy(&reach, trailer + TAGS_BYTES, sizeof reach);
        memcpy(place.bytes, codes->image, codes->layout.block_bytes);
        widen_reach(&place, reach);
    }
    for (unsigned lane = 0; lane < SCAN_ROWS; lane++) {
        uint32_t slot = (uint32_t)(block * SCAN_ROWS) + lane;
        uint64_t tag = place.chunk->tags[slot % CHUNK_ROWS];
        if (!lives(place.chunk, slot) || (known && bytes_get_u64(trailer + lane * 8ul) == tag)) {
            continue;
        }
        changed = true;
        widen_reach(&place, make_lane(codes, slot, place.bytes, how));
    }
    place.chunk->sums[place.at] = sum_bytes(codes, place.bytes);
    if (changed) {
        mark_dirty(codes, &place);
    }
    return !known;
}

/* Rebuilds the live rows of a block from float32; the others remain. */
static void rebuild(struct codes *codes, uint64_t block, const struct rebuilding *how)
{
    struct place place = place_of(codes, block);
    uint8_t *fresh = codes->image;
    memcpy(fresh, place.bytes, codes->layout.block_bytes);
    for (unsigned lane = 0; lane < SCAN_ROWS; lane++) {
        uint32_t slot = (uint32_t)(block * SCAN_ROWS) + lane;
        if (lives(place.chunk, slot)) {
            widen_reach(&place, make_lane(codes, slot, fresh, how));
        }
    }
    /* Only differing bytes are written, since readers scan the block. */
    for (size_t i = 0; i < codes->layout.block_bytes; i++) {
        if (place.bytes[i] != fresh[i]) {
            place.bytes[i] = fresh[i];
        }
    }
    place.chunk->sums[place.at] = sum_bytes(codes, place.bytes);
    mark_dirty(codes, &place);
}

bool codes_verify(struct codes *codes, uint64_t block, const struct rebuilding *how)
{
    struct place place = place_of(codes, block);
    if (sum_bytes(codes, place.bytes) != place.chunk->sums[place.at]) {
        rebuild(codes, block, how);
        return true;
    }
    if (!place.chunk->dirty[place.at] && !read_image(codes, block)) {
        mark_dirty(codes, &place);
        return true;
    }
    return false;
}

static int save_block(struct codes *codes, uint64_t block, struct error *error)
{
    struct place place = place_of(codes, block);
    uint8_t *trailer = codes->image + codes->layout.block_bytes;
    size_t size = image_bytes(codes);
    memcpy(codes->image, place.bytes, codes->layout.block_bytes);
    for (unsigned lane = 0; lane < SCAN_ROWS; lane++) {
        bytes_put_u64(trailer + lane * 8ul, place.chunk->tags[place.at * SCAN_ROWS + lane]);
    }
    float reach = atomic_load_explicit(&place.chunk->reach[place.at], memory_order_relaxed);
    memcpy(trailer + TAGS_BYTES, &reach, sizeof reach);
    bytes_put_u32(trailer + TRAILER - 4,
                  sum_image(codes, block, place.chunk->sums[place.at], trailer));
    ssize_t written = pwrite(codes->fd, codes->image, size, (off_t)(block * size));
    if (written < 0 || (size_t)written != size) {
        return error_io(error, written < 0 ? errno : ENOSPC,
                        "the index's int8 copy cannot be saved");
    }
    place.chunk->dirty[place.at] = false;
    codes->dirty_blocks--;
    return 0;
}

int codes_save(struct codes *codes, uint64_t slots, struct error *error)
{
    uint64_t blocks = (slots + SCAN_ROWS - 1) / SCAN_ROWS;
    for (uint64_t block = 0; block < blocks && codes->dirty_blocks > 0; block++) {
        struct place place = place_of(codes, block);
        int r = place.chunk->dirty[place.at] ? save_block(codes, block, error) : 0;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
