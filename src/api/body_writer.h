/* SPDX-License-Identifier: Apache-2.0
 *
 * A streamed body on its way to the disk. The listener's thread only copies its pieces into bounded
 * memory; a task writes them. While both that memory and the task are busy, the client waits.
 */
#ifndef SITU_API_BODY_WRITER_H
#define SITU_API_BODY_WRITER_H

#include <stddef.h>

#include "api/call.h"
#include "base/cleanup.h"
#include "base/error.h"

struct body_writer;

/* Takes all of the bytes, in order, on one task at a time; a negative errno ends the writing. */
typedef int (*body_write)(void *context, const void *bytes, size_t size);

/* `call` is borrowed: it owns the writer, and the task holds a reference to it. */
must_check int body_writer_new(struct call *call, body_write write, void *context,
                               struct body_writer **ret_writer);
/* When no task can be at work any more: from the call's free_state. NULL is fine. */
void body_writer_free(struct body_writer *writer);

/* A http_sink, with the writer as its context. */
must_check int body_writer_put(void *writer, const void *bytes, size_t size);

/* The body's end, on a task: waits until all is written. What `write` failed with is for its
 * context to tell and no error here; ERROR_BUSY and ERROR_MEMORY are ours. */
must_check int body_writer_finish(struct body_writer *writer, struct error *error);

#endif
