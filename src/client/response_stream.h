/* SPDX-License-Identifier: Apache-2.0
 *
 * A streamed response, read line by line in the calling thread. Bytes are received only while a
 * line is requested, so that a slow reader slows the array down (back-pressure) instead of filling
 * memory. A connection serves one stream after another. One thread at a time.
 */
#ifndef SITU_CLIENT_RESPONSE_STREAM_H
#define SITU_CLIENT_RESPONSE_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "client/transfer.h"

struct stream {
    struct situ *array; /* borrowed */
    CURLM *multi;       /* owned */
    CURL *curl;         /* owned; in multi while `active` */
    struct transfer transfer;
    bool active;         /* a request is running, or its response is not read to the end */
    bool ended;          /* the response has ended */
    CURLcode outcome;    /* when ended */
    struct buffer bytes; /* received; lines before `offset` have been returned */
    size_t offset;
    size_t scanned; /* no line feed between offset and here */
    uint64_t sent;  /* by earlier requests */
    uint64_t received;

    /* Called a few times a second while the stream waits, and after a signal; a nonzero value ends
     * the wait with SITU_CANCELLED, and a later stream_line continues. NULL: none. Set by the
     * owner. */
    int (*on_wait)(void *context);
    void *context;
};

/* Embedded; call stream_done even after a failure. */
must_check int stream_init(struct stream *stream, struct situ *array, struct situ_error *error);
void stream_done(struct stream *stream);

/* Ends the running request, starts this one and waits for the status. `request` is borrowed until
 * the stream is ended. 0 and *ret_status; if that is not 2xx, stream->bytes has the whole body and
 * *ret_retry_after_s is set. */
must_check int stream_begin(struct stream *stream, const struct request *request, long *ret_status,
                            long *ret_retry_after_s, struct situ_error *error);

/* The next line without its line feed, valid until the next call: 1; 0 at the end of a complete
 * response; SITU_UNREACHABLE if the connection was cut; SITU_CANCELLED by on_wait. */
must_check int stream_line(struct stream *stream, const char **ret_line, size_t *ret_size,
                           struct situ_error *error);

/* After the last line that matters: receives the rest of the response, for a short time at most, so
 * that the array sees it delivered and every byte is counted. */
void stream_drain(struct stream *stream);

/* Ends the running request; the connection is kept if the response was read to the end. */
void stream_end(struct stream *stream);

/* Bytes transferred since stream_init. */
void stream_traffic(const struct stream *stream, uint64_t *ret_sent, uint64_t *ret_received);

#endif
