/* SPDX-License-Identifier: Apache-2.0
 *
 * Searches: by a stored object, by an image in memory, and by vectors. In the caller's thread.
 */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "client/index_object.h"
#include "client/name_check.h"
#include "client/plain_numbers.h"
#include "client/reply.h"
#include "client/url.h"
#include "data/object_name.h"

struct batch {
    struct situ_batch public;    /* first */
    struct situ_hits *queries;   /* owned */
    struct document **documents; /* owned; one for each request */
    size_t document_count;
};

/* ---- Requests -------------------------------------------------------------------------------- */

static int options_read(struct situ_search_options *known,
                        const struct situ_search_options *options, struct situ_error *error)
{
    int r = client_options(known, sizeof *known, options, error);
    const char *fault = NULL;
    if (r) {
        return r;
    }
    if (known->k > LIMIT_SEARCH_HITS) {
        fault = "k is above 1000";
    } else if (known->has_min_score && !isfinite(known->min_score)) {
        fault = "min_score is no finite number";
    }
    return fault ? client_fail(error, SITU_USAGE, "options: %s", fault) : 0;
}

/* The members after the query, which is the name `object`; NULL for vectors. */
static void put_options(struct json_writer *w, const char *object,
                        const struct situ_search_options *options)
{
    bool encoded = !object_name_is_text(object) || !object_name_is_text(options->prefix);
    if (options->k) {
        json_put_unsigned(w, "k", options->k);
    }
    if (options->prefix && options->prefix[0]) {
        object_name_put_value(w, "prefix", options->prefix, encoded);
    }
    if (encoded) {
        json_put_bool(w, "encoded", true);
    }
    if (options->has_min_score) {
        json_put_double(w, "min_score", options->min_score);
    }
    if (options->exclude_self) {
        json_put_bool(w, "self", false);
    }
}

static int write_query(struct buffer *target, const struct situ_search_options *options,
                       struct situ_error *error)
{
    if (options->k) {
        url_append_number(target, "k", options->k);
    }
    if (options->prefix && options->prefix[0]) {
        url_append_query(target, "prefix", options->prefix);
    }
    return options->has_min_score ? url_append_real(target, "min_score", options->min_score, error)
                                  : 0;
}

static struct request query_request(struct buffer *target, struct buffer *body)
{
    struct request request = request_json("POST", target, body);
    request.compressed = true;
    request.repeatable = true;
    return request;
}

/* ---- Responses ------------------------------------------------------------------------------- */

/* Fills *hits from {"hits":[...]}; its strings are the document's. */
static int hits_read(struct document *document, const struct json *node, struct situ_hits *hits,
                     struct situ_error *error)
{
    const struct json *list = json_member(node, "hits");
    if (json_type_of(list) != JSON_TYPE_ARRAY) {
        return client_fail(error, SITU_PROTOCOL, "the array's hits cannot be read");
    }
    size_t count = json_length(list);
    struct situ_hit *memory = document_alloc(document, count, sizeof *memory + sizeof(char *));
    if (!memory) {
        return client_fail_memory(error);
    }
    const char **raw_names = (const char **)(void *)(memory + count);
    for (size_t i = 0; i < count; i++) {
        const struct json *hit = json_element(list, i);
        memory[i] = (struct situ_hit){
            .object = json_get_string(json_member(hit, "object"), NULL),
            .score = json_get_number(json_member(hit, "score"), (double)NAN),
            .distance = json_get_number(json_member(hit, "distance"), (double)NAN)};
        if (!memory[i].object) {
            return client_fail(error, SITU_PROTOCOL, "the array gives a hit without an object");
        }
        int r = document_name(document, hit, "object", &raw_names[i], error);
        if (r) {
            return r;
        }
    }
    *hits = (struct situ_hits){.hits = memory, .count = count, .json = ""};
    return 0;
}

const char *situ_hit_raw_name(const struct situ_hits *hits, size_t index)
{
    if (!hits || index >= hits->count) {
        return NULL;
    }
    return ((const char *const *)(const void *)(hits->hits + hits->count))[index];
}

