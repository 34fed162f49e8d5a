/* SPDX-License-Identifier: Apache-2.0
 *
 * The streaming pass over an image's rows: rows come from a source from top to bottom, finished
 * rows go to a sink, and only as many are kept in between as one output needs. Pillow resamples
 * along upright rows first, then along columns, with bytes in between; so do we, whichever way the
 * upright image lies in the stored one.
 *
 * One thread.
 */
#ifndef SITU_MEDIA_RESAMPLE_H
#define SITU_MEDIA_RESAMPLE_H

#include "media/kernels.h"
#include "media/scratch.h"

#define LIMIT_RESAMPLE_RING (UINT64_C(64) << 20) /* bytes of rows that are kept at a time */

/* Where the window's rows come from, in order. A row holds all pixels of the window, 3 bytes each;
 * KERNEL_ROW_PADDING bytes after the last row of an answer are readable. They are valid until the
 * next call. */
struct row_source {
    int (*read)(void *context, uint32_t count, const uint8_t **ret_rows, size_t *ret_stride,
                struct error *error);
    void *context;    /* borrowed */
    uint32_t at_once; /* rows to ask for in one call, at least 1 */
};

/* Takes finished planar rows. `index` is an output of the axis that runs from row to row; each
 * comes once, in ascending or descending order. */
struct row_sink {
    void (*write)(void *context, uint32_t index, const uint8_t *planar, size_t plane);
    void *context; /* borrowed */
};

struct resample_job {
    struct coefficients *down;   /* borrowed; the axis from row to row of the stored image */
    struct coefficients *across; /* borrowed; the axis within its rows */
    bool down_first;             /* the image is transposed: its upright rows run down */
};

struct resampler {                 /* start: all zero but `kernels` */
    const struct kernels *kernels; /* borrowed */
    struct scratch ring;           /* kept rows */
    struct scratch pointers;       /* to the rows of one output */
    struct scratch column;         /* result of the pass down */
    struct scratch row;            /* result of the pass across */
};

void resampler_done(struct resampler *resampler);
void resampler_trim(struct resampler *resampler, size_t size_bytes);

/* ERROR_TOO_LARGE above LIMIT_RESAMPLE_RING, ERROR_MEMORY, or what the source says. */
must_check int resample_run(struct resampler *resampler, const struct resample_job *job,
                            const struct row_source *source, const struct row_sink *sink,
                            struct error *error);

#endif
