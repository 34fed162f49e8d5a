/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes a streamed body to the disk. The listener's thread only copies its pieces into bounded
 * memory; a task writes them. While the memory is full and the task is busy, the client is paused.
 */
#ifndef SITU_API_BODY_WRITER_H
#define SITU_API_BODY_WRITER_H

#include <stddef.h>

#include "api/call.h"
#include "base/cleanup.h"
#include "base/error.h"

struct body_writer;

/* Writes all of the bytes. Called in order, on one task at a time; a negative errno ends the
 * writing. */
typedef int (*body_write)(void *context, const void *bytes, size_t size);

/* `call` is borrowed: it owns the writer, and a task holds a reference to it. */
must_check int body_writer_new(struct call *call, body_write write, void *context,
                               struct body_writer **ret_writer);
/* Called when no task runs any more: from the call's free_state. NULL is fine. */
void body_writer_free(struct body_writer *writer);

/* A http_sink, with the writer as its context. */
must_check int body_writer_put(void *writer, const void *bytes, size_t size);

/* The end of the body, on a task: waits until all is written. An error of `write` is not reported
 * here: its context keeps it. ERROR_BUSY, ERROR_MEMORY. */
must_check int body_writer_finish(struct body_writer *writer, struct error *error);

#endif
