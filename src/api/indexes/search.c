/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /v1/indexes/INDEX/search. The listener's thread passes the call to a search thread, which
 * takes the vectors that the index has; objects without one are inferred first, in the lanes, and
 * then a search thread continues.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "api/indexes/indexes.h"
#include "api/indexes/search_times.h"
#include "base/clock.h"
#include "data/key.h"
#include "service/search_pool.h"
#include "wire/search_request.h"
#include "wire/search_response.h"

/* A pass over fewer rows is too short to benefit from a second thread. */
enum { LEND_ROWS = 100000 };

/* The search holds one reference to the call, until the answer. */
struct search {
    struct search_work work; /* first member: work -> search */
    struct call *call;       /* borrowed */
    int64_t began_ns;
    struct search_request request; /* owned */
    struct retrieval_use *use;     /* owned; until the search is over */
    struct index_shape shape;
    float *vectors; /* owned; NULL: those of the request. query_count x dimension */

    /* The objects that are inferred. */
    struct infer_request infer;
    struct infer_item *items; /* owned */
    size_t *queries;          /* owned; the query of each item */
    size_t item_count;
    struct model *model; /* owned reference; the call is not counted as the model's */
    atomic_size_t running;
};

static void free_search(void *state)
{
    struct search *search = state;
    for (size_t i = 0; i < search->item_count; i++) {
        infer_item_reset(&search->items[i]);
    }
    model_unref(search->model);
    retrieval_use_free(search->use);
    search_request_done(&search->request);
    free(search->vectors);
    free(search->queries);
    free(search->items);
    free(search);
}

/* Releases the index before the answer: a client may be slow, and the last release of a removed
 * index removes its files. */
static void release(struct search *search)
{
    struct call *call = search->call;
    retrieval_use_free(take_ptr(search->use));
    search_times_observe(&call->api->search_times, call->captures[0],
                         clock_now_ns() - search->began_ns);
}

static void answer_error(struct search *search, const struct error *error)
{
    struct call *call = search->call;
    release(search);
    call_respond_error(call, error);
    call_unref(call);
}

/* ---- the search itself ---- */

static const char *own_key(const struct search *search, size_t query)
{
    const struct search_request *request = &search->request;
    return request->by == SEARCH_BY_OBJECT && !request->self
               ? retrieval_use_key(search->use, search_request_object(request, query))
               : NULL;
}

static void write_hits(const struct search *search, size_t query, const struct index_hits *hits,
                       struct search_response *response)
{
    cleanup_buffer struct buffer name = BUFFER_INIT;
    const char *self = own_key(search, query);
    search_response_open(response);
    for (size_t i = 0; i < hits->count && response->hits < search->request.k; i++) {
        const struct index_hit *hit = &hits->hits[i];
        if (self && strcmp(hit->key, self) == 0) {
            continue;
        }
        buffer_clear(&name);
        retrieval_use_name(search->use, hit->key, &name);
        const char *text = buffer_text(&name);
        search_response_hit(response, &(struct search_hit){.object = text ? text : "",
                                                           .score = hit->score,
                                                           .distance = hit->distance});
    }
    search_response_close(response);
}

/* `answer` NULL: no object that the caller may search has the prefix. */
static void write_answer(const struct search *search, const struct index_answer *answer,
                         struct buffer *out)
{
    static const struct index_hits none = {0};
    struct search_response response;
    search_response_begin(&response, search->request.list, out);
    for (size_t i = 0; i < search->request.query_count; i++) {
        write_hits(search, i, answer ? &answer->queries[i] : &none, &response);
    }
    search_response_end(&response, answer ? answer->damaged : 0);
}

static int search_index(struct search *search, struct buffer *out, struct error *error)
{
    const struct search_request *request = &search->request;
    struct service *service = search->call->service;
    struct index *index = retrieval_use_index(search->use);
    struct index_answer answer = {0};
    struct index_status status;
    struct retrieval_reach reach;
    if (retrieval_use_reach(search->use, &search->call->access, request->prefix, &reach) < 0) {
        return error_memory(error, "a search");
    }
    if (reach.none) {
        retrieval_reach_done(&reach);
        write_answer(search, NULL, out);
        return 0;
    }
    index_status(index, &status);
    struct index_query query = {
        .vectors = search->vectors ? search->vectors : request->vectors,
        .query_count = request->query_count,
        .k = request->k + (request->self ? 0 : 1),
        .prefixes = reach.prefixes,
        .has_min_score = request->has_min_score,
        .min_score = request->min_score,
        .threads = status.rows > LEND_ROWS ? service->cores : 1,
        .lend = search_pool_lend,
        .lender = service->search_pool,
    };
    int r = index_search(index, &query, &answer, error);
    retrieval_reach_done(&reach);
    if (r == 0) {
        write_answer(search, &answer, out);
        index_answer_done(&answer);
    }
    return r;
}

