/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers with a whole body. The caller's thread, which may be any, makes the header fields and the
 * body; the listener's thread sends them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json_write.h"
#include "base/log.h"
#include "http/state.h"

void http_answer_done(struct http_answer *answer)
{
    buffer_done(&answer->fields);
    buffer_done(&answer->body);
    if (answer->sourced) {
        answer->source.free(answer->source.context);
    }
    if (answer->budget) {
        budget_give(answer->budget, answer->counted);
    }
    *answer = (struct http_answer){.status = 0};
}

static void add_field(struct buffer *lines, const char *name, const char *value)
{
    buffer_append_text(lines, name);
    buffer_append_text(lines, ": ");
    buffer_append_text(lines, value);
    buffer_append_text(lines, "\r\n");
}

void http_answer_fields(struct http_answer *answer, const char *content_type,
                        const char *const *headers)
{
    if (content_type) {
        add_field(&answer->fields, "Content-Type", content_type);
    }
    for (; headers && headers[0]; headers += 2) {
        add_field(&answer->fields, headers[0], headers[1]);
    }
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
        if (strcasecmp(headers[0], "Content-Encoding") == 0) {
            return false;
        }
    }
    const char *field = NULL;
    while ((field = http_head_field(&request->text, &request->head, "Accept-Encoding", &place))) {
        coding_accept(&wishes, field);
    }
    *ret_coding = coding_choose(&wishes);
    return true;
}

void http_answer_coding(struct http_answer *answer, enum http_coding coding)
{
    const char *name = coding_name(coding);
    if (name) {
        add_field(&answer->fields, "Content-Encoding", name);
    }
    add_field(&answer->fields, "Vary", "Accept-Encoding");
}

/* False if the answer is no longer wanted. */
static bool take_answer(struct http_request *request, struct http_answer *answer)
{
    HOLD(&request->lock);
    if (request->answered || request->gone) {
        return false;
    }
    request->answered = true;
    request->answer = *answer;
    *answer = (struct http_answer){.status = 0};
    if (buffer_ok(&request->answer.fields) < 0 || buffer_ok(&request->answer.body) < 0) {
        /* Without memory for an answer the connection is closed, so that the client sees that there
         * is none. */
        log_event(LOG_LEVEL_DEBUG, "http_no_memory", "request=%llu",
                  (unsigned long long)request->id);
        request->gone = true;
    }
    http_request_resume(request);
    return true;
}

void http_answer_give(struct http_request *request, struct http_answer *answer)
{
    if (!take_answer(request, answer)) {
        http_answer_done(answer);
    }
}

static const char *reason_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Unknown";
}

static bool has_length(unsigned status)
{
    return status >= 200 && status != 204 && status != 304;
}

void http_answer_write_head(struct http_request *request, struct buffer *output)
{
    const struct http_answer *answer = &request->answer;
    bool chunked = answer->sourced ? answer->source.size == HTTP_SIZE_UNKNOWN : request->streaming;
    uint64_t size = answer->sourced ? answer->source.size : answer->body.size;
    buffer_printf(output, "HTTP/1.1 %u %s\r\n", answer->status, reason_of(answer->status));
    buffer_append(output, answer->fields.data, answer->fields.size);
    if (chunked && !request->head.old) {
        buffer_append_text(output, "Transfer-Encoding: chunked\r\n");
    } else if (!chunked && has_length(answer->status)) {
        buffer_printf(output, "Content-Length: %llu\r\n", (unsigned long long)size);
    }
    if (request->label[0]) {
        add_field(output, "X-Request-Id", request->label);
    }
    if (request->connection->close) {
        buffer_append_text(output, "Connection: close\r\n");
    } else if (request->head.old) {
        buffer_append_text(output, "Connection: keep-alive\r\n");
    }
    buffer_append_text(output, "\r\n");
}

/* A whole answer while it is made. */
struct whole {
    unsigned status;
    const char *content_type;
    const char *const *headers;
    bool may_encode;
    enum http_coding coding;
};

