/* SPDX-License-Identifier: Apache-2.0
 *
 * Searches: by a stored object, by an image in hand, and by many vectors. In the caller's thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "client/index_object.h"
#include "client/name_check.h"
#include "client/plain_numbers.h"
#include "data/object_name.h"

struct hits {
    struct situ_hits public; /* first */
    struct document document;
};

struct batch {
    struct situ_batch public;   /* first */
    struct situ_hits *queries;  /* owned */
    struct document *documents; /* owned; one for each request */
    size_t document_count;
};

/* ---- Asking ---------------------------------------------------------------------------------- */

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

/* The members behind the query itself, of which `object` is the name or NULL, and the closing
 * brace.
 */
static void write_options(struct buffer *body, const char *object,
                          const struct situ_search_options *options)
{
    bool encoded = !object_name_is_text(object) || !object_name_is_text(options->prefix);
    if (options->k) {
        buffer_printf(body, ",\"k\":%" PRIu32, options->k);
    }
    if (options->prefix && options->prefix[0]) {
        buffer_append_text(body, ",\"prefix\":");
        object_name_write_value(body, options->prefix, encoded);
    }
    buffer_append_text(body, encoded ? ",\"encoded\":true" : "");
    if (options->has_min_score) {
        buffer_append_text(body, ",\"min_score\":");
        json_write_double(body, options->min_score);
    }
    if (options->exclude_self) {
        buffer_append_text(body, ",\"self\":false");
    }
    buffer_append_char(body, '}');
}

static int write_query(struct buffer *target, const struct situ_search_options *options,
                       struct situ_error *error)
{
    cleanup_buffer struct buffer number = BUFFER_INIT;
    if (options->k) {
        buffer_printf(&number, "%" PRIu32, options->k);
        url_append_query(target, "k", number.data ? number.data : "");
    }
    if (options->prefix && options->prefix[0]) {
        url_append_query(target, "prefix", options->prefix);
    }
    if (options->has_min_score) {
        struct plain_numbers plain;
        if (plain_numbers_begin(&plain)) {
            return client_fail_memory(error);
        }
        buffer_clear(&number);
        json_write_double(&number, options->min_score);
        plain_numbers_end(&plain);
        const char *text = buffer_text(&number);
        url_append_query(target, "min_score", text ? text : "");
    }
    return buffer_ok(&number) || !buffer_text(target) ? client_fail_memory(error) : 0;
}

static struct request body_request(struct buffer *target, struct buffer *body)
{
    return (struct request){.method = "POST",
                            .target = buffer_text(target),
                            .content = CONTENT_JSON,
                            .body = buffer_text(body),
                            .body_size = body->size,
                            .compressed = true,
                            .repeatable = true};
}

/* ---- Reading --------------------------------------------------------------------------------- */

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

static uint64_t damaged_of(const struct json *root)
{
    int64_t damaged = json_get_integer(json_member(root, "damaged"), 0);
    return damaged > 0 ? (uint64_t)damaged : 0;
}

static int ask(struct situ *array, const struct request *request, struct situ_hits **ret_hits,
               struct situ_error *error)
{
    if (!request->target || !request->body) {
        return client_fail_memory(error);
    }
    struct hits *hits = calloc(1, sizeof *hits);
    if (!hits) {
        return client_fail_memory(error);
    }
    int r = document_request(&hits->document, array, request, error);
    if (r == 0) {
        r = hits_read(&hits->document, hits->document.root, &hits->public, error);
    }
    if (r) {
        situ_hits_free(&hits->public);
        return r;
    }
    hits->public.damaged = damaged_of(hits->document.root);
    hits->public.json = document_text(&hits->document);
    *ret_hits = &hits->public;
    return 0;
}

/* ---- One query ------------------------------------------------------------------------------- */

