/* SPDX-License-Identifier: Apache-2.0
 *
 * Indexes as JSON, as the protocol shows them. Pure; any thread.
 */
#ifndef SITU_API_INDEXES_INDEX_OBJECT_H
#define SITU_API_INDEXES_INDEX_OBJECT_H

#include "base/buffer.h"
#include "retrieval/retrieval.h"

/* The index object, without a line feed. */
void index_write_json(struct buffer *out, const struct retrieval_info *info);

#endif
