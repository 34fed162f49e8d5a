/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers whose body is made while it is sent: libmicrohttpd asks for the next piece on the
 * listener's thread whenever the socket has taken the last one. The deadline is put off by what the
 * client takes, so that one that takes nothing does not hold the answer's memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/state.h"

/* libmicrohttpd's; freed when it needs the response no more, maybe after the request's end. */
struct sourced {
    struct http_request *request; /* borrowed; valid while pieces are asked for */
    struct http_source source;
};

static ssize_t read_source(void *cls, uint64_t position, char *to, size_t room)
{
    const struct sourced *sourced = cls;
    struct http_request *request = sourced->request;
    (void)position;
    long size = sourced->source.read(sourced->source.context, to, room);
    if (size < 0 || atomic_load(&request->server->stopping)) {
        return http_stream_break(request, to);
    }
    if (size == 0) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (sourced->source.size == HTTP_SIZE_UNKNOWN) {
        HOLD(&request->lock);
        request->bytes_sent += (uint64_t)size + (uint64_t)snprintf(NULL, 0, "%lx\r\n\r\n", size);
    }
    http_deadline_progress(request, (size_t)size);
    return size;
}

static void free_source(void *cls)
{
    struct sourced *sourced = cls;
    sourced->source.free(sourced->source.context);
    free(sourced);
}

struct MHD_Response *http_source_response(struct http_request *request,
                                          const struct http_source *source)
{
    struct sourced *sourced = malloc(sizeof *sourced);
    struct MHD_Response *response = NULL;
    if (sourced) {
        *sourced = (struct sourced){request, *source};
        response = MHD_create_response_from_callback(
            source->size == HTTP_SIZE_UNKNOWN ? MHD_SIZE_UNKNOWN : source->size,
            HTTP_PROGRESS_BYTES, read_source, sourced, free_source);
    }
    if (!response) {
        free(sourced);
        source->free(source->context);
    } else if (request->head_only && source->size == HTTP_SIZE_UNKNOWN) { /* as in stream.c */
        (void)MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
    }
    return response;
}

void http_respond_source(struct http_request *request, const char *content_type,
                         const struct http_source *source, const char *const *headers)
{
    bool chunked = source->size == HTTP_SIZE_UNKNOWN;
    uint64_t size = source->size;
    struct MHD_Response *response = http_source_response(request, source);
    if (!response) {
        http_request_abandon(request);
        return;
    }
    uint64_t bytes = http_answer_head(response, MHD_HTTP_OK, content_type, headers);
    if (chunked) {
        bytes += request->head_only ? strlen("Connection: close\r\n")
                                    : strlen("Transfer-Encoding: chunked\r\n0\r\n\r\n");
    } else {
        bytes += (uint64_t)snprintf(NULL, 0, "Content-Length: %llu\r\n", (unsigned long long)size);
        bytes += request->head_only ? 0 : size;
    }
    http_answer_give(request, response, MHD_HTTP_OK, bytes, 0);
}
