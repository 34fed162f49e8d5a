/* SPDX-License-Identifier: Apache-2.0
 *
 * The int8 copy in memory, by slot, and which readers see a slot. Blocks of SCAN_ROWS rows
 * (quantize.h) are consecutive in chunks that never move.
 *
 * One writer at a time (the index's writer lock) fills slots that no reader sees; readers scan
 * whole blocks meanwhile and discard rows that they do not see. A reader of generation g sees a row
 * that was born in g or before and had not died then. A slot gets another row only when no reader
 * is left that sees the old one, and its birth is set before its death is cleared, so that no
 * reader sees a row in between.
 *
 * Each block has a CRC-32C over its bytes in memory, for the scrubber, and is stored in the file
 * `codes` with its rows' tags. The file is written without sync and not trusted: a block whose
 * checksum is wrong, and a row whose tag is not the one of its key, are rebuilt from float32.
 */
#ifndef SITU_INDEX_CODES_H
#define SITU_INDEX_CODES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "index/quantize.h"
#include "index/rows.h"

enum {
    CHUNK_BLOCKS = 1024,
    CHUNK_ROWS = CHUNK_BLOCKS * SCAN_ROWS,
    CHUNKS_MAX = INDEX_ROWS_MAX / CHUNK_ROWS,
};

struct chunk {
    uint8_t *blocks; /* owned mapping; pages that were never written take no memory */
    atomic_uint_fast64_t born[CHUNK_ROWS]; /* generation; 0: no row */
    atomic_uint_fast64_t died[CHUNK_ROWS]; /* generation; 0: lives */
    atomic_uchar damaged[CHUNK_ROWS];      /* its float32 row is */
    uint64_t tags[CHUNK_ROWS];             /* of rows that a reader may see */
    _Atomic float reach[CHUNK_BLOCKS];     /* N of quantize.h; grows only */
    atomic_uint live[CHUNK_BLOCKS];        /* rows that live */
    atomic_uint_fast64_t last_death[CHUNK_BLOCKS];
    uint32_t sums[CHUNK_BLOCKS]; /* the writer's */
    bool dirty[CHUNK_BLOCKS];    /* the writer's: differs from the file */
};

struct codes {
    struct layout layout;
    size_t chunk_bytes;                         /* of its mapping */
    int fd;                                     /* owned; the file */
    uint64_t id;                                /* of the index */
    _Atomic(struct chunk *) chunks[CHUNKS_MAX]; /* owned */
    atomic_uint_fast64_t damaged_ever;          /* rows flagged since the start */
    /* The writer's: */
    bool unsealed; /* a block was changed, and its checksum is old */
    uint64_t open_block;
    uint64_t dirty_blocks;
    uint8_t *image; /* owned; a block as it is in the file */
};

/* In memory only; `codes` is zeroed, its fd -1. */
void codes_init(struct codes *codes, const struct layout *layout, uint64_t id);
must_check int codes_open(struct codes *codes, const char *path, struct error *error);
void codes_close(struct codes *codes);

static inline struct chunk *codes_chunk(const struct codes *codes, uint32_t slot)
{
    return atomic_load_explicit(&codes->chunks[slot / CHUNK_ROWS], memory_order_acquire);
}

static inline uint8_t *codes_block(const struct codes *codes, uint64_t block)
{
    struct chunk *chunk = codes_chunk(codes, (uint32_t)(block * SCAN_ROWS));
    return chunk->blocks + block % CHUNK_BLOCKS * codes->layout.block_bytes;
}

static inline float codes_reach(const struct codes *codes, uint64_t block)
{
    struct chunk *chunk = codes_chunk(codes, (uint32_t)(block * SCAN_ROWS));
    return atomic_load_explicit(&chunk->reach[block % CHUNK_BLOCKS], memory_order_relaxed);
}

/* Whether a reader of this generation sees the slot's row. The death is read first: see above. */
static inline bool codes_visible(const struct codes *codes, uint32_t slot, uint64_t generation)
{
    struct chunk *chunk = codes_chunk(codes, slot);
    uint64_t died = atomic_load_explicit(&chunk->died[slot % CHUNK_ROWS], memory_order_acquire);
    uint64_t born = atomic_load_explicit(&chunk->born[slot % CHUNK_ROWS], memory_order_acquire);
    return born != 0 && born <= generation && (died == 0 || died > generation);
}

/* Whether a reader of this generation sees no row at all in the block. */
static inline bool codes_block_dead(const struct codes *codes, uint64_t block, uint64_t generation)
{
    struct chunk *chunk = codes_chunk(codes, (uint32_t)(block * SCAN_ROWS));
    size_t at = block % CHUNK_BLOCKS;
    return atomic_load_explicit(&chunk->live[at], memory_order_acquire) == 0 &&
           atomic_load_explicit(&chunk->last_death[at], memory_order_acquire) <= generation;
}

static inline bool codes_is_damaged(const struct codes *codes, uint32_t slot)
{
    return atomic_load(&codes_chunk(codes, slot)->damaged[slot % CHUNK_ROWS]) != 0;
}

/* Flags a row; true where it was not flagged. Any thread. */
bool codes_flag(struct codes *codes, uint32_t slot);
void codes_unflag(struct codes *codes, uint32_t slot);
uint64_t codes_count_damaged(struct codes *codes, uint64_t slots); /* that live */
uint64_t codes_memory(const struct codes *codes, uint64_t slots);

/* The rest is the writer's. */

/* Makes room for a slot; 0 or -ENOMEM. */
must_check int codes_reserve(struct codes *codes, uint32_t slot);

/* Puts a row (NULL: one that cannot be read) into a slot that no reader sees. */
void codes_put(struct codes *codes, uint32_t slot, uint64_t tag, const float *row);
/* Renews the checksum of the block that was changed last; called after a series of puts. */
void codes_seal(struct codes *codes);

void codes_bear(struct codes *codes, uint32_t slot, uint64_t generation);
void codes_unbear(struct codes *codes, uint32_t slot); /* its commit failed */
void codes_kill(struct codes *codes, uint32_t slot, uint64_t generation);
void codes_unkill(struct codes *codes, uint32_t slot); /* its commit failed */

struct rebuilding {
    const struct rows *rows;
    float *row; /* room for one */
    /* Called for rows that cannot be read; may be NULL. */
    void (*damaged)(void *context, uint32_t slot);
    void *context;
};

/* Reads a block from the file, and rebuilds rows that are missing in it from float32. True where
 * the whole block was damaged or missing. No reader may see the block yet. */
bool codes_load(struct codes *codes, uint64_t block, const struct rebuilding *how);

/* Checks a block in memory and in the file; rebuilds it where it is damaged, and returns true. */
bool codes_verify(struct codes *codes, uint64_t block, const struct rebuilding *how);

/* Writes the blocks that differ from the file. ERROR_IO, ERROR_NO_SPACE. */
must_check int codes_save(struct codes *codes, uint64_t slots, struct error *error);

#endif
