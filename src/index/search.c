/* SPDX-License-Identifier: Apache-2.0
 *
 * A search: queries to codes, the prefixes to a bitmap over the slots, the pass over the int8 copy,
 * the candidates' float32 rows, the answer; all of it within one snapshot. A row that turns out to
 * be damaged may have raised a threshold wrongly, so the pass is repeated without it.
 *
 * The prefixes: blocks without a bit in the bitmap (filter.h) are not scanned, and in the others
 * only rows whose bit is set become candidates, so that a search finds the k nearest of them, and
 * costs less than one through all.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "index/rescore.h"
#include "index/scan.h"

enum { PASSES_MAX = 16 }; /* each finds another damaged row */

struct search {
    struct index *index;
    const struct index_query *query;
    struct snapshot snapshot;
    struct quantized_query queries[INDEX_QUERIES_MAX];
    _Atomic double thresholds[INDEX_QUERIES_MAX];
    uint64_t blocks;
    struct filter *filter;   /* owned reference; NULL: all */
    struct scan_part *parts; /* owned */
    unsigned part_count;
    struct ranked *best; /* owned; k a query */
    size_t counts[INDEX_QUERIES_MAX];
    float *row; /* owned */
    uint64_t damaged;
    bool again;
};

static int no_memory(struct error *error)
{
    return error_memory(error, "a search");
}

