/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a call, the form of its answer, and what routes read from a request. Any thread.
 */
#include "api/call.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/audit_calls.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"

/* ---- life ---- */

struct call *call_ref(struct call *call)
{
    atomic_fetch_add(&call->references, 1);
    (void)http_request_ref(call->request);
    return call;
}

void call_unref(struct call *call)
{
    struct http_request *request = call->request;
    if (atomic_fetch_sub(&call->references, 1) == 1) {
        if (call->free_state) {
            call->free_state(call->state);
        }
        model_unref(call->model);
        audit_call_end(
            call); /* not when the client leaves: what it asked for is done all the same */
        quotas_release(&call->api->quotas, &call->hold);
        access_done(&call->access);
        free(call->path);
        free(call);
    }
    http_request_unref(request);
}

void *call_new_state(struct call *call, size_t size, void (*free_state)(void *state))
{
    call->state = calloc(1, size);
    call->free_state = free_state;
    if (!call->state) {
        call->free_state = NULL;
        call_respond_memory(call);
    }
    return call->state;
}

/* ---- waiting for a model ---- */

static void model_loaded(struct load_waiter *waiter, const struct error *error)
{
    struct call *call = waiter->owner;
    atomic_store(&call->client_gone, NULL);
    call->loaded(call, error);
    call_unref(call);
}

static void stop_waiting(struct call *call)
{
    if (dispatch_stop_waiting(call->service->dispatch, &call->waiter)) {
        call_unref(call); /* the waiter's */
    }
}

static void await_model(struct call *call, void (*go)(struct call *call, const struct error *error))
{
    struct error error = {0};
    call->waiter.done = model_loaded;
    call->waiter.owner = call_ref(call_ref(call)); /* one of them for this function */
    call->loaded = go;
    atomic_store(&call->client_gone, stop_waiting);
    int r = dispatch_await(call->service->dispatch, &call->waiter, &error);
    if (r != DISPATCH_WAIT) {
        model_loaded(&call->waiter, r < 0 ? &error : NULL);
    } else if (atomic_load(&call->gone)) { /* maybe before the wait could be ended */
        stop_waiting(call);
    }
    call_unref(call); /* NOLINT(clang-analyzer-unix.Malloc): the tool counts no references */
}

void call_when_loaded(struct call *call, void (*go)(struct call *call, const struct error *error))
{
    call->waiter = (struct load_waiter){.model = call->model};
    await_model(call, go);
}

void call_when_tried(struct call *call, struct model *model,
                     void (*go)(struct call *call, const struct error *error))
{
    call->waiter = (struct load_waiter){.model = model, .trial = true};
    await_model(call, go);
}

/* ---- answers ---- */

/* The HTTP status of an error. */
static unsigned status_of(enum error_code code)
{
    static const unsigned statuses[ERROR_CODE_COUNT] = {
        [ERROR_NONE] = 200,           [ERROR_MALFORMED] = 400,   [ERROR_UNAUTHORIZED] = 401,
        [ERROR_FORBIDDEN] = 403,      [ERROR_NOT_FOUND] = 404,   [ERROR_CONFLICT] = 409,
        [ERROR_TOO_LARGE] = 413,      [ERROR_UNDECODABLE] = 422, [ERROR_UNFIT] = 422,
        [ERROR_BUSY] = 429,           [ERROR_UNAVAILABLE] = 503, [ERROR_DEADLINE] = 504,
        [ERROR_WORKER_CRASHED] = 422, [ERROR_UNREADABLE] = 422,  [ERROR_CHANGED] = 422,
        [ERROR_NO_SPACE] = 507,       [ERROR_IO] = 500,          [ERROR_MEMORY] = 500,
        [ERROR_CANCELLED] = 503,      [ERROR_INTERNAL] = 500,
    };
    return (unsigned)code < ERROR_CODE_COUNT ? statuses[code] : 500;
}

static const char *status_word(unsigned status)
{
    switch (status) {
    case 403:
        return "forbidden";
    case 404:
        return "not_found";
    case 422:
        return "unfit";
    case 429:
        return "busy";
    case 501:
        return "unsupported";
    case 503:
        return "unavailable";
    default:
        return "malformed";
    }
}

void call_respond(struct call *call, unsigned status, const char *content_type, struct buffer *body,
                  const char *const *headers)
{
    if (atomic_exchange(&call->answered, true)) {
        return;
    }
    unsigned sent = http_prepare_buffer(call->request, status, content_type, body, headers);
    atomic_store(&call->status, sent);
    metrics_count_status(call->model ? &call->model->requests : &call->api->other_requests, sent);
    http_respond_prepared(call->request);
}

void call_respond_source(struct call *call, const char *content_type,
                         const struct http_source *source, const char *const *headers)
{
    if (atomic_exchange(&call->answered, true)) {
        source->free(source->context);
        return;
    }
    atomic_store(&call->status, 200);
    metrics_count_status(call->model ? &call->model->requests : &call->api->other_requests, 200);
    live_calls_add(&call->api->live_calls, call);
    http_respond_source(call->request, content_type, source, headers);
}

void call_begin_stream(struct call *call, const char *content_type, size_t low_water,
                       http_drained drained, void *context)
{
    if (!atomic_exchange(&call->answered, true)) {
        atomic_store(&call->status, 200);
        metrics_count_status(call->model ? &call->model->requests : &call->api->other_requests,
                             200);
    }
    live_calls_add(&call->api->live_calls, call);
    http_stream_begin(call->request, content_type, NULL, low_water, drained, context);
}