static int fill(struct document *document, struct situ_error *error)
{
    struct situ_hits *hits = document_public(document);
    int r = hits_read(document, document->root, hits, error);
    hits->damaged = reply_count(document->root, "damaged");
    hits->json = document_text(document);
    return r;
}

static int ask(struct situ *array, const struct request *request, struct situ_hits **ret_hits,
               struct situ_error *error)
{
    static const struct document_form form = {sizeof(struct situ_hits), fill};
    return document_fetch(array, request, &form, ret_hits, error);
}

/* ---- One query ------------------------------------------------------------------------------- */

static int begin(const struct situ *array, struct situ_hits **ret_hits,
                 struct situ_search_options *known, const struct situ_search_options *options,
                 struct situ_error *error)
{
    if (ret_hits) {
        *ret_hits = NULL;
    }
    if (!array || !ret_hits) {
        return -EINVAL;
    }
    return options_read(known, options, error);
}

int situ_search(struct situ *array, const char *index, const char *object,
                const struct situ_search_options *options, struct situ_hits **ret_hits,
                struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    cleanup_buffer struct buffer body = BUFFER_INIT;
    struct situ_search_options known;
    int r = begin(array, ret_hits, &known, options, error);
    if (r) {
        return r;
    }
    r = index_target(&target, index, "/search", error);
    if (r) {
        return r;
    }
    r = object_name_check(object, error);
    if (r) {
        return r;
    }
    struct plain_numbers plain;
    if (plain_numbers_begin(&plain)) {
        return client_fail_memory(error);
    }
    struct json_writer w = JSON_WRITER(&body);
    json_begin_object(&w, NULL);
    object_name_put_value(&w, "object", object,
                          !object_name_is_text(object) || !object_name_is_text(known.prefix));
    put_options(&w, object, &known);
    json_end_object(&w);
    plain_numbers_end(&plain);
    struct request request = query_request(&target, &body);
    return ask(array, &request, ret_hits, error);
}

/* The image is two parameters, and the last two are those of every call. */
/* NOLINTNEXTLINE(readability-function-size) */
int situ_search_bytes(struct situ *array, const char *index, const void *bytes, size_t size,
                      const struct situ_search_options *options, struct situ_hits **ret_hits,
                      struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    struct situ_search_options known;
    int r = begin(array, ret_hits, &known, options, error);
    if (r) {
        return r;
    }
    if (!bytes) {
        return client_fail(error, SITU_USAGE, "situ_search_bytes: no bytes");
    }
    r = index_target(&target, index, "/search", error);
    if (r) {
        return r;
    }
    r = write_query(&target, &known, error);
    if (r) {
        return r;
    }
    struct request request = request_of("POST", &target);
    request.content = CONTENT_OCTETS;
    request.body = bytes;
    request.body_size = size;
    request.compressed = true;
    request.repeatable = true;
    return ask(array, &request, ret_hits, error);
}

void situ_hits_free(struct situ_hits *hits)
{
    document_free_public(hits);
}

/* ---- Many queries ---------------------------------------------------------------------------- */

/* The queries of a batch. */
struct queries {
    const float *vectors; /* borrowed */
    size_t dimension;
    const struct situ_search_options *options; /* borrowed */
};

/* The body of a request for `count` queries from `first` on. */
static int write_vectors(struct buffer *body, const struct queries *queries, size_t first,
                         size_t count, struct situ_error *error)
{
    const float *value = queries->vectors + first * queries->dimension;
    struct json_writer w = JSON_WRITER(body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "vectors");
    for (size_t i = 0; i < count; i++) {
        json_begin_array(&w, NULL);
        for (size_t d = 0; d < queries->dimension; d++, value++) {
            if (!isfinite(*value)) {
                return client_fail(error, SITU_USAGE,
                                   "a vector has a value that is no finite number");
            }
            json_put_float(&w, NULL, *value);
        }
        json_end_array(&w);
    }
    json_end_array(&w);
    put_options(&w, NULL, queries->options);
    json_end_object(&w);
    return 0;
}

