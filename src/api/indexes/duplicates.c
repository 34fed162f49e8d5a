/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /v1/indexes/INDEX/duplicates: every row is searched for in the index, many at once, and hits
 * that score well enough are joined to groups. Runs on a task thread, as long as it takes: it ends
 * when the client leaves. A row whose very vector was searched for before is joined to that one:
 * ten thousand copies of one image would each find all the others else.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "api/indexes/indexes.h"
#include "api/line_stream.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "data/object_name.h"
#include "service/groups.h"
#include "service/search_pool.h"
#include "wire/search_request.h"
#include "wire/search_response.h"

enum {
    AT_ONCE = 2,     /* such requests: each takes what a core has for minutes */
    FIRST_HITS = 16, /* of a row; more are asked for where all of these score well */
    MORE_HITS = 8,   /* times as many */
    SEND_BYTES = 64 << 10,
};

#define MIN_SCORE 0.98
#define PROGRESS_NS NS_PER_S

struct duplicates {
    struct call *call;          /* borrowed */
    struct retrieval_use *use;  /* owned */
    struct index *index;        /* borrowed */
    struct line_stream *stream; /* borrowed */
    struct groups *groups;      /* owned */
    uint32_t dimension;
    enum index_metric metric;
    double min_score;
    bool progress;
    int64_t told_ns; /* when progress was */
    uint64_t objects;
    uint64_t damaged; /* objects whose rows could not be read */
    uint64_t group_count;
    struct buffer lines;

    /* Rows that are searched for together. */
    float *vectors;                /* owned; INDEX_QUERIES_MAX of them */
    char *keys[INDEX_QUERIES_MAX]; /* owned */
    uint64_t hashes[INDEX_QUERIES_MAX];
    size_t count;
    struct buffer after; /* the last key that was walked over */
    float *other;        /* owned; one row */

    /* The group that is being written. */
    size_t group; /* its number, which only tells it from its neighbours */
    float *first; /* owned; the row of its first object */
    size_t written;
    struct buffer line;
};

static void duplicates_done(struct duplicates *duplicates)
{
    for (size_t i = 0; i < INDEX_QUERIES_MAX; i++) {
        free(duplicates->keys[i]);
    }
    groups_free(duplicates->groups);
    retrieval_use_free(duplicates->use);
    buffer_done(&duplicates->lines);
    buffer_done(&duplicates->line);
    buffer_done(&duplicates->after);
    free(duplicates->vectors);
    free(duplicates->other);
    free(duplicates->first);
}

/* ---- rows ---- */

/* Joins the row to an earlier one that has its very vector; false where there is none. */
static int join_same(struct duplicates *duplicates, const char *key, const float *vector,
                     uint64_t hash, bool *ret_same)
{
    const char *earlier = groups_noted(duplicates->groups, hash);
    size_t size = duplicates->dimension * sizeof *vector;
    struct error ignored;
    bool found = false;
    *ret_same = earlier &&
                index_get(duplicates->index, earlier, duplicates->other, &found, &ignored) == 0 &&
                found && memcmp(duplicates->other, vector, size) == 0;
    return *ret_same ? groups_join(duplicates->groups, earlier, key) : 0;
}

