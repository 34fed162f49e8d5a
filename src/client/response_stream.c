/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams on curl's multi interface, one transfer each. Only the time spent waiting here counts
 * against the idle limit, so that a caller may take any time between lines.
 */
#include "client/response_stream.h"

#include <string.h>

#include "base/clock.h"

enum { IDLE_CHECK_MS = 1000, ON_WAIT_MS = 200, DRAIN_MS = 2000 };

int stream_init(struct stream *stream, struct situ *array, struct situ_error *error)
{
    *stream = (struct stream){.array = array, .multi = curl_multi_init(), .curl = curl_easy_init()};
    return stream->multi && stream->curl ? 0 : client_fail_memory(error);
}

void stream_end(struct stream *stream)
{
    if (stream->active) {
        (void)curl_multi_remove_handle(stream->multi, stream->curl);
        stream->active = false;
    }
    stream->sent += stream->transfer.sent;
    stream->received += stream->transfer.received;
    stream->transfer.sent = 0;
    stream->transfer.received = 0;
    buffer_clear(&stream->bytes);
    stream->offset = 0;
    stream->scanned = 0;
    stream->ended = false;
}

void stream_done(struct stream *stream)
{
    if (stream->multi && stream->curl) {
        stream_end(stream);
    }
    curl_easy_cleanup(stream->curl);
    (void)curl_multi_cleanup(stream->multi);
    buffer_done(&stream->bytes);
    *stream = (struct stream){0};
}

void stream_traffic(const struct stream *stream, uint64_t *ret_sent, uint64_t *ret_received)
{
    *ret_sent = stream->sent + stream->transfer.sent;
    *ret_received = stream->received + stream->transfer.received;
}

/* Waits for the connection, but returns often enough for on_wait and the idle limit. */
static CURLMcode wait_a_moment(struct stream *stream, int64_t left_ms)
{
    int64_t most_ms = stream->on_wait ? ON_WAIT_MS : IDLE_CHECK_MS;
    return curl_multi_poll(stream->multi, NULL, 0, (int)(left_ms < most_ms ? left_ms : most_ms),
                           NULL);
}

/* Receives what the connection has, or waits. 0 if something may have arrived. */
static int pump(struct stream *stream, int64_t *waited_ms, struct situ_error *error)
{
    int running = 0;
    size_t before = stream->bytes.size;
    uint64_t wire = stream->transfer.sent + stream->transfer.received;
    CURLMcode code = curl_multi_perform(stream->multi, &running);
    if (!code && running != 0 && stream->bytes.size != before) {
        return 0;
    }
    if (!code && running == 0) {
        int left = 0;
        const CURLMsg *message = curl_multi_info_read(stream->multi, &left);
        stream->outcome = message ? message->data.result : CURLE_RECV_ERROR;
        stream->ended = true;
        return 0;
    }
    if (stream->transfer.sent + stream->transfer.received != wire) {
        *waited_ms = 0;
    }
    int64_t limit = stream->array->idle_timeout_ms;
    if (!code && *waited_ms < limit) {
        int64_t start_ns = clock_now_ns();
        code = wait_a_moment(stream, limit - *waited_ms);
        *waited_ms += (clock_now_ns() - start_ns) / NS_PER_MS + 1;
        if (!code && stream->on_wait && stream->on_wait(stream->context)) {
            return client_fail(error, SITU_CANCELLED, "stopped by the caller");
        }
        if (!code) {
            return 0;
        }
    }
    if (!code) {
        return client_fail(error, SITU_UNREACHABLE,
                           "the array at %s has sent nothing for %u seconds",
                           stream->array->address.text, stream->array->idle_timeout_ms / 1000);
    }
    return code == CURLM_OUT_OF_MEMORY ? client_fail_memory(error)
                                       : client_fail(error, SITU_IO, "waiting for the array: %s",
                                                     curl_multi_strerror(code));
}