/* Reads the hits of `count` queries from `first` on. */
static int take_hits(struct batch *batch, struct document *document, size_t first, size_t count,
                     struct situ_error *error)
{
    const struct json *results = json_member(document->root, "results");
    if (json_type_of(results) != JSON_TYPE_ARRAY || json_length(results) != count) {
        return client_fail(error, SITU_PROTOCOL, "the array's hits cannot be read");
    }
    for (size_t i = 0; i < count; i++) {
        struct situ_hits *hits = &batch->queries[first + i];
        int r = hits_read(document, json_element(results, i), hits, error);
        if (r) {
            return r;
        }
        hits->damaged = reply_count(document->root, "damaged");
    }
    return 0;
}

static int search_some(struct situ *array, struct buffer *target, const struct queries *queries,
                       struct batch *batch, size_t first, struct situ_error *error)
{
    cleanup_buffer struct buffer body = BUFFER_INIT;
    struct plain_numbers plain;
    size_t left = batch->public.count - first;
    size_t count = left < LIMIT_SEARCH_QUERIES ? left : LIMIT_SEARCH_QUERIES;
    if (plain_numbers_begin(&plain)) {
        return client_fail_memory(error);
    }
    int r = write_vectors(&body, queries, first, count, error);
    plain_numbers_end(&plain);
    if (r) {
        return r;
    }
    struct request request = query_request(target, &body);
    struct document **place = &batch->documents[batch->document_count];
    r = document_request(array, &request, NULL, place, error);
    if (r) {
        return r;
    }
    batch->document_count++;
    return take_hits(batch, *place, first, count, error);
}

static struct batch *batch_new(size_t count)
{
    struct batch *batch = calloc(1, sizeof *batch);
    if (!batch) {
        return NULL;
    }
    batch->queries = calloc(count + 1, sizeof *batch->queries);
    batch->documents = calloc(count / LIMIT_SEARCH_QUERIES + 1, sizeof(struct document *));
    batch->public = (struct situ_batch){.queries = batch->queries, .count = count};
    if (!batch->queries || !batch->documents) {
        situ_batch_free(&batch->public);
        return NULL;
    }
    return batch;
}

static int search_all(struct situ *array, const char *index, const struct queries *queries,
                      struct batch *batch, struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    int r = index_target(&target, index, "/search", error);
    for (size_t first = 0; r == 0 && first < batch->public.count; first += LIMIT_SEARCH_QUERIES) {
        r = search_some(array, &target, queries, batch, first, error);
    }
    return r;
}

/* The vectors are three parameters, and the last two are those of every call. */
/* NOLINTNEXTLINE(readability-function-size) */
int situ_search_vectors(struct situ *array, const char *index, const float *vectors, size_t count,
                        size_t dimension, const struct situ_search_options *options,
                        struct situ_batch **ret_batch, struct situ_error *error)
{
    struct situ_search_options known;
    if (ret_batch) {
        *ret_batch = NULL;
    }
    if (!array || !ret_batch) {
        return -EINVAL;
    }
    int r = options_read(&known, options, error);
    if (r) {
        return r;
    }
    if (!vectors || count == 0 || dimension == 0 || dimension > LIMIT_SEARCH_DIMENSION ||
        count > SIZE_MAX / 2 / dimension / sizeof(float)) {
        return client_fail(error, SITU_USAGE, "vectors: give at least one, of 1 to %u values each",
                           LIMIT_SEARCH_DIMENSION);
    }
    known.exclude_self = 0;
    struct batch *batch = batch_new(count);
    if (!batch) {
        return client_fail_memory(error);
    }
    struct queries queries = {.vectors = vectors, .dimension = dimension, .options = &known};
    r = search_all(array, index, &queries, batch, error);
    if (r) {
        situ_batch_free(&batch->public);
        return r;
    }
    *ret_batch = &batch->public;
    return 0;
}

void situ_batch_free(struct situ_batch *batch)
{
    if (batch) {
        struct batch *whole = (struct batch *)(void *)batch;
        for (size_t i = 0; i < whole->document_count; i++) {
            document_free(whole->documents[i]);
        }
        free(whole->documents);
        free(whole->queries);
        free(whole);
    }
}
