/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers with a whole body. The response is built on the caller's thread, whichever that is; the
 * listener's thread then hands it to libmicrohttpd.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "http/state.h"

/* Adds a field and its bytes on the wire. */
static void add_header(struct MHD_Response *response, const char *name, const char *value,
                       uint64_t *bytes)
{
    if (MHD_add_response_header(response, name, value) == MHD_YES) {
        *bytes += strlen(name) + strlen(value) + strlen(": \r\n");
    }
}

uint64_t http_answer_head(struct MHD_Response *response, unsigned status, const char *content_type,
                          const char *const *headers)
{
    uint64_t bytes = strlen("HTTP/1.1 200 \r\n\r\n") + MHD_get_reason_phrase_len_for(status);
    if (content_type) {
        add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type, &bytes);
    }
    for (; headers && headers[0]; headers += 2) {
        add_header(response, headers[0], headers[1], &bytes);
    }
    return bytes;
}

bool http_answer_may_encode(const struct http_request *request, const char *content_type,
                            const char *const *headers, enum http_coding *ret_coding)
{
    struct coding_wishes wishes = CODING_WISHES_INIT;
    size_t place = 0;
    if (!coding_is_worth(content_type)) {
        return false;
    }
    for (; headers && headers[0]; headers += 2) {
        if (strcasecmp(headers[0], MHD_HTTP_HEADER_CONTENT_ENCODING) == 0) {
            return false;
        }
    }
    const char *field = NULL;
    while ((field = http_request_next_header(request, MHD_HTTP_HEADER_ACCEPT_ENCODING, &place))) {
        coding_accept(&wishes, field);
    }
    *ret_coding = coding_choose(&wishes);
    return true;
}

uint64_t http_answer_coding(struct MHD_Response *response, enum http_coding coding)
{
    uint64_t bytes = 0;
    const char *name = coding_name(coding);
    if (name) {
        add_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, name, &bytes);
    }
    add_header(response, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT_ENCODING, &bytes);
    return bytes;
}

void http_answer_give(struct http_request *request, struct MHD_Response *response, unsigned status,
                      uint64_t bytes, size_t size)
{
    HOLD(&request->lock);
    if (request->answered || request->gone) {
        MHD_destroy_response(response);
        return;
    }
    request->answered = true;
    request->response = response;
    request->status = status;
    request->bytes_sent = bytes;
    request->answer_size = size;
    if (request->suspended) {
        request->suspended = false;
        MHD_resume_connection(request->mhd);
    }
}

enum MHD_Result http_answer_queue(struct http_request *request)
{
    struct http_server *server = request->server;
    struct MHD_Response *response = NULL;
    size_t size = 0;
    {
        HOLD(&request->lock);
        response = take_ptr(request->response);
        size = request->answer_size;
        if (response && (request->close || atomic_load(&server->quiescing))) {
            add_header(response, MHD_HTTP_HEADER_CONNECTION, "close", &request->bytes_sent);
        }
    }
    if (!response) {
        return MHD_NO;
    }
    /* The client must take the answer at a least rate, else it holds memory for ever. */
    int64_t pieces = 1 + (int64_t)(size / HTTP_PROGRESS_BYTES);
    http_deadline_set(request->connection, server->config.body_ms * pieces);
    enum MHD_Result result = MHD_queue_response(request->mhd, request->status, response);
    MHD_destroy_response(response);
    return result;
}

/* Without memory for an answer, the connection is cut: the client learns that there is none. */
static void give_up(struct http_request *request)
{
    log_event(LOG_LEVEL_DEBUG, "http_no_memory", "request=%llu", (unsigned long long)request->id);
    http_request_abandon(request);
}

/* A whole answer on its way. */
struct whole {
    unsigned status;
    const char *content_type;
    const char *const *headers;
    bool may_encode;
    enum http_coding coding;
};

/* Encodes the body where the client wants that and it gets smaller; else `ret_body` stays empty. */
static void encode_whole(const struct http_request *request, struct whole *whole, const void *body,
                         size_t size, struct buffer *ret_body)
{
    enum http_coding coding = HTTP_CODING_IDENTITY;
    whole->may_encode =
        size >= HTTP_ENCODE_LEAST && size <= HTTP_ENCODE_MOST &&
        http_answer_may_encode(request, whole->content_type, whole->headers, &coding);
    whole->coding = HTTP_CODING_IDENTITY;
    if (!whole->may_encode || coding == HTTP_CODING_IDENTITY) {
        return;
    }
    struct http_encoder *encoder = http_encoder_new(coding, size > HTTP_ENCODE_FAST);
    if (encoder && http_encoder_put(encoder, body, size, HTTP_ENCODE_END, ret_body) == 0 &&
        ret_body->size + strlen("Content-Encoding: zstd\r\n") < size) {
        whole->coding = coding;
    } else {
        buffer_done(ret_body);
    }
    http_encoder_free(encoder);
}

/* A body in memory, counted in the server's budget until it is sent. */
struct counted {
    struct budget *budget; /* borrowed */
    char *body;            /* owned */
    size_t size;
    size_t taken;
};

static long read_counted(void *context, char *to, size_t room)
{
    struct counted *counted = context;
    size_t left = counted->size - counted->taken;
    size_t size = left < room ? left : room;
    memcpy(to, counted->body + counted->taken, size);
    counted->taken += size;
    return (long)size;
}

