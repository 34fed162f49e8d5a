/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP requests over libcurl. Transferred bytes are counted in curl's debug callback, which gets
 * them before chunks and compression are decoded: curl's own counters omit or count twice what
 * headers and bodies share.
 */
#include "client/transfer.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"

enum {
    RETRY_WAIT_MAX_MS = 5000,
    RETRY_AFTER_MAX_S = 30,
    RETRY_DOUBLINGS_MAX = 12,
    UNAVAILABLE_RETRIES = 3
};

static int count_bytes(CURL *curl, curl_infotype type, char *data, size_t size, void *context)
{
    (void)curl;
    (void)data;
    struct transfer *transfer = context;
    if (type == CURLINFO_HEADER_OUT || type == CURLINFO_DATA_OUT) {
        transfer->sent += size;
        (void)atomic_fetch_add(&transfer->array->sent, size);
    } else if (type == CURLINFO_HEADER_IN || type == CURLINFO_DATA_IN) {
        transfer->received += size;
        (void)atomic_fetch_add(&transfer->array->received, size);
    }
    return 0;
}

static size_t read_source(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    const struct body_source *source = transfer->request->source;
    size_t got = 0;
    transfer->source_result = source->read(source->context, bytes, size * count, &got);
    return transfer->source_result ? CURL_READFUNC_ABORT : got;
}

static CURLcode set_body(struct transfer *transfer, CURL *curl, const struct request *request)
{
    CURLcode code = CURLE_OK;
    if (request->source) {
        code = curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        code = code ? code : curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_source);
        code = code ? code : curl_easy_setopt(curl, CURLOPT_READDATA, transfer);
        bool known = request->source->size != BODY_SIZE_UNKNOWN; /* otherwise chunked */
        code = code ? code
                    : curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE,
                                       known ? (curl_off_t)request->source->size : -1);
        /* The source cannot be read again, as it would have to be if a kept connection is dead. */
        code = code ? code : curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    } else if (request->content != CONTENT_NONE) {
        code = curl_easy_setopt(curl, CURLOPT_POST, 1L);
        code = code ? code
                    : curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                                       (curl_off_t)request->body_size);
        code = code ? code : curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
    }
    return code ? code : curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static CURLcode set_connection(CURL *curl, const struct situ *array)
{
    const struct address *address = &array->address;
    CURLcode code = curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    code = code ? code : curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    code = code
               ? code
               : curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)array->connect_timeout_ms);
    if (!code && address->socket_path) {
        code = curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, address->socket_path);
    }
    if (!code && address->loopback) {
        code = curl_easy_setopt(curl, CURLOPT_PROXY, "");
    }
    if (!code && array->ca_file) {
        code = curl_easy_setopt(curl, CURLOPT_CAINFO, array->ca_file);
    }
    return code;
}

struct request request_of(const char *method, struct buffer *target)
{
    return (struct request){.method = method, .target = buffer_text(target)};
}

struct request request_json(const char *method, struct buffer *target, struct buffer *body)
{
    return (struct request){.method = method,
                            .target = buffer_text(target),
                            .content = CONTENT_JSON,
                            .body = buffer_text(body),
                            .body_size = body->size};
}

int transfer_prepare(struct transfer *transfer, CURL *curl, struct situ *array,
                     const struct request *request, struct situ_error *error)
{
    *transfer = (struct transfer){.array = array, .request = request};
    bool has_body = request->content == CONTENT_NONE || request->source || request->body;
    if (!request->target || !has_body) {
        return client_fail_memory(error);
    }
    if (request->source && request->source->rewind) {
        request->source->rewind(request->source->context);
    }
    cleanup_buffer struct buffer url = BUFFER_INIT;
    buffer_append_text(&url, array->address.base_url);
    buffer_append_text(&url, request->target);
    const char *text = buffer_text(&url);
    if (!text) {
        return client_fail_memory(error);
    }
    CURLcode code = curl_easy_setopt(curl, CURLOPT_URL, text);
    code = code ? code : set_connection(curl, array);
    code = code ? code : set_body(transfer, curl, request);
    if (!code && request->compressed) {
        code = curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
    }
    code =
        code ? code : curl_easy_setopt(curl, CURLOPT_HTTPHEADER, array->headers[request->content]);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->fault);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, count_bytes);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_DEBUGDATA, transfer);
    return code ? transfer_fail(transfer, curl, code, error) : 0;
}

