/* SPDX-License-Identifier: Apache-2.0
 *
 * An answer of lines that one task thread makes: it writes, and waits where the client is slow.
 * Ends when the client leaves or situd stops.
 */
#ifndef SITU_API_LINE_STREAM_H
#define SITU_API_LINE_STREAM_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/cleanup.h"

struct call;
struct line_stream;

/* Begins the call's answer, and takes the place of its state, which has none. NULL: it was answered
 * (out of memory), or wants no body (HEAD). Lives as long as the call. */
struct line_stream *line_stream_begin(struct call *call);

/* Has it still somebody who listens? For those that have nothing to send for long. */
bool line_stream_is_open(struct line_stream *stream);

/* Sends the lines and clears the buffer; waits until the client has taken most of what was sent
 * before. -EPIPE: nobody is there; -ENOMEM. */
must_check int line_stream_send(struct line_stream *stream, struct buffer *lines);

/* The end, or the breaking off; the stream is not to be used after it. */
void line_stream_end(struct line_stream *stream, bool aborted);

#endif