static int check_query(const struct index *index, const struct index_query *query,
                       struct error *error)
{
    if (query->query_count < 1 || query->query_count > INDEX_QUERIES_MAX || query->k < 1 ||
        query->k > INDEX_K_MAX || (query->has_min_score && isnan(query->min_score))) {
        return error_set(
            error, ERROR_MALFORMED,
            "a search has 1 to %u queries, k of 1 to %u and a min_score that is a number",
            INDEX_QUERIES_MAX, INDEX_K_MAX);
    }
    for (size_t q = 0; q < query->query_count; q++) {
        int r = index_check_vector(query->vectors + q * index->shape.dimension,
                                   index->shape.dimension, "the query", error);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static bool is_all(const struct index_prefixes *prefixes)
{
    return prefixes->count == 0 || (prefixes->count == 1 && prefixes->list[0][0] == '\0');
}

static int find_filter(struct search *search, struct error *error)
{
    struct index *index = search->index;
    return is_all(&search->query->prefixes)
               ? 0
               : filter_get(&index->filters, &index->meta, &search->snapshot,
                            &search->query->prefixes, &search->filter, error);
}

/* Opens the snapshot and allocates all memory but that of candidates. */
static int prepare(struct search *search, struct error *error)
{
    struct index *index = search->index;
    const struct index_query *query = search->query;
    int r = snapshot_begin(&index->snapshots, &index->meta, &search->snapshot, error);
    if (r < 0) {
        search->snapshot.txn = NULL;
        return r;
    }
    search->blocks = (search->snapshot.head.slots + SCAN_ROWS - 1) / SCAN_ROWS;
    unsigned threads = query->lend && query->threads > 1 ? query->threads : 1;
    search->part_count = threads < INDEX_THREADS_MAX ? threads : INDEX_THREADS_MAX;
    search->parts = calloc(search->part_count, sizeof *search->parts);
    search->best = calloc(query->query_count * query->k, sizeof *search->best);
    search->row = malloc(index->rows.vector_bytes);
    if (!search->parts || !search->best || !search->row) {
        return no_memory(error);
    }
    for (size_t q = 0; q < query->query_count; q++) {
        const float *vector = query->vectors + q * index->shape.dimension;
        if (quantize_query(&index->codes.layout, vector, &search->queries[q]) < 0) {
            return no_memory(error);
        }
    }
    return find_filter(search, error);
}

static void finish(struct search *search)
{
    for (size_t q = 0; q < search->query->query_count; q++) {
        quantized_query_done(&search->queries[q]);
    }
    if (search->snapshot.txn) {
        snapshot_end(&search->index->snapshots, &search->index->meta, &search->snapshot);
    }
    filter_unref(search->filter);
    free(search->parts);
    free(search->best);
    free(search->row);
}

static int rescore_query(struct search *search, size_t q, struct candidates *candidates,
                         struct error *error)
{
    const struct index_query *query = search->query;
    struct index *index = search->index;
    struct rescoring rescoring = {
        .index = index,
        .snapshot = &search->snapshot,
        .query = query->vectors + q * index->shape.dimension,
        .norm = search->queries[q].norm,
        .has_min_score = query->has_min_score,
        .min_score = query->min_score,
        .k = query->k,
        .row = search->row,
        .best = search->best + q * query->k,
    };
    int r = rescore(&rescoring, candidates, error);
    search->counts[q] = rescoring.count;
    search->damaged += rescoring.damaged;
    search->again = search->again || rescoring.newly_damaged;
    atomic_fetch_add_explicit(&index->rescored, rescoring.read, memory_order_relaxed);
    return r;
}

/* Merges and scores what the threads found. */
static int gather(struct search *search, struct error *error)
{
    struct candidates *all = search->parts[0].candidates;
    int r = 0;
    bool failed = !all;
    for (unsigned part = 0; part < search->part_count; part++) {
        failed = failed || search->parts[part].result < 0;
    }
    if (failed) {
        return no_memory(error);
    }
    for (size_t q = 0; q < search->query->query_count && r == 0; q++) {
        for (unsigned part = 1; part < search->part_count; part++) {
            if (search->parts[part].candidates &&
                candidates_merge(&all[q], &search->parts[part].candidates[q]) < 0) {
                return no_memory(error);
            }
        }
        double own = candidates_threshold(&all[q]);
        double shared = atomic_load(&search->thresholds[q]);
        candidates_sort(&all[q], own > shared ? own : shared);
        r = rescore_query(search, q, &all[q], error);
    }
    return r;
}

static int run_pass(struct search *search, struct error *error)
{
    const struct index_query *query = search->query;
    struct index *index = search->index;
    struct scan scan = {.index = index,
                        .generation = search->snapshot.head.generation,
                        .blocks = search->blocks,
                        .filter = search->filter ? search->filter->words : NULL,
                        .queries = search->queries,
                        .query_count = query->query_count,
                        .thresholds = search->thresholds,
                        .k = query->k,
                        .parts = search->parts};
    for (size_t q = 0; q < query->query_count; q++) {
        atomic_store(&search->thresholds[q],
                     query->has_min_score ? rescore_floor(index->shape.metric, query->min_score,
                                                          search->queries[q].norm)
                                          : -INFINITY);
    }
    memset(search->parts, 0, search->part_count * sizeof *search->parts);
    search->damaged = 0;
    search->again = false;
    if (search->part_count > 1) {
        query->lend(query->lender, search->part_count, scan_run, &scan);
    }
    if (!search->parts[0].candidates) {
        scan_run(&scan, 0); /* no thread was lent */
    }
    int r = gather(search, error);
    for (unsigned part = 0; part < search->part_count; part++) {
        scan_part_done(&search->parts[part], query->query_count);
    }
    atomic_fetch_add_explicit(&index->scanned, search->snapshot.head.live * query->query_count,
                              memory_order_relaxed);
    return r;
}

/* The pieces of an answer within its one block of memory. */
struct pieces {
    struct index_hits *queries;
    struct index_hit *hits;
    char *text;
};

static int answer_memory(const struct search *search, struct pieces *ret_pieces)
{
    size_t hits = 0;
    size_t text = 1; /* never an empty block */
    size_t queries = search->query->query_count;
    for (size_t q = 0; q < queries; q++) {
        hits += search->counts[q];
        for (size_t i = 0; i < search->counts[q]; i++) {
            text += search->best[q * search->query->k + i].key.size + 1;
        }
    }
    size_t head = queries * sizeof(struct index_hits);
    char *memory = malloc(head + hits * sizeof(struct index_hit) + text);
    if (!memory) {
        return -ENOMEM;
    }
    ret_pieces->queries = (struct index_hits *)(void *)memory;
    ret_pieces->hits = (struct index_hit *)(void *)(memory + head);
    ret_pieces->text = memory + head + hits * sizeof(struct index_hit);
    return 0;
}

static int make_answer(const struct search *search, struct index_answer *ret_answer,
                       struct error *error)
{
    enum index_metric metric = search->index->shape.metric;
    struct pieces pieces;
    if (answer_memory(search, &pieces) < 0) {
        return no_memory(error);
    }
    *ret_answer = (struct index_answer){.queries = pieces.queries,
                                        .query_count = search->query->query_count,
                                        .generation = search->snapshot.head.generation,
                                        .damaged = search->damaged,
                                        .memory = pieces.queries};
    for (size_t q = 0; q < ret_answer->query_count; q++) {
        pieces.queries[q] = (struct index_hits){.hits = pieces.hits, .count = search->counts[q]};
        for (size_t i = 0; i < search->counts[q]; i++) {
            const struct ranked *ranked = &search->best[q * search->query->k + i];
            memcpy(pieces.text, ranked->key.bytes, ranked->key.size);
            pieces.text[ranked->key.size] = '\0';
            *pieces.hits++ = (struct index_hit){.key = pieces.text,
                                                .score = rescore_score(metric, ranked->rank),
                                                .distance = rescore_distance(metric, ranked->rank)};
            pieces.text += ranked->key.size + 1;
        }
    }
    return 0;
}

int index_search(struct index *index, const struct index_query *query,
                 struct index_answer *ret_answer, struct error *error)
{
    int r = check_query(index, query, error);
    if (r < 0) {
        return r;
    }
    cleanup_free struct search *search = calloc(1, sizeof *search);
    if (!search) {
        return no_memory(error);
    }
    search->index = index;
    search->query = query;
    r = prepare(search, error);
    for (unsigned pass = 0; r == 0 && pass < PASSES_MAX; pass++) {
        r = run_pass(search, error);
        if (!search->again) {
            break;
        }
    }
    if (r == 0) {
        r = make_answer(search, ret_answer, error);
    }
    finish(search);
    atomic_fetch_add_explicit(&index->searches, 1, memory_order_relaxed);
    return r;
}

int index_count(struct index *index, const struct index_prefixes *prefixes, uint64_t *ret_rows,
                struct error *error)
{
    struct snapshot snapshot;
    struct filter *filter = filter_find(&index->filters, atomic_load(&index->generation), prefixes);
    if (filter) { /* takes no place of a reader */
        *ret_rows = filter->rows;
        filter_unref(filter);
        return 0;
    }
    int r = snapshot_begin(&index->snapshots, &index->meta, &snapshot, error);
    if (r < 0) {
        return r;
    }
    uint64_t rows = snapshot.head.live;
    if (!is_all(prefixes)) {
        r = filter_get(&index->filters, &index->meta, &snapshot, prefixes, &filter, error);
        rows = r == 0 ? filter->rows : 0;
        filter_unref(filter);
    }
    snapshot_end(&index->snapshots, &index->meta, &snapshot);
    if (r == 0) {
        *ret_rows = rows;
    }
    return r;
}

void index_answer_done(struct index_answer *answer)
{
    free(answer->memory);
    *answer = (struct index_answer){.memory = NULL};
}