static int ended_badly(struct stream *stream, struct situ_error *error)
{
    if (buffer_ok(&stream->bytes) != 0) {
        return client_fail_memory(error);
    }
    if (stream->outcome == CURLE_WRITE_ERROR) {
        return client_fail(error, SITU_PROTOCOL, "a result of the array is longer than %u MiB",
                           (unsigned)(ANSWER_BYTES_MAX / MIB));
    }
    return transfer_fail(&stream->transfer, stream->curl, stream->outcome, error);
}

/* Receives until the header and the first byte of the body are there, or the end. */
static int await_answer(struct stream *stream, long *ret_status, struct situ_error *error)
{
    int64_t waited_ms = 0;
    for (;;) {
        int r = pump(stream, &waited_ms, error);
        if (r) {
            return r;
        }
        (void)curl_easy_getinfo(stream->curl, CURLINFO_RESPONSE_CODE, ret_status);
        bool accepted = *ret_status >= 200 && *ret_status <= 299;
        if (accepted && (stream->ended || stream->bytes.size > 0)) {
            return 0; /* stream_line reports an end that came too early */
        }
        if (stream->ended) {
            return stream->outcome == CURLE_OK ? 0 : ended_badly(stream, error);
        }
    }
}

int stream_begin(struct stream *stream, const struct request *request, long *ret_status,
                 long *ret_retry_after_s, struct situ_error *error)
{
    stream_end(stream);
    curl_easy_reset(stream->curl);
    int r = transfer_prepare(&stream->transfer, stream->curl, stream->array, request, error);
    if (r) {
        return r;
    }
    CURLcode code = curl_easy_setopt(stream->curl, CURLOPT_WRITEFUNCTION, transfer_keep_bytes);
    code = code ? code : curl_easy_setopt(stream->curl, CURLOPT_WRITEDATA, &stream->bytes);
    if (code || curl_multi_add_handle(stream->multi, stream->curl)) {
        return client_fail_memory(error);
    }
    stream->active = true;
    *ret_status = 0;
    r = await_answer(stream, ret_status, error);
    curl_off_t asked = 0;
    (void)curl_easy_getinfo(stream->curl, CURLINFO_RETRY_AFTER, &asked);
    *ret_retry_after_s = asked > 3600 ? 3600 : (long)asked;
    return r;
}

int stream_line(struct stream *stream, const char **ret_line, size_t *ret_size,
                struct situ_error *error)
{
    struct buffer *bytes = &stream->bytes;
    int64_t waited_ms = 0;
    for (;;) {
        size_t left = bytes->size - stream->scanned;
        const char *start = left ? bytes->data + stream->scanned : NULL;
        const char *end = left ? memchr(start, '\n', left) : NULL;
        if (end) {
            *ret_line = bytes->data + stream->offset;
            *ret_size = (size_t)(end - *ret_line);
            stream->offset += *ret_size + 1;
            stream->scanned = stream->offset;
            return 1;
        }
        stream->scanned = bytes->size;
        if (stream->ended) {
            /* A last line without a line feed is incomplete. */
            if (stream->outcome == CURLE_OK && stream->offset == bytes->size) {
                return 0;
            }
            return stream->outcome == CURLE_OK
                       ? client_fail(error, SITU_UNREACHABLE,
                                     "the answer of the array at %s was cut",
                                     stream->array->address.text)
                       : ended_badly(stream, error);
        }
        if (stream->offset > 0) {
            memmove(bytes->data, bytes->data + stream->offset, bytes->size - stream->offset);
            bytes->size -= stream->offset;
            stream->scanned -= stream->offset;
            stream->offset = 0;
        }
        int r = pump(stream, &waited_ms, error);
        if (r) {
            return r;
        }
    }
}

void stream_drain(struct stream *stream)
{
    int64_t waited_ms = 0;
    int64_t end_ns = clock_now_ns() + DRAIN_MS * NS_PER_MS;
    int r = 0;
    while (r == 0 && !stream->ended && clock_now_ns() < end_ns) {
        r = pump(stream, &waited_ms, NULL);
        buffer_clear(&stream->bytes);
    }
}