/* Encodes the body if the client accepts it and it becomes smaller; otherwise `ret_body` stays
 * empty. */
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

/* Takes over `body`. False, and no answer, if the budget has no room for it. */
must_check static bool make_owned(struct http_request *request, const struct whole *whole,
                                  struct buffer *body, struct http_answer *ret_answer)
{
    struct http_answer answer = {.status = whole->status, .body = *body};
    *body = BUFFER_INIT;
    if (request->answers && answer.body.size > HTTP_COUNTED_BYTES) {
        if (!budget_take(request->answers, answer.body.size, answer.body.size)) {
            http_answer_done(&answer);
            return false;
        }
        answer.budget = request->answers;
        answer.counted = answer.body.size;
    }
    http_answer_fields(&answer, whole->content_type, whole->headers);
    if (whole->may_encode) {
        http_answer_coding(&answer, whole->coding);
    }
    *ret_answer = answer;
    return true;
}

static void make_error(struct http_request *request, unsigned status, const char *message,
                       struct http_answer *ret_answer);

static void make_refusal(struct http_request *request, struct http_answer *ret_answer)
{
    make_error(request, 503, "the answers that wait to be sent are at their limit; try again",
               ret_answer);
}

/* Takes over `taken`. False as for make_owned(). */
must_check static bool make_taken(struct http_request *request, struct whole *whole,
                                  struct buffer taken, struct http_answer *ret_answer)
{
    struct buffer encoded = BUFFER_INIT;
    encode_whole(request, whole, taken.data, taken.size, &encoded);
    if (encoded.size > 0 || taken.size == 0) {
        buffer_done(&taken);
        taken = encoded;
    }
    return make_owned(request, whole, &taken, ret_answer);
}

static void make_buffer(struct http_request *request, struct whole *whole, struct buffer *body,
                        struct http_answer *ret_answer)
{
    struct buffer taken = *body;
    *body = BUFFER_INIT;
    if (buffer_ok(&taken) < 0) {
        buffer_done(&taken);
        make_error(request, 503, "out of memory for the answer", ret_answer);
    } else if (!make_taken(request, whole, taken, ret_answer)) {
        make_refusal(request, ret_answer);
    }
}

unsigned http_prepare_buffer(struct http_request *request, unsigned status,
                             const char *content_type, struct buffer *body,
                             const char *const *headers)
{
    struct whole whole = {.status = status, .content_type = content_type, .headers = headers};
    http_answer_done(&request->prepared);
    make_buffer(request, &whole, body, &request->prepared);
    return request->prepared.status;
}

void http_respond_prepared(struct http_request *request)
{
    struct http_answer answer = request->prepared;
    request->prepared = (struct http_answer){.status = 0};
    http_answer_give(request, &answer);
}

static const char *code_of(unsigned status)
{
    switch (status) {
    case 413:
    case 414:
    case 431:
        return "too_large";
    case 503:
        return "unavailable";
    default:
        return "malformed";
    }
}

static void make_error(struct http_request *request, unsigned status, const char *message,
                       struct http_answer *ret_answer)
{
    static const char *const retry[] = {"Retry-After", "1", NULL};
    static const char *const allow[] = {"Allow", "GET, HEAD, POST, PUT, DELETE", NULL};
    struct whole whole = {.status = status, .content_type = "application/json"};
    if (status == 429 || status == 503) {
        whole.headers = retry;
    } else if (status == 405) {
        whole.headers = allow;
    }
    struct buffer body = BUFFER_INIT;
    struct json_writer w = JSON_WRITER(&body);
    json_begin_object(&w, NULL);
    json_put_string(&w, "error", message);
    json_put_string(&w, "code", code_of(status));
    json_end_object(&w);
    buffer_append_char(&body, '\n');
    (void)!make_taken(request, &whole, body, ret_answer); /* it is short, so it is not counted */
}

void http_respond_error(struct http_request *request, unsigned status, const char *message)
{
    struct http_answer answer = {.status = 0};
    make_error(request, status, message, &answer);
    http_answer_give(request, &answer);
}
