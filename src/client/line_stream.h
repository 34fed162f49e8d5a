/* SPDX-License-Identifier: Apache-2.0
 *
 * A streamed answer, read line by line in the calling thread. Bytes are taken from the connection
 * only while a line is wanted, so that a slow reader slows the array down instead of filling
 * memory. One connection serves one stream after another. One thread at a time.
 */
#ifndef SITU_CLIENT_LINE_STREAM_H
#define SITU_CLIENT_LINE_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "client/exchange.h"

struct stream {
    struct situ *array; /* borrowed */
    CURLM *multi;       /* owned */
    CURL *curl;         /* owned; in multi while `active` */
    struct exchange exchange;
    bool active;         /* a request is under way or its answer not read to the end */
    bool ended;          /* the connection gives no more */
    CURLcode outcome;    /* when ended */
    struct buffer bytes; /* received; lines before `offset` have been given */
    size_t offset;
    size_t scanned; /* no line feed between offset and here */
    uint64_t sent;  /* of the requests before the one under way */
    uint64_t received;

    /* Called a few times a second while the stream waits, and when a signal has come; nonzero ends
     * the wait with SITU_CANCELLED, and a later stream_line goes on. NULL: none. Set by the owner.
     */
    int (*on_wait)(void *context);
    void *context;
};

/* Embedded; stream_done also where this fails. */
must_check int stream_init(struct stream *stream, struct situ *array, struct situ_error *error);
void stream_done(struct stream *stream);

/* Begins a request, after ending the one under way, and waits for the answer's status. `request` is
 * borrowed until the stream is ended. 0 and *ret_status; where that is not 2xx the body is whole in
 * stream->bytes and *ret_retry_after_s is set. */
must_check int stream_begin(struct stream *stream, const struct request *request, long *ret_status,
                            long *ret_retry_after_s, struct situ_error *error);

/* The next line without its line feed, valid until the next call: 1; 0 at the end of an answer that
 * came whole; SITU_UNREACHABLE where the connection was cut; SITU_CANCELLED by on_wait. */
must_check int stream_line(struct stream *stream, const char **ret_line, size_t *ret_size,
                           struct situ_error *error);

/* After the last line that matters: takes what the answer still has, so that the array sees it
 * delivered and every byte is counted; for a moment at most. */
void stream_drain(struct stream *stream);

/* Ends the request under way; its connection is kept where its answer was read to the end. */
void stream_end(struct stream *stream);

/* Bytes on the wire since stream_init. */
void stream_traffic(const struct stream *stream, uint64_t *ret_sent, uint64_t *ret_received);

#endif