int situ_search(struct situ *array, const char *index, const char *object,
                const struct situ_search_options *options, struct situ_hits **ret_hits,
                struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    cleanup_buffer struct buffer body = BUFFER_INIT;
    struct situ_search_options known;
    const char *key = "";
    if (ret_hits) {
        *ret_hits = NULL;
    }
    if (!array || !ret_hits) {
        return -EINVAL;
    }
    int r = options_read(&known, options, error);
    if (r == 0) {
        r = index_target(&target, index, "/search", error);
    }
    if (r) {
        return r;
    }
    if (!object || name_split(object, &key) == 0 || !key[0]) {
        return client_fail(error, SITU_USAGE, "object '%.200s': give STORE/KEY",
                           object ? object : "");
    }
    struct plain_numbers plain;
    if (plain_numbers_begin(&plain)) {
        return client_fail_memory(error);
    }
    buffer_append_text(&body, "{\"object\":");
    object_name_write_value(&body, object,
                            !object_name_is_text(object) || !object_name_is_text(known.prefix));
    write_options(&body, object, &known);
    plain_numbers_end(&plain);
    struct request request = body_request(&target, &body);
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
    if (ret_hits) {
        *ret_hits = NULL;
    }
    if (!array || !ret_hits) {
        return -EINVAL;
    }
    int r = options_read(&known, options, error);
    if (r == 0 && !bytes) {
        r = client_fail(error, SITU_USAGE, "situ_search_bytes: no bytes");
    }
    if (r == 0) {
        r = index_target(&target, index, "/search", error);
    }
    if (r == 0) {
        r = write_query(&target, &known, error);
    }
    struct request request = {.method = "POST",
                              .target = target.data,
                              .content = CONTENT_OCTETS,
                              .body = bytes,
                              .body_size = size,
                              .compressed = true,
                              .repeatable = true};
    return r ? r : ask(array, &request, ret_hits, error);
}

void situ_hits_free(struct situ_hits *hits)
{
    if (hits) {
        struct hits *whole = (struct hits *)(void *)hits;
        document_done(&whole->document);
        free(whole);
    }
}

/* ---- Many queries ---------------------------------------------------------------------------- */

static int write_vectors(struct buffer *body, const float *vectors, size_t count, size_t dimension,
                         struct situ_error *error)
{
    buffer_append_text(body, "{\"vectors\":[");
    for (size_t i = 0; i < count * dimension; i++) {
        if (!isfinite(vectors[i])) {
            return client_fail(error, SITU_USAGE, "a vector has a value that is no finite number");
        }
        buffer_append_text(body, i % dimension != 0 ? "," : i > 0 ? "],[" : "[");
        json_write_float(body, vectors[i]);
    }
    buffer_append_text(body, "]]");
    return 0;
}

/* Asks for the queries from `first` on that go in one request. */
static int ask_some(struct situ *array, struct batch *batch, size_t first, size_t count,
                    const struct request *request, struct situ_error *error)
{
    struct document *document = &batch->documents[batch->document_count++];
    if (!request->target || !request->body) {
        return client_fail_memory(error);
    }
    int r = document_request(document, array, request, error);
    const struct json *results = json_member(document->root, "results");
    if (r == 0 && (json_type_of(results) != JSON_TYPE_ARRAY || json_length(results) != count)) {
        r = client_fail(error, SITU_PROTOCOL, "the array's hits cannot be read");
    }
    for (size_t i = 0; r == 0 && i < count; i++) {
        struct situ_hits *hits = &batch->queries[first + i];
        r = hits_read(document, json_element(results, i), hits, error);
        hits->damaged = damaged_of(document->root);
    }
    return r;
}

static struct batch *batch_new(size_t count)
{
    struct batch *batch = calloc(1, sizeof *batch);
    if (!batch) {
        return NULL;
    }
    batch->queries = calloc(count + 1, sizeof *batch->queries);
    batch->documents = calloc(count / LIMIT_SEARCH_QUERIES + 1, sizeof *batch->documents);
    batch->public = (struct situ_batch){.queries = batch->queries, .count = count};
    if (!batch->queries || !batch->documents) {
        situ_batch_free(&batch->public);
        return NULL;
    }
    return batch;
}

/* The queries of a batch. */
struct queries {
    const float *vectors; /* borrowed */
    size_t dimension;
    const struct situ_search_options *options; /* borrowed */
};

static int search_all(struct situ *array, const char *index, const struct queries *queries,
                      struct batch *batch, struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    cleanup_buffer struct buffer body = BUFFER_INIT;
    size_t count = batch->public.count;
    size_t dimension = queries->dimension;
    int r = index_target(&target, index, "/search", error);
    for (size_t first = 0; r == 0 && first < count; first += LIMIT_SEARCH_QUERIES) {
        size_t some = count - first;
        struct plain_numbers plain;
        some = some < LIMIT_SEARCH_QUERIES ? some : LIMIT_SEARCH_QUERIES;
        buffer_clear(&body);
        if (plain_numbers_begin(&plain)) {
            return client_fail_memory(error);
        }
        r = write_vectors(&body, queries->vectors + first * dimension, some, dimension, error);
        write_options(&body, NULL, queries->options);
        plain_numbers_end(&plain);
        struct request request = body_request(&target, &body);
        r = r ? r : ask_some(array, batch, first, some, &request, error);
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
            document_done(&whole->documents[i]);
        }
        free(whole->documents);
        free(whole->queries);
        free(whole);
    }
}