void call_respond_json(struct call *call, unsigned status, struct buffer *body)
{
    static const char *const retry[] = {"Retry-After", "1", NULL};
    call_respond(call, status, "application/json", body,
                 status == 429 || status == 503 ? retry : NULL);
}

void call_write_message(struct buffer *body, const char *word, const char *message)
{
    struct json_writer w = JSON_WRITER(body);
    json_begin_object(&w, NULL);
    json_put_string(&w, "error", message);
    json_put_string(&w, "code", word);
    json_end_object(&w);
    buffer_append_char(body, '\n');
}

static void respond_message(struct call *call, unsigned status, const char *word,
                            const char *message)
{
    cleanup_buffer struct buffer body = BUFFER_INIT;
    call_write_message(&body, word, message);
    call_respond_json(call, status, &body);
}

void call_respond_error(struct call *call, const struct error *error)
{
    respond_message(call, status_of(error->code), error_code_name(error->code), error->message);
}

void call_respond_status(struct call *call, unsigned status, const char *message)
{
    respond_message(call, status, status_word(status), message);
}

void call_respond_nothing(struct call *call)
{
    cleanup_buffer struct buffer empty = BUFFER_INIT;
    call_respond(call, 204, NULL, &empty, NULL);
}

void call_respond_memory(struct call *call)
{
    call_respond_status(call, 503, "out of memory");
}

void call_respond_stopping(struct call *call)
{
    call_respond_status(call, 503, "situd is stopping");
}

void call_log(const struct call *call, const char *event, const char *format, ...)
{
    char text[1536];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log_event(LOG_LEVEL_INFO, event, "%s%srequest=%s", text, text[0] ? " " : "",
              http_request_label(call->request));
}

/* ---- bodies ---- */

void call_accept_control(struct call *call)
{
    http_accept_body(call->request, LIMIT_JSON_BYTES);
}

void call_accept_data(struct call *call)
{
    http_accept_body(call->request, (size_t)call->service->config.body_bytes);
}

/* ---- what routes ask of a request ---- */

bool call_content_type_is(const struct call *call, const char *type)
{
    const char *header = http_request_header(call->request, "Content-Type");
    size_t length = strlen(type);
    return header && strncasecmp(header, type, length) == 0 &&
           (header[length] == '\0' || header[length] == ';' || header[length] == ' ');
}

bool call_is_by_triton(const struct call *call)
{
    static const char *const agents[] = {"python/gevent-http-client-", "libcurl-agent/1.0"};
    const char *header = http_request_header(call->request, "User-Agent");
    for (size_t i = 0; header && i < sizeof agents / sizeof agents[0]; i++) {
        if (strncmp(header, agents[i], strlen(agents[i])) == 0) {
            return true;
        }
    }
    return false;
}

int call_find_object(const struct call *call, enum right right, const char *object,
                     struct call_object *ret_object, struct error *error)
{
    int r = stores_find_object(call->service->stores, &call->access, object, &ret_object->store,
                               &ret_object->key, error);
    if (r < 0) {
        return r;
    }
    enum access_verdict verdict = access_object(&call->access, right, object);
    ret_object->hidden = verdict == ACCESS_HIDDEN;
    return verdict == ACCESS_FORBIDDEN
               ? error_set(error, ERROR_FORBIDDEN,
                           "your rights do not include '%s' for object '%.300s'", right_name(right),
                           object)
               : 0;
}

int call_find_item(const struct call *call, enum right right, const char *object,
                   struct infer_item *item, struct error *error)
{
    struct call_object found;
    int r = call_find_object(call, right, object, &found, error);
    if (r == 0) {
        item->store = found.store;
        item->key = found.key;
        item->hidden = found.hidden;
    }
    return r;
}

bool call_find_model(struct call *call, int index, int version_index)
{
    struct error error = {0};
    const char *version = version_index >= 0 ? call->captures[version_index]
                                             : http_request_query(call->request, "version");
    call->model = models_get(call->service->models, call->captures[index], version, &error);
    if (!call->model) {
        call_respond_error(call, &error);
    }
    return call->model != NULL;
}

bool call_find_v2_model(struct call *call)
{
    struct error error = {0};
    const char *version = call->captures[1];
    call->model = models_get(call->service->models, call->captures[0], version, &error);
    if (!call->model) {
        (void)error_set(&error, error.code,
                        "Request for unknown model: '%.64s'%s%.16s is not found", call->captures[0],
                        version ? " version " : "", version ? version : "");
        call_respond_error(call, &error);
    }
    return call->model != NULL;
}

bool call_query_number(struct call *call, const char *name, size_t lowest, size_t highest,
                       size_t fallback, size_t *ret_number)
{
    const char *text = http_request_query(call->request, name);
    *ret_number = fallback;
    if (!text) {
        return true;
    }
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || text[0] == '-' || value < lowest ||
        value > highest) {
        struct error error;
        (void)error_set(&error, ERROR_MALFORMED, "%s=%.40s: must be a number from %zu to %zu", name,
                        text, lowest, highest);
        call_respond_error(call, &error);
        return false;
    }
    *ret_number = (size_t)value;
    return true;
}
