/* SPDX-License-Identifier: Apache-2.0
 *
 * Indexes as JSON, as the protocol shows them. Pure; any thread.
 */
#ifndef SITU_API_INDEXES_INDEX_OBJECT_H
#define SITU_API_INDEXES_INDEX_OBJECT_H

#include "base/json_write.h"
#include "retrieval/retrieval.h"

/* The index object. */
void index_put_json(struct json_writer *w, const char *key, const struct retrieval_info *info);

#endif
