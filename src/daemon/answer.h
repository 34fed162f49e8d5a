/* SPDX-License-Identifier: Apache-2.0
 *
 * One item's outcome as a result object: classes, embedding, outputs or error, as the model's task
 * says.
 */
#ifndef SITU_DAEMON_ANSWER_H
#define SITU_DAEMON_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "daemon/infer.h"

struct answer_options {
    size_t top;  /* classes */
    bool labels; /* with their labels */
};

/* Appends the result object of a finished item (no line feed). `object` may be NULL. An outcome
 * that cannot be made an answer becomes an error in the object, and in item->error. */
void answer_write(struct buffer *out, struct infer_item *item, const char *object,
                  const struct answer_options *options);

#endif