/* Searches and answers, when all vectors are known. */
static void finish(struct search *search)
{
    struct call *call = search->call;
    struct error error = {0};
    cleanup_buffer struct buffer body = BUFFER_INIT;
    if (search_index(search, &body, &error) < 0) {
        answer_error(search, &error);
        return;
    }
    release(search);
    call_respond_json(call, 200, &body);
    call_unref(call);
}

/* ---- inference ---- */

static int unfit(const struct search *search, size_t dimension, const char *of, struct error *error)
{
    return error_set(error, ERROR_UNFIT, "index '%s' has vectors of %u values, %s has %zu",
                     search->call->captures[0], search->shape.dimension, of, dimension);
}

static int take_embedding(struct search *search, size_t i, struct error *error)
{
    struct infer_item *item = &search->items[i];
    const struct answer *answer = &item->answer;
    if (item->error.code != ERROR_NONE && search->request.list) {
        return error_set(error, item->error.code, "'%.300s': %s",
                         search_request_object(&search->request, search->queries[i]),
                         item->error.message);
    }
    if (item->error.code != ERROR_NONE) {
        *error = item->error;
        return error_code_errno(error->code);
    }
    if (answer->kind != &answer_embedding) {
        return error_set(error, ERROR_UNFIT, "model '%s' gave no embedding", search->model->name);
    }
    if (answer->embedding_size != search->shape.dimension) {
        return unfit(search, answer->embedding_size, "the model's embedding", error);
    }
    memcpy(search->vectors + search->queries[i] * search->shape.dimension, answer->embedding,
           search->shape.dimension * sizeof(float));
    return 0;
}

/* On a search thread, after the last inference. */
static void go_on(struct search_work *work)
{
    struct search *search = (struct search *)(void *)work;
    struct error error = {0};
    for (size_t i = 0; i < search->item_count; i++) {
        if (take_embedding(search, i, &error) < 0) {
            answer_error(search, &error);
            return;
        }
    }
    finish(search);
}

static void item_done(struct infer_request *request, struct infer_item *item)
{
    struct search *search = request->owner;
    (void)item;
    if (atomic_fetch_sub(&search->running, 1) == 1) {
        search->work.run = go_on;
        search_pool_continue(search->call->service->search_pool, &search->work);
    }
}

static void client_gone(struct call *call)
{
    struct search *search = call->state;
    dispatch_cancel(call->service->dispatch, &search->infer);
}

/* Finds the model that made the index's vectors; for an imported index, the one that was named for
 * it. */
static int find_model(struct search *search, struct error *error)
{
    const struct retrieval_spec *spec = retrieval_use_spec(search->use);
    struct models *models = search->call->service->models;
    if (spec->model[0] == '\0') {
        return error_set(error, ERROR_UNFIT,
                         "index '%s' was imported without a model: it is searched by its own "
                         "objects or by vectors",
                         spec->name);
    }
    search->model = spec->digest[0] != '\0'
                        ? models_get_pinned(models, spec->model, spec->version, spec->digest, error)
                        : models_get(models, spec->model, spec->version, error);
    return search->model ? 0 : -ENOENT;
}

static int add_item(struct search *search, size_t query, struct error *error)
{
    struct infer_item *item = &search->items[search->item_count];
    search->queries[search->item_count++] = query;
    if (search->request.by == SEARCH_BY_IMAGE) {
        item->kind = ITEM_BYTES;
        item->bytes = http_request_body(search->call->request, &item->size_bytes);
        return item->size_bytes > 0 ? 0
                                    : error_set(error, ERROR_MALFORMED,
                                                "the body is empty: it must be an encoded image");
    }
    item->kind = ITEM_STORED;
    return call_find_item(search->call, RIGHT_SEARCH,
                          search_request_object(&search->request, query), item, error);
}

