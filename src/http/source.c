/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers whose body is made while it is sent: the listener's thread reads the next piece when the
 * socket has taken the last one. The deadline is extended when the client reads, so that a client
 * that reads nothing does not hold the answer's memory.
 */
#include "http/state.h"

enum http_stream_step http_source_take(struct http_request *request, char *scratch,
                                       struct buffer *output, uint64_t *sent)
{
    const struct http_source *source = &request->answer.source;
    bool known = source->size != HTTP_SIZE_UNKNOWN;
    bool chunked = !known && !request->head.old;
    if (atomic_load(&request->server->stopping)) {
        return HTTP_STREAM_BROKEN;
    }
    if (known && *sent == source->size) {
        return HTTP_STREAM_END;
    }
    size_t room = HTTP_READ_BYTES;
    room = known && source->size - *sent < room ? (size_t)(source->size - *sent) : room;
    long size = source->read(source->context, scratch, room);
    if (size < 0 || (size == 0 && known)) {
        return HTTP_STREAM_BROKEN; /* less than the head announced */
    }
    if (size == 0) {
        buffer_append_text(output, chunked ? "0\r\n\r\n" : "");
    } else {
        if (chunked) {
            buffer_printf(output, "%lx\r\n", (unsigned long)size);
        }
        buffer_append(output, scratch, (size_t)size);
        buffer_append_text(output, chunked ? "\r\n" : "");
        *sent += (uint64_t)size;
    }
    if (buffer_ok(output) < 0) {
        return HTTP_STREAM_BROKEN;
    }
    return size == 0 ? HTTP_STREAM_END : HTTP_STREAM_PIECE;
}

void http_respond_source(struct http_request *request, const char *content_type,
                         const struct http_source *source, const char *const *headers)
{
    struct http_answer answer = {.status = 200, .sourced = true, .source = *source};
    http_answer_fields(&answer, content_type, headers);
    http_answer_give(request, &answer);
}
