/* SPDX-License-Identifier: Apache-2.0
 *
 * A thread's pass over the blocks. The kernels select few rows; each of these is judged alone.
 */
#include "index/scan.h"

#include <errno.h>
#include <math.h>

enum { STRETCH = 128 }; /* blocks that a thread takes at a time */

static int prepare(const struct scan *scan, struct scan_part *part)
{
    part->candidates = calloc(scan->query_count, sizeof *part->candidates);
    if (!part->candidates) {
        return -ENOMEM;
    }
    for (size_t q = 0; q < scan->query_count; q++) {
        candidates_init(&part->candidates[q], scan->k);
    }
    return 0;
}

void scan_part_done(struct scan_part *part, size_t query_count)
{
    for (size_t q = 0; part->candidates && q < query_count; q++) {
        candidates_done(&part->candidates[q]);
    }
    free(part->candidates);
    part->candidates = NULL;
}

static double lift(_Atomic double *threshold, double to)
{
    double now = atomic_load_explicit(threshold, memory_order_relaxed);
    while (to > now && !atomic_compare_exchange_weak_explicit(
                           threshold, &now, to, memory_order_relaxed, memory_order_relaxed)) {
    }
    return to > now ? to : now;
}

/* Of one block and one query. */
struct sight {
    const struct scan *scan;
    struct candidates *candidates;
    const struct quantized_query *query;
    _Atomic double *threshold;
    uint64_t block;
    struct scan_lanes lanes;
    double margin;
};

static int take_rows(const struct sight *sight, uint64_t selected)
{
    const struct codes *codes = &sight->scan->index->codes;
    int r = 0;
    for (; selected != 0 && r == 0; selected &= selected - 1) {
        unsigned lane = (unsigned)__builtin_ctzll(selected);
        uint32_t slot = (uint32_t)(sight->block * SCAN_ROWS) + lane;
        if (!codes_visible(codes, slot, sight->scan->generation)) {
            continue;
        }
        struct interval interval =
            quantized_query_interval(sight->query, &sight->lanes, lane, sight->margin);
        double threshold = lift(sight->threshold, candidates_threshold(sight->candidates));
        if (interval.high >= threshold) {
            bool known = !codes_is_damaged(codes, slot) && !isinf(interval.high);
            r = candidates_add(sight->candidates, slot, &interval, known, threshold);
        }
    }
    return r;
}

static int scan_block(struct scan *scan, struct scan_part *part, uint64_t block)
{
    const struct codes *codes = &scan->index->codes;
    const struct scan_kernels *kernels = scan_kernels_selected();
    const struct layout *layout = &codes->layout;
    uint8_t *bytes = codes_block(codes, block);
    uint64_t wanted = scan->filter ? scan->filter[block] : UINT64_MAX;
    float reach = codes_reach(codes, block);
    int32_t dots[SCAN_QUERIES * SCAN_ROWS];
    for (size_t first = 0; first < scan->query_count; first += SCAN_QUERIES) {
        struct scan_query queries[SCAN_QUERIES];
        size_t count = scan->query_count - first;
        count = count < SCAN_QUERIES ? count : SCAN_QUERIES;
        for (size_t i = 0; i < count; i++) {
            queries[i] = scan->queries[first + i].scan;
        }
        kernels->dots(bytes, layout->groups, queries, count, dots);
        for (size_t i = 0; i < count; i++) {
            size_t q = first + i;
            struct sight sight = {
                .scan = scan,
                .candidates = &part->candidates[q],
                .query = &scan->queries[q],
                .threshold = &scan->thresholds[q],
                .block = block,
                .lanes = {.dots = dots + i * SCAN_ROWS,
                          .scale = layout_scale(layout, bytes),
                          .error = layout_error(layout, bytes),
                          .offset = layout_offset(layout, bytes)},
                .margin = quantized_query_margin(&scan->queries[q], reach),
            };
            double threshold = lift(sight.threshold, candidates_threshold(sight.candidates));
            struct scan_bound bound = quantized_query_bound(sight.query, threshold, sight.margin);
            uint64_t selected = kernels->select(&sight.lanes, &bound) & wanted;
            int r = selected ? take_rows(&sight, selected) : 0;
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

void scan_run(void *context, unsigned part)
{
    struct scan *scan = context;
    struct scan_part *own = &scan->parts[part];
    const struct codes *codes = &scan->index->codes;
    own->result = prepare(scan, own);
    while (own->result == 0) {
        uint64_t block = atomic_fetch_add(&scan->next_block, STRETCH);
        uint64_t end = block + STRETCH < scan->blocks ? block + STRETCH : scan->blocks;
        if (block >= scan->blocks) {
            break;
        }
        for (; block < end && own->result == 0; block++) {
            if ((scan->filter && scan->filter[block] == 0) ||
                codes_block_dead(codes, block, scan->generation)) {
                continue;
            }
            own->result = scan_block(scan, own, block);
        }
    }
}