static int take_row(struct duplicates *duplicates, const char *key, const float *vector)
{
    size_t size = duplicates->dimension * sizeof *vector;
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

/* The next rows, as many as are searched for together; each time by a walk of its own, since one
 * over all of it would keep places from being used again for all that time. 0 at the end. */
static int take_rows(struct duplicates *duplicates, struct error *error)
{
    struct index_walk *walk = NULL;
    const char *after = buffer_text(&duplicates->after);
    duplicates->count = 0;
    if (!after) {
        return -ENOMEM;
    }
    int r = index_walk_new(duplicates->index, "", after, &walk, error);
    if (r < 0) {
        return r;
    }
    bool more = true;
    while (r == 0 && more && duplicates->count < INDEX_QUERIES_MAX) {
        const char *key = NULL;
        float *vector = duplicates->vectors + duplicates->count * duplicates->dimension;
        int next = index_walk_next(walk, &key, vector, error);
        if (next == 0 || (next < 0 && next != -EBADMSG)) {
            more = false;
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
    return r < 0 ? r : duplicates->count > 0;
}

/* ---- searches ---- */

/* The hits of one row are its group's. *ret_more: there may be more than were asked for. */
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

/* Of what is asked for again, the rows that go to the front. */
static void keep_row(struct duplicates *duplicates, size_t to, size_t from)
{
    if (to != from) {
        char *key = duplicates->keys[to];
        duplicates->keys[to] = duplicates->keys[from];
        duplicates->keys[from] = key;
        duplicates->hashes[to] = duplicates->hashes[from];
        memcpy(duplicates->vectors + to * duplicates->dimension,
               duplicates->vectors + from * duplicates->dimension,
               duplicates->dimension * sizeof *duplicates->vectors);
    }
}

static int search_rows(struct duplicates *duplicates, size_t k, struct error *error)
{
    struct service *service = duplicates->call->service;
    struct index_answer answer = {0};
    struct index_query query = {.vectors = duplicates->vectors,
                                .query_count = duplicates->count,
                                .k = k,
                                .has_min_score = true,
                                .min_score = duplicates->min_score,
                                .threads = service->cores,
                                .lend = search_pool_lend,
                                .lender = service->search_pool};
    int r = index_search(duplicates->index, &query, &answer, error);
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

static int tell_progress(struct duplicates *duplicates)
{
    int64_t now_ns = clock_now_ns();
    if (!line_stream_is_open(duplicates->stream)) {
        return -EPIPE;
    }
    if (!duplicates->progress || now_ns - duplicates->told_ns < PROGRESS_NS) {
        return 0;
    }
    duplicates->told_ns = now_ns;
    buffer_printf(&duplicates->lines, "{\"progress\":{\"objects\":%llu}}\n",
                  (unsigned long long)duplicates->objects);
    return line_stream_send(duplicates->stream, &duplicates->lines);
}

static int find_groups(struct duplicates *duplicates, struct error *error)
{
    int r = 0;
    while ((r = take_rows(duplicates, error)) > 0) {
        r = 0;
        for (size_t k = FIRST_HITS; duplicates->count > 0 && r == 0; k *= MORE_HITS) {
            r = search_rows(duplicates, k < INDEX_K_MAX ? k : INDEX_K_MAX, error);
            r = r < 0 ? r : tell_progress(duplicates);
        }
        if (r < 0) {
            return r;
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
    for (uint32_t i = 0; i < duplicates->dimension; i++) {
        double difference = (double)row[i] - (double)first[i];
        product += (double)row[i] * (double)first[i];
        norm += (double)first[i] * (double)first[i];
        square += difference * difference;
    }
    switch (duplicates->metric) {
    case INDEX_COSINE:
        return norm > 0 ? product / sqrt(norm) : 0;
    case INDEX_DOT:
        return product;
    case INDEX_EUCLIDEAN:
        break;
    }
    return -sqrt(square);
}

static int end_group(struct duplicates *duplicates)
{
    if (duplicates->written > 1) {
        buffer_append(&duplicates->lines, duplicates->line.data, duplicates->line.size);
        buffer_append_text(&duplicates->lines, "]}\n");
        duplicates->group_count++;
    }
    duplicates->written = 0;
    buffer_clear(&duplicates->line);
    return duplicates->lines.size >= SEND_BYTES
               ? line_stream_send(duplicates->stream, &duplicates->lines)
               : buffer_ok(&duplicates->line);
}

static int write_member(struct duplicates *duplicates, const char *key)
{
    cleanup_buffer struct buffer name = BUFFER_INIT;
    struct buffer *line = &duplicates->line;
    retrieval_use_name(duplicates->use, key, &name);
    const char *text = buffer_text(&name);
    if (!text) {
        return -ENOMEM;
    }
    buffer_append_text(line, duplicates->written > 0 ? ",{" : "{\"group\":[{");
    object_name_write(line, "object", text);
    buffer_append_text(line, ",\"score\":");
    search_response_number(&JSON_WRITER(line), NULL, score(duplicates, duplicates->other));
    buffer_append_char(line, '}');
    duplicates->written++;
    return 0;
}

/* An object that is gone meanwhile, or cannot be read, is left out. */
static int on_member(void *context, const char *key, size_t group)
{
    struct duplicates *duplicates = context;
    struct error ignored;
    bool found = false;
    int r = group != duplicates->group ? end_group(duplicates) : 0;
    duplicates->group = group;
    if (r < 0 || index_get(duplicates->index, key, duplicates->other, &found, &ignored) < 0 ||
        !found) {
        return r;
    }
    if (duplicates->written == 0) {
        memcpy(duplicates->first, duplicates->other,
               duplicates->dimension * sizeof *duplicates->first);
    }
    return write_member(duplicates, key);
}

/* Rows that the walk could not read, or those that were found to be damaged behind it. */
static uint64_t count_damaged(const struct duplicates *duplicates)
{
    struct index_status status;
    index_status(duplicates->index, &status);
    return status.damaged > duplicates->damaged ? status.damaged : duplicates->damaged;
}

static int write_groups(struct duplicates *duplicates)
{
    duplicates->group = SIZE_MAX;
    int r = groups_each(duplicates->groups, on_member, duplicates);
    if (r == 0) {
        r = end_group(duplicates);
    }
    if (r < 0) {
        return r;
    }
    uint64_t damaged = count_damaged(duplicates);
    buffer_printf(&duplicates->lines, "{\"done\":{\"objects\":%llu,\"groups\":%llu",
                  (unsigned long long)duplicates->objects,
                  (unsigned long long)duplicates->group_count);
    if (damaged > 0) {
        buffer_printf(&duplicates->lines, ",\"damaged\":%llu", (unsigned long long)damaged);
    }
    buffer_append_text(&duplicates->lines, "}}\n");
    return line_stream_send(duplicates->stream, &duplicates->lines);
}

/* ---- the request ---- */

static int prepare(struct duplicates *duplicates, struct error *error)
{
    struct call *call = duplicates->call;
    const char *text = http_request_query(call->request, "min_score");
    const char *progress = http_request_query(call->request, "progress");
    duplicates->min_score = MIN_SCORE;
    if (text && !search_request_number(text, &duplicates->min_score)) {
        return error_set(error, ERROR_MALFORMED, "min_score=%.40s: a number is wanted", text);
    }
    duplicates->progress = progress && strcmp(progress, "1") == 0;
    int r = retrieval_use(call->service->retrieval, call->captures[0], &duplicates->use, error);
    if (r < 0) {
        return r;
    }
    duplicates->index = retrieval_use_index(duplicates->use);
    struct index_shape shape = index_shape(duplicates->index);
    duplicates->dimension = shape.dimension;
    duplicates->metric = shape.metric;
    duplicates->vectors =
        calloc((size_t)INDEX_QUERIES_MAX * shape.dimension, sizeof *duplicates->vectors);
    duplicates->other = calloc(shape.dimension, sizeof *duplicates->other);
    duplicates->first = calloc(shape.dimension, sizeof *duplicates->first);
    buffer_append_text(&duplicates->after, "");
    if (!duplicates->vectors || !duplicates->other || !duplicates->first ||
        groups_new(&duplicates->groups) < 0) {
        return error_memory(error, NULL);
    }
    return 0;
}

static void run(struct call *call)
{
    struct error error = {0};
    struct duplicates duplicates = {.call = call};
    if (prepare(&duplicates, &error) < 0) {
        call_respond_error(call, &error);
    } else {
        duplicates.stream = line_stream_begin(call);
        duplicates.told_ns = clock_now_ns();
    }
    if (duplicates.stream) {
        int r = find_groups(&duplicates, &error);
        r = r < 0 ? r : write_groups(&duplicates);
        if (r < 0 && error.code != ERROR_NONE) {
            char message[ERROR_MESSAGE_SIZE];
            log_event(LOG_LEVEL_WARNING, "duplicates_failed", "index=%s message=%s",
                      call->captures[0], log_quote(message, sizeof message, error.message));
        }
        line_stream_end(duplicates.stream, r < 0);
    }
    duplicates_done(&duplicates);
}

void indexes_duplicates(struct call *call)
{
    struct api *api = call->api;
    if (atomic_fetch_add(&api->duplicates_running, 1) < AT_ONCE) {
        run(call);
    } else {
        call_respond_status(call, 429, "others look for duplicates; try again later");
    }
    atomic_fetch_sub(&api->duplicates_running, 1);
}
