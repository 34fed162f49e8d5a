/* SPDX-License-Identifier: Apache-2.0
 *
 * Indexes as JSON, in the form of the protocol. Pure; any thread.
 */
#ifndef SITU_API_INDEXES_INDEX_OBJECT_H
#define SITU_API_INDEXES_INDEX_OBJECT_H

#include "base/json_write.h"
#include "retrieval/retrieval.h"

/* The index object. */
void index_put_json(struct json_writer *w, const char *key, const struct retrieval_info *info);

#endif