size_t transfer_keep_bytes(char *bytes, size_t size, size_t count, void *context)
{
    struct buffer *buffer = context;
    size_t total = size * count;
    if (buffer->size + total > ANSWER_BYTES_MAX) {
        return 0;
    }
    buffer_append(buffer, bytes, total);
    return buffer_ok(buffer) == 0 ? total : 0;
}

/* A hint for a client that uses plain HTTP where TLS is expected, or the reverse. */
static const char *scheme_hint(const struct transfer *transfer, CURLcode code)
{
    const char *url = transfer->array->address.base_url;
    bool none_came =
        transfer->received == 0 &&
        (code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR);
    if (strncmp(url, "https:", 6) == 0) {
        return code == CURLE_SSL_CONNECT_ERROR ? "; if it speaks plain HTTP, give http://" : "";
    }
    if (transfer->array->address.socket_path) {
        return "";
    }
    /* curl takes a TLS alert for HTTP/0.9, which it refuses. */
    bool no_http = code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY;
    return none_came || no_http ? "; if it speaks TLS, give https://" : "";
}

int transfer_fail(const struct transfer *transfer, CURL *curl, CURLcode code,
                  struct situ_error *error)
{
    const char *address = transfer->array->address.text;
    if (code == CURLE_OUT_OF_MEMORY) {
        return client_fail_memory(error);
    }
    long errnum = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &errnum);
    if (code == CURLE_COULDNT_CONNECT && errnum > 0) {
        char text[128];
        return client_fail(error, SITU_UNREACHABLE, "cannot reach the array at %s: %s", address,
                           error_text((int)errnum, text, sizeof text));
    }
    const char *fault = transfer->fault[0] ? transfer->fault : curl_easy_strerror(code);
    bool before = code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
                  code == CURLE_COULDNT_RESOLVE_PROXY;
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return client_fail(error, SITU_UNREACHABLE, "the array at %s does not answer: %s", address,
                           fault);
    }
    return client_fail(error, SITU_UNREACHABLE,
                       before ? "cannot reach the array at %s: %s"
                              : "the exchange with the array at %s failed: %s%s",
                       address, fault, scheme_hint(transfer, code));
}

static enum situ_code status_code(long status)
{
    switch (status) {
    case 400:
    case 415:
        return SITU_MALFORMED;
    case 401:
        return SITU_UNAUTHORIZED;
    case 403:
        return SITU_FORBIDDEN;
    case 404:
        return SITU_NOT_FOUND;
    case 409:
        return SITU_CONFLICT;
    case 413:
        return SITU_TOO_LARGE;
    case 422:
        return SITU_UNFIT;
    case 429:
        return SITU_BUSY;
    case 500:
        return SITU_INTERNAL;
    case 503:
        return SITU_UNAVAILABLE;
    case 504:
        return SITU_DEADLINE;
    case 507:
        return SITU_NO_SPACE;
    default:
        return SITU_PROTOCOL;
    }
}

int request_fail(const struct situ *array, long status, const struct buffer *body,
                 struct situ_error *error)
{
    cleanup_json struct json *root = NULL;
    enum situ_code code = status_code(status);
    const char *message = NULL;
    if (body->size > 0 && json_parse(body->data, body->size, "answer", &root, NULL) == 0) {
        message = json_get_string(json_member(root, "error"), NULL);
        const char *word = json_get_string(json_member(root, "code"), NULL);
        if (word) {
            code = client_code_parse(word);
        }
    }
    if (message) {
        return client_fail(error, code, "%s", message);
    }
    return client_fail(error, code, "the array at %s answers with status %ld", array->address.text,
                       status);
}

