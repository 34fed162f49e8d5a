/* SPDX-License-Identifier: Apache-2.0
 *
 * One item's outcome as an answer of its model's task (classes or embedding), and as a result
 * object: classes, embedding, outputs or error.
 */
#ifndef SITU_INFER_ANSWER_H
#define SITU_INFER_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "data/result.h"
#include "infer/item.h"

struct answer_options {
    size_t top;           /* classes */
    bool labels;          /* with their labels */
    bool binary;          /* embeddings as base64, not as numbers */
    struct pieces *later; /* whose text is `out`: outputs are put there. NULL: all is written */
};

/* After a run whose request wants an answer: makes item->answer from the outputs. None comes of
 * outputs that are not one row of numbers; what is wrong with them answer_write() says. */
void answer_make(struct infer_item *item);

/* Does an answer of classes tell the best `top` of them? */
bool answer_suffices(const struct cache_value *answer, size_t top);

/* The best classes of an answer, without labels: at most `top`, which ret_classes has room for, and
 * as many as it tells. */
size_t answer_classes(const struct cache_value *answer, size_t top,
                      struct result_class *ret_classes);

/* Appends the result object of a finished item (no line feed). `object` may be NULL. An outcome
 * that cannot be made an answer becomes an error in the object, and in item->error. */
void answer_write(struct buffer *out, struct infer_item *item, const char *object,
                  const struct answer_options *options);

#endif
