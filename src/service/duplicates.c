/* SPDX-License-Identifier: Apache-2.0
 *
 * A row with the same vector as an earlier row is joined to it without a search: otherwise each of
 * ten thousand copies of an image would find all others.
 */
#include "service/duplicates.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/hash.h"
#include "index/groups.h"
#include "service/search_pool.h"

enum {
    FIRST_HITS = 16, /* per row at first; if all of them score well, a search for more follows */
    MORE_HITS = 8,   /* the factor from one search to the next */
};

struct duplicates {
    struct duplicates_options options;
    struct index_shape shape;
    struct groups *groups; /* owned */
    uint64_t objects;
    uint64_t damaged; /* objects whose rows the walk could not read */

    /* Rows that are searched for together. */
    float *vectors;                /* owned; INDEX_QUERIES_MAX of them */
    char *keys[INDEX_QUERIES_MAX]; /* owned */
    uint64_t hashes[INDEX_QUERIES_MAX];
    size_t count;
    size_t prefix;       /* the one that is walked over */
    struct buffer after; /* the last key that was walked over */
    float *other;        /* owned; one row */
    float *first;        /* owned; the row of a group's first object */
};

/* ---- rows ---- */

/* Joins the row to an earlier one with the same vector; *ret_same is false if there is none. */
static int join_same(struct duplicates *duplicates, const char *key, const float *vector,
                     uint64_t hash, bool *ret_same)
{
    const char *earlier = groups_noted(duplicates->groups, hash);
    size_t size = duplicates->shape.dimension * sizeof *vector;
    struct error ignored;
    bool found = false;
    *ret_same =
        earlier &&
        index_get(duplicates->options.index, earlier, duplicates->other, &found, &ignored) == 0 &&
        found && memcmp(duplicates->other, vector, size) == 0;
    return *ret_same ? groups_join(duplicates->groups, earlier, key) : 0;
}

static int take_row(struct duplicates *duplicates, const char *key, const float *vector)
{
    size_t size = duplicates->shape.dimension * sizeof *vector;
    uint64_t hash = hash_bytes(vector, size, 0);
    bool same = false;
    int r = join_same(duplicates, key, vector, hash, &same);
    if (r < 0 || same) {
        return r;
    }
    char *copy = strdup(key);
    free(duplicates->keys[duplicates->count]);
    duplicates->keys[duplicates->count] = copy;
    duplicates->hashes[duplicates->count] = hash;
    duplicates->count += copy ? 1 : 0;
    return copy ? 0 : -ENOMEM;
}

/* Takes rows whose keys begin with the prefix, until there are as many as are searched for
 * together; *ret_end: there are no more of them. Each call has a walk of its own: a single walk
 * would keep the places of removed rows from being reused until its end. */
static int take_rows_below(struct duplicates *duplicates, const char *prefix, bool *ret_end,
                           struct error *error)
{
    struct index_walk *walk = NULL;
    const char *after = buffer_text(&duplicates->after);
    int r =
        after ? index_walk_new(duplicates->options.index, prefix, after, &walk, error) : -ENOMEM;
    if (r < 0) {
        return r;
    }
    *ret_end = false;
    while (r == 0 && !*ret_end && duplicates->count < INDEX_QUERIES_MAX) {
        const char *key = NULL;
        float *vector = duplicates->vectors + duplicates->count * duplicates->shape.dimension;
        int next = index_walk_next(walk, &key, vector, error);
        if (next == 0 || (next < 0 && next != -EBADMSG)) {
            *ret_end = true;
            r = next;
            continue;
        }
        buffer_clear(&duplicates->after);
        buffer_append_text(&duplicates->after, key);
        duplicates->objects += next == 1;
        duplicates->damaged += next == -EBADMSG;
        r = next == 1 ? take_row(duplicates, key, vector) : 0;
    }
    index_walk_free(walk);
    return r;
}

/* Takes the next rows. 0 at the end. */
static int take_rows(struct duplicates *duplicates, struct error *error)
{
    static const char *const all = "";
    const struct duplicates_options *options = &duplicates->options;
    const struct index_prefixes *prefixes = &options->prefixes;
    const char *const *list = prefixes->count > 0 ? prefixes->list : &all;
    size_t count = prefixes->count > 0 ? prefixes->count : 1;
    count = options->none ? 0 : count;
    duplicates->count = 0;
    while (duplicates->prefix < count && duplicates->count < INDEX_QUERIES_MAX) {
        bool end = false;
        int r = take_rows_below(duplicates, list[duplicates->prefix], &end, error);
        if (r < 0) {
            return r;
        }
        if (end) {
            duplicates->prefix++;
            buffer_clear(&duplicates->after);
            buffer_append_text(&duplicates->after, "");
        }
    }
    return duplicates->count > 0;
}

/* ---- searches ---- */

/* Joins the hits of a row to its group. *ret_more: there may be more hits than the k that were
 * returned. */
static int join_hits(struct duplicates *duplicates, size_t row, const struct index_hits *hits,
                     size_t k, bool *ret_more)
{
    const char *key = duplicates->keys[row];
    bool near = false;
    int r = 0;
    for (size_t i = 0; i < hits->count && r == 0; i++) {
        if (strcmp(hits->hits[i].key, key) != 0) {
            r = groups_join(duplicates->groups, key, hits->hits[i].key);
            near = true;
        }
    }
    *ret_more = hits->count == k && k < INDEX_K_MAX;
    return r == 0 && near ? groups_note(duplicates->groups, duplicates->hashes[row], key) : r;
}

