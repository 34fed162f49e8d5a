/* SPDX-License-Identifier: Apache-2.0
 *
 * The streaming pass: a ring of kept rows between the two axes. Upright images keep rows that are
 * already resampled across (short ones); transposed images keep rows as they come, since their
 * first axis is the one from row to row.
 */
#include "media/resample.h"

#include <errno.h>
#include <string.h>

/* State of one run. */
struct pass {
    struct resampler *resampler;
    const struct resample_job *job;
    const struct row_sink *sink;
    size_t plane;     /* bytes from plane to plane of a finished row */
    size_t pixels;    /* bytes of a source row */
    size_t kept;      /* bytes of a kept row that the pass down works on */
    size_t slot_size; /* bytes from slot to slot of the ring */
    uint32_t slots;
    uint32_t done; /* outputs that are written */
};

void resampler_done(struct resampler *r)
{
    scratch_done(&r->ring);
    scratch_done(&r->pointers);
    scratch_done(&r->column);
    scratch_done(&r->row);
}

void resampler_trim(struct resampler *r, size_t size_bytes)
{
    scratch_trim(&r->ring, size_bytes);
    scratch_trim(&r->pointers, size_bytes);
    scratch_trim(&r->column, size_bytes);
    scratch_trim(&r->row, size_bytes);
}

static int prepare(struct pass *pass, struct error *error)
{
    struct resampler *r = pass->resampler;
    const struct resample_job *job = pass->job;
    pass->plane = kernels_round_up(job->across->axis.count, KERNEL_GROUP);
    pass->pixels = (size_t)(job->across->window_end - job->across->window_first) * 3;
    size_t finished = kernels_round_up(3 * pass->plane, KERNEL_BLOCK);
    pass->kept = job->down_first ? kernels_round_up(pass->pixels, KERNEL_BLOCK) : finished;
    pass->slot_size = pass->kept + KERNEL_ROW_PADDING;
    pass->slots = job->down->taps;
    uint64_t ring_size = (uint64_t)pass->slots * pass->slot_size;
    if (ring_size > LIMIT_RESAMPLE_RING) {
        return error_set(error, ERROR_TOO_LARGE,
                         "resizing an edge of %u pixels to %u needs more rows than are kept",
                         job->down->axis.in, job->down->axis.out);
    }
    if (kernels_prepare_rows(r->kernels, job->across) < 0 ||
        kernels_prepare_columns(r->kernels, job->down) < 0) {
        return error_memory(error, "resampling tables");
    }
    size_t pointers = kernels_round_up(pass->slots, 4) * sizeof(const uint8_t *);
    int err = scratch_reserve(&r->ring, (size_t)ring_size, error);
    err = err < 0 ? err : scratch_reserve(&r->pointers, pointers, error);
    err = err < 0 ? err : scratch_reserve(&r->column, pass->slot_size, error);
    err = err < 0 ? err : scratch_reserve(&r->row, finished, error);
    return err;
}

static uint8_t *slot(const struct pass *pass, uint32_t row)
{
    return pass->resampler->ring.data + (size_t)(row % pass->slots) * pass->slot_size;
}

/* The next output in the order of the rows; valid while pass->done < count. */
static uint32_t next_output(const struct pass *pass)
{
    const struct axis *axis = &pass->job->down->axis;
    return axis->mirror ? axis->count - 1 - pass->done : pass->done;
}

/* The pass down for one output, whose rows are all in the ring. */
static const uint8_t *make_column(const struct pass *pass, uint32_t output)
{
    struct resampler *r = pass->resampler;
    const struct coefficients *down = pass->job->down;
    uint32_t first = down->start[output], used = down->used[output];
    if (down->copies) {
        return slot(pass, first);
    }
    const uint8_t **rows = (const uint8_t **)(void *)r->pointers.data;
    for (uint32_t k = 0; k < used; k++) {
        rows[k] = slot(pass, first + k);
    }
    for (size_t k = used; k < kernels_round_up(used, 4); k++) {
        rows[k] = rows[0];
    }
    r->kernels->columns(down, output, rows, r->column.data, pass->kept);
    return r->column.data;
}

static void write_output(const struct pass *pass, uint32_t output)
{
    struct resampler *r = pass->resampler;
    const uint8_t *finished = make_column(pass, output);
    if (pass->job->down_first) {
        r->kernels->rows(pass->job->across, finished, r->row.data, pass->plane);
        finished = r->row.data;
    }
    pass->sink->write(pass->sink->context, output, finished, pass->plane);
}

static void take_row(struct pass *pass, uint32_t row, const uint8_t *pixels)
{
    const struct coefficients *down = pass->job->down;
    if (pass->done == down->axis.count || row < down->start[next_output(pass)]) {
        return; /* no output needs it (nearest) */
    }
    if (pass->job->down_first) {
        memcpy(slot(pass, row), pixels, pass->pixels);
    } else {
        pass->resampler->kernels->rows(pass->job->across, pixels, slot(pass, row), pass->plane);
    }
    while (pass->done < down->axis.count) {
        uint32_t output = next_output(pass);
        if (down->start[output] + down->used[output] > row + 1) {
            return;
        }
        write_output(pass, output);
        pass->done++;
    }
}

int resample_run(struct resampler *resampler, const struct resample_job *job,
                 const struct row_source *source, const struct row_sink *sink, struct error *error)
{
    struct pass pass = {.resampler = resampler, .job = job, .sink = sink};
    int r = prepare(&pass, error);
    if (r < 0) {
        return r;
    }
    uint32_t total = job->down->window_end - job->down->window_first;
    for (uint32_t row = 0; row < total;) {
        uint32_t count = total - row < source->at_once ? total - row : source->at_once;
        const uint8_t *pixels;
        size_t stride;
        r = source->read(source->context, count, &pixels, &stride, error);
        if (r < 0) {
            return r;
        }
        for (uint32_t i = 0; i < count; i++) {
            take_row(&pass, row + i, pixels + i * stride);
        }
        row += count;
    }
    return 0;
}
