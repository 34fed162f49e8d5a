/* SPDX-License-Identifier: Apache-2.0
 *
 * Text that contains tensors, as the body of an answer. Read by the listener's thread.
 */
#include "api/piece_stream.h"

#include <stdio.h>
#include <stdlib.h>

struct piece_stream {
    struct call *call; /* owned reference: its state has the tensors */
    struct pieces parts[2];
    struct pieces_reader reader;
    size_t part; /* being read */
};

static void free_stream(void *context)
{
    struct piece_stream *stream = context;
    pieces_reader_done(&stream->reader);
    pieces_done(&stream->parts[0]);
    pieces_done(&stream->parts[1]);
    call_unref(stream->call);
    free(stream);
}

static long read_stream(void *context, char *to, size_t room)
{
    struct piece_stream *stream = context;
    long size = pieces_read(&stream->reader, to, room);
    if (size == 0 && stream->part == 0) {
        pieces_reader_done(&stream->reader);
        pieces_reader_init(&stream->reader, &stream->parts[++stream->part]);
        size = pieces_read(&stream->reader, to, room);
    }
    return size;
}

static bool is_empty(const struct pieces *pieces)
{
    return pieces->text.size == 0 && pieces->count == 0;
}

void piece_stream_send(struct call *call, struct pieces *json, struct pieces *binary)
{
    struct piece_stream *stream = calloc(1, sizeof *stream);
    size_t json_size = 0;
    size_t binary_size = 0;
    bool has_binary = !is_empty(binary);
    bool good = stream && buffer_ok(&json->text) == 0 && buffer_ok(&binary->text) == 0;
    if (good && has_binary) {
        good = pieces_size(json, &json_size) == 0 && pieces_size(binary, &binary_size) == 0;
    }
    if (!good) {
        free(stream);
        pieces_done(json);
        pieces_done(binary);
        call_respond_status(call, 503, "out of memory for the answer");
        return;
    }
    *stream = (struct piece_stream){.call = call_ref(call), .parts = {*json, *binary}};
    *json = *binary = PIECES_INIT;
    pieces_reader_init(&stream->reader, &stream->parts[0]);
    char length[32];
    (void)snprintf(length, sizeof length, "%zu", json_size);
    const char *const headers[] = {"Inference-Header-Content-Length", length, NULL};
    struct http_source source = {.read = read_stream,
                                 .free = free_stream,
                                 .context = stream,
                                 .size = has_binary ? json_size + binary_size : HTTP_SIZE_UNKNOWN};
    call_respond_source(call, has_binary ? "application/octet-stream" : "application/json", &source,
                        has_binary ? headers : NULL);
}