/* Moves a row that is searched for again to the front. */
static void keep_row(struct duplicates *duplicates, size_t to, size_t from)
{
    if (to != from) {
        char *key = duplicates->keys[to];
        duplicates->keys[to] = duplicates->keys[from];
        duplicates->keys[from] = key;
        duplicates->hashes[to] = duplicates->hashes[from];
        memcpy(duplicates->vectors + to * duplicates->shape.dimension,
               duplicates->vectors + from * duplicates->shape.dimension,
               duplicates->shape.dimension * sizeof *duplicates->vectors);
    }
}

static int search_rows(struct duplicates *duplicates, size_t k, struct error *error)
{
    struct index_answer answer = {0};
    struct index_query query = {.vectors = duplicates->vectors,
                                .query_count = duplicates->count,
                                .k = k,
                                .prefixes = duplicates->options.prefixes,
                                .has_min_score = true,
                                .min_score = duplicates->options.min_score,
                                .threads = duplicates->options.threads,
                                .lend = search_pool_lend,
                                .lender = duplicates->options.pool};
    int r = index_search(duplicates->options.index, &query, &answer, error);
    if (r < 0) {
        return r;
    }
    size_t again = 0;
    for (size_t i = 0; i < answer.query_count && r == 0; i++) {
        bool more = false;
        r = join_hits(duplicates, i, &answer.queries[i], k, &more);
        if (more) {
            keep_row(duplicates, again++, i);
        }
    }
    index_answer_done(&answer);
    duplicates->count = again;
    return r;
}

int duplicates_search(struct duplicates *duplicates, duplicates_progress progress, void *context,
                      struct error *error)
{
    int r = 0;
    while ((r = take_rows(duplicates, error)) > 0) {
        for (size_t k = FIRST_HITS; duplicates->count > 0; k *= MORE_HITS) {
            r = search_rows(duplicates, k < INDEX_K_MAX ? k : INDEX_K_MAX, error);
            r = r < 0 ? r : progress(context, duplicates->objects);
            if (r < 0) {
                return r;
            }
        }
    }
    return r;
}

/* ---- groups ---- */

static double score(const struct duplicates *duplicates, const float *row)
{
    const float *first = duplicates->first;
    double product = 0;
    double norm = 0;
    double square = 0;
    for (uint32_t i = 0; i < duplicates->shape.dimension; i++) {
        double difference = (double)row[i] - (double)first[i];
        product += (double)row[i] * (double)first[i];
        norm += (double)first[i] * (double)first[i];
        square += difference * difference;
    }
    switch (duplicates->shape.metric) {
    case INDEX_COSINE:
        return norm > 0 ? product / sqrt(norm) : 0;
    case INDEX_DOT:
        return product;
    case INDEX_EUCLIDEAN:
        break;
    }
    return -sqrt(square);
}

/* A walk over the members of all groups. */
struct walk {
    struct duplicates *duplicates;
    duplicates_visit visit;
    void *context;
    size_t group; /* of the last member */
    bool started; /* the group has had a member */
};

static int on_member(void *context, const char *key, size_t group)
{
    struct walk *walk = context;
    struct duplicates *duplicates = walk->duplicates;
    struct error ignored;
    bool found = false;
    walk->started = walk->started && group == walk->group;
    walk->group = group;
    if (index_get(duplicates->options.index, key, duplicates->other, &found, &ignored) < 0 ||
        !found) {
        return 0;
    }
    struct duplicates_member member = {.key = key, .is_first = !walk->started};
    if (member.is_first) {
        memcpy(duplicates->first, duplicates->other,
               duplicates->shape.dimension * sizeof *duplicates->first);
    }
    walk->started = true;
    member.score = score(duplicates, duplicates->other);
    return walk->visit(walk->context, &member);
}

int duplicates_each(struct duplicates *duplicates, duplicates_visit visit, void *context)
{
    struct walk walk = {.duplicates = duplicates, .visit = visit, .context = context};
    return groups_each(duplicates->groups, on_member, &walk);
}

uint64_t duplicates_objects(const struct duplicates *duplicates)
{
    return duplicates->objects;
}

uint64_t duplicates_damaged(const struct duplicates *duplicates)
{
    struct index_status status; /* counts rows that were found damaged after the walk, too */
    if (duplicates->options.none || duplicates->options.prefixes.count > 0) {
        return duplicates->damaged; /* the others may be rows that are not looked at */
    }
    index_status(duplicates->options.index, &status);
    return status.damaged > duplicates->damaged ? status.damaged : duplicates->damaged;
}

/* ---- life ---- */

int duplicates_new(const struct duplicates_options *options, struct duplicates **ret_duplicates,
                   struct error *error)
{
    struct duplicates *duplicates = calloc(1, sizeof *duplicates);
    if (!duplicates) {
        return error_memory(error, NULL);
    }
    duplicates->options = *options;
    duplicates->shape = index_shape(options->index);
    size_t dimension = duplicates->shape.dimension;
    duplicates->vectors = calloc(INDEX_QUERIES_MAX * dimension, sizeof *duplicates->vectors);
    duplicates->other = calloc(dimension, sizeof *duplicates->other);
    duplicates->first = calloc(dimension, sizeof *duplicates->first);
    buffer_append_text(&duplicates->after, "");
    if (!duplicates->vectors || !duplicates->other || !duplicates->first ||
        groups_new(&duplicates->groups) < 0) {
        duplicates_free(duplicates);
        return error_memory(error, NULL);
    }
    *ret_duplicates = duplicates;
    return 0;
}

void duplicates_free(struct duplicates *duplicates)
{
    if (!duplicates) {
        return;
    }
    for (size_t i = 0; i < INDEX_QUERIES_MAX; i++) {
        free(duplicates->keys[i]);
    }
    groups_free(duplicates->groups);
    buffer_done(&duplicates->after);
    free(duplicates->vectors);
    free(duplicates->other);
    free(duplicates->first);
    free(duplicates);
}