static void infer(struct search *search)
{
    struct call *call = search->call;
    struct error error = {0};
    struct infer_request *request = &search->infer;
    if (find_model(search, &error) < 0) {
        answer_error(search, &error);
        return;
    }
    infer_request_init(request, search->model, QUEUE_INTERACTIVE, call->service->config.request_ms,
                       item_done, search);
    infer_request_set_items(request, search->items, search->item_count);
    atomic_store(&search->running, search->item_count);
    atomic_store(&call->client_gone, client_gone);
    if (dispatch_submit(call->service->dispatch, request, search->items, search->item_count,
                        &error) < 0) {
        answer_error(search, &error);
    }
}

/* ---- where vectors come from ---- */

/* Takes the vector of an object in the index; adds an item for an object without one, or whose row
 * is damaged. */
static int take_object(struct search *search, size_t query, struct error *error)
{
    const char *object = search_request_object(&search->request, query);
    bool granted = access_object(&search->call->access, RIGHT_SEARCH, object) == ACCESS_GRANTED;
    const char *key = granted ? retrieval_use_key(search->use, object) : NULL;
    float *vector = search->vectors + query * search->shape.dimension;
    struct error ignored;
    bool found = false;
    if (key && index_get(retrieval_use_index(search->use), key, vector, &found, &ignored) == 0 &&
        found) {
        return 0;
    }
    return add_item(search, query, error);
}

static int gather(struct search *search, struct error *error)
{
    const struct search_request *request = &search->request;
    size_t count = request->query_count;
    int r = 0;
    if (request->by == SEARCH_BY_VECTOR) {
        return request->dimension == search->shape.dimension
                   ? 0
                   : unfit(search, request->dimension, "the query", error);
    }
    search->vectors = calloc(count * search->shape.dimension, sizeof *search->vectors);
    search->items = calloc(count, sizeof *search->items);
    search->queries = calloc(count, sizeof *search->queries);
    if (!search->vectors || !search->items || !search->queries) {
        return error_memory(error, "a search");
    }
    for (size_t i = 0; i < count && r == 0; i++) {
        r = request->by == SEARCH_BY_IMAGE ? add_item(search, i, error)
                                           : take_object(search, i, error);
    }
    return r;
}

static const char *query_of(void *context, const char *name)
{
    return http_request_query(context, name);
}

static int read_request(struct search *search, struct error *error)
{
    struct call *call = search->call;
    size_t size = 0;
    const void *body = http_request_body(call->request, &size);
    return call_content_type_is(call, "application/octet-stream")
               ? search_request_from_query(query_of, call->request, &search->request, error)
               : search_request_parse(body, size, &search->request, error);
}

/* On a search thread. */
static void begin(struct search_work *work)
{
    struct search *search = (struct search *)(void *)work;
    struct call *call = search->call;
    struct error error = {0};
    int r = retrieval_use(call->service->retrieval, &call->access, RIGHT_SEARCH, call->captures[0],
                          &search->use, &error);
    if (r == 0) {
        search->shape = index_shape(retrieval_use_index(search->use));
        r = read_request(search, &error);
    }
    if (r == 0) {
        r = gather(search, &error);
    }
    if (r < 0) {
        answer_error(search, &error);
    } else if (search->item_count > 0) {
        infer(search);
    } else {
        finish(search);
    }
}

/* The limit is never above that of all bodies together, so that a body which could never be
 * admitted is refused at once. */
void indexes_accept_search(struct call *call)
{
    const struct config *config = &call->service->config;
    uint64_t most = config_bodies_bytes(config);
    if (call_content_type_is(call, "application/octet-stream")) {
        most = config->body_bytes;
    } else if (most > LIMIT_SEARCH_BYTES) {
        most = LIMIT_SEARCH_BYTES;
    }
    http_accept_body(call->request, (size_t)most);
}

void indexes_search(struct call *call)
{
    struct search *search = call_new_state(call, sizeof *search, free_search);
    if (!search) {
        return;
    }
    search->work.run = begin;
    search->began_ns = clock_now_ns();
    search->call = call;
    (void)call_ref(call);
    if (search_pool_start(call->service->search_pool, &search->work) < 0) {
        call_respond_status(call, 429, "too many searches at once; try again");
        call_unref(call);
    }
}
