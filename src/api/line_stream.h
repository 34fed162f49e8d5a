/* SPDX-License-Identifier: Apache-2.0
 *
 * An answer of lines that one task thread writes; it waits while the client is slow. Ends when the
 * client leaves or situd stops.
 */
#ifndef SITU_API_LINE_STREAM_H
#define SITU_API_LINE_STREAM_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/cleanup.h"

struct call;
struct line_stream;

/* Starts the call's answer, and becomes its state; it must have none. NULL: the call was answered
 * (out of memory), or takes no body (HEAD). Lives as long as the call. */
struct line_stream *line_stream_begin(struct call *call);

/* Whether the client is still there. For a producer that sends nothing for long. */
bool line_stream_is_open(struct line_stream *stream);

/* Sends the lines and clears the buffer; first waits until the client has received most of what was
 * sent before. -EPIPE: the client has left, or situd stops; -ENOMEM. */
must_check int line_stream_send(struct line_stream *stream, struct buffer *lines);

/* Ends or aborts the stream, which must not be used afterwards. */
void line_stream_end(struct line_stream *stream, bool aborted);

#endif