static void free_counted(void *context)
{
    struct counted *counted = context;
    budget_give(counted->budget, counted->size);
    free(counted->body);
    free(counted);
}

/* Takes over `body`, for which the budget has room. A long one is read, so that its deadline is put
 * off by what the client takes, and not once for all. */
static struct MHD_Response *counted_response(struct http_request *request, char *body, size_t size)
{
    struct counted *counted = malloc(sizeof *counted);
    if (!counted) {
        budget_give(request->answers, size);
        free(body);
        return NULL;
    }
    *counted = (struct counted){.budget = request->answers, .body = body, .size = size};
    if (size > HTTP_LONG_BYTES) {
        return http_source_response(
            request, &(struct http_source){read_counted, free_counted, counted, size});
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback_cls(size, body, free_counted, counted);
    if (!response) {
        free_counted(counted);
    }
    return response;
}

static struct MHD_Response *plain_response(char *body, size_t size)
{
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        size, body, body ? free : NULL, body);
    if (!response) {
        free(body);
    }
    return response;
}

static void refuse(struct http_request *request)
{
    http_respond_error(request, 503,
                       "the answers that wait to be sent are at their limit; try again");
}

/* Takes over `body`, memory of malloc() or NULL. False where the budget has no room for it: the
 * request is not answered then. */
must_check static bool respond_owned(struct http_request *request, const struct whole *whole,
                                     char *body, size_t size)
{
    bool counts = request->answers && size > HTTP_COUNTED_BYTES;
    if (counts && !budget_take(request->answers, size)) {
        free(body);
        return false;
    }
    struct MHD_Response *response =
        counts ? counted_response(request, body, size) : plain_response(body, size);
    if (!response) {
        give_up(request);
        return true;
    }
    uint64_t bytes = http_answer_head(response, whole->status, whole->content_type, whole->headers);
    if (whole->may_encode) {
        bytes += http_answer_coding(response, whole->coding);
    }
    if (whole->status != MHD_HTTP_NO_CONTENT) {
        int length = snprintf(NULL, 0, "Content-Length: %zu\r\n", size);
        bytes += (uint64_t)length + (request->head_only ? 0 : size);
    }
    http_answer_give(request, response, whole->status, bytes,
                     counts && size > HTTP_LONG_BYTES ? 0 : size);
    return true;
}

void http_respond(struct http_request *request, unsigned status, const char *content_type,
                  const void *body, size_t size, const char *const *headers)
{
    struct whole whole = {.status = status, .content_type = content_type, .headers = headers};
    struct buffer encoded = BUFFER_INIT;
    encode_whole(request, &whole, body, size, &encoded);
    if (encoded.size == 0) {
        buffer_append(&encoded, body, size);
    }
    if (buffer_ok(&encoded) < 0) {
        buffer_done(&encoded);
        give_up(request);
        return;
    }
    if (!respond_owned(request, &whole, encoded.data, encoded.size)) {
        refuse(request);
    }
}

/* Takes over `taken`, which has not failed. False as respond_owned(). */
must_check static bool respond_taken(struct http_request *request, struct whole *whole,
                                     struct buffer taken)
{
    struct buffer encoded = BUFFER_INIT;
    encode_whole(request, whole, taken.data, taken.size, &encoded);
    if (encoded.size > 0 || taken.size == 0) {
        buffer_done(&taken);
        taken = encoded;
    }
    return respond_owned(request, whole, taken.data, taken.size);
}

void http_respond_buffer(struct http_request *request, unsigned status, const char *content_type,
                         struct buffer *body, const char *const *headers)
{
    struct whole whole = {.status = status, .content_type = content_type, .headers = headers};
    struct buffer taken = *body;
    *body = BUFFER_INIT;
    if (buffer_ok(&taken) < 0) {
        buffer_done(&taken);
        http_respond_error(request, 503, "out of memory for the answer");
        return;
    }
    if (!respond_taken(request, &whole, taken)) {
        refuse(request);
    }
}

static void append_json_text(struct buffer *body, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            buffer_append_char(body, '\\');
            buffer_append_char(body, *text);
        } else if (c < 0x20 || c == 0x7f) {
            buffer_printf(body, "\\u%04x", c);
        } else {
            buffer_append_char(body, *text);
        }
    }
}

void http_respond_error(struct http_request *request, unsigned status, const char *message)
{
    static const char *const retry[] = {MHD_HTTP_HEADER_RETRY_AFTER, "1", NULL};
    static const char *const allow[] = {MHD_HTTP_HEADER_ALLOW, "GET, HEAD, POST, PUT, DELETE",
                                        NULL};
    struct whole whole = {.status = status, .content_type = "application/json"};
    if (status == 429 || status == 503) {
        whole.headers = retry;
    } else if (status == 405) {
        whole.headers = allow;
    }
    struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"error\":\"");
    append_json_text(&body, message);
    buffer_append_text(&body, "\"}\n");
    if (buffer_ok(&body) < 0) {
        buffer_done(&body);
        give_up(request);
        return;
    }
    if (!respond_taken(request, &whole, body)) { /* cannot be: it is short, and so not counted */
        give_up(request);
    }
}