uint32_t transfer_retry_wait_ms(const struct situ *array, uint32_t attempt, long asked_s)
{
    uint32_t doublings = attempt < RETRY_DOUBLINGS_MAX ? attempt : RETRY_DOUBLINGS_MAX;
    uint64_t wait = (uint64_t)array->retry_wait_ms << doublings;
    wait = wait < RETRY_WAIT_MAX_MS ? wait : RETRY_WAIT_MAX_MS;
    long asked = asked_s < RETRY_AFTER_MAX_S ? asked_s : RETRY_AFTER_MAX_S;
    uint64_t asked_ms = asked > 0 ? (uint64_t)asked * 1000 : 0;
    return (uint32_t)(wait > asked_ms ? wait : asked_ms);
}

bool transfer_retry_wanted(long status, long asked_s)
{
    return status == 429 || (status == 503 && asked_s > 0);
}

uint32_t transfer_retry_limit(const struct situ *array, long status)
{
    bool unavailable = status == 503 && array->retries > UNAVAILABLE_RETRIES;
    return unavailable ? UNAVAILABLE_RETRIES : array->retries;
}

struct attempt {
    long status;
    long asked_s; /* Retry-After */
    bool cut;     /* the connection was lost after bytes had been sent */
};

/* One attempt: 0 with any status, or an error. */
static int perform_once(struct situ *array, const struct request *request, struct buffer *answer,
                        struct attempt *attempt, struct situ_error *error)
{
    CURL *curl = connection_take(array);
    if (!curl) {
        return client_fail_memory(error);
    }
    struct transfer transfer;
    int r = transfer_prepare(&transfer, curl, array, request, error);
    if (r) {
        connection_give(array, curl);
        return r;
    }
    long idle_s = (long)((array->idle_timeout_ms + UINT64_C(999)) / 1000);
    CURLcode code = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, transfer_keep_bytes);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, idle_s);
    code = code ? code : curl_easy_perform(curl);
    if (code == CURLE_OK) {
        curl_off_t asked = 0;
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &attempt->status);
        (void)curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &asked);
        attempt->asked_s = asked < RETRY_AFTER_MAX_S ? (long)asked : RETRY_AFTER_MAX_S;
    } else if (transfer.source_result) {
        r = transfer.source_result; /* the source has its message */
    } else if (buffer_ok(answer) != 0) {
        r = client_fail_memory(error);
    } else if (code == CURLE_WRITE_ERROR) {
        r = client_fail(error, SITU_PROTOCOL, "the array's answer is longer than %u MiB",
                        (unsigned)(ANSWER_BYTES_MAX / MIB));
    } else {
        r = transfer_fail(&transfer, curl, code, error);
        attempt->cut = transfer.sent > 0;
    }
    connection_give(array, curl);
    return r;
}

/* Whether to try again after an attempt that failed with `result` or has a status. */
static bool again_wanted(const struct request *request, const struct attempt *attempt, int result,
                         bool reached)
{
    if (request->once || (request->source && !request->source->rewind)) {
        return false;
    }
    if (result) {
        return request->repeatable && reached && result == client_code_errno(SITU_UNREACHABLE);
    }
    return transfer_retry_wanted(attempt->status, attempt->asked_s);
}

int request_perform(struct situ *array, const struct request *request, struct buffer *answer,
                    struct situ_error *error)
{
    bool reached = false;
    for (uint32_t count = 0;; count++) {
        struct attempt attempt = {.status = 0};
        buffer_clear(answer);
        int r = perform_once(array, request, answer, &attempt, error);
        reached |= attempt.cut || r == 0;
        if (r == 0 && attempt.status >= 200 && attempt.status <= 299) {
            return 0;
        }
        if (!again_wanted(request, &attempt, r, reached) ||
            count >= transfer_retry_limit(array, attempt.status)) {
            return r ? r : request_fail(array, attempt.status, answer, error);
        }
        clock_sleep_ms(transfer_retry_wait_ms(array, count, attempt.asked_s));
    }
}
