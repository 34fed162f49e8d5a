/* SPDX-License-Identifier: Apache-2.0
 *
 * The index object of docs/protocol.md as the public struct situ_index, requests that return one,
 * and the paths of an index. Any thread.
 */
#ifndef SITU_CLIENT_INDEX_OBJECT_H
#define SITU_CLIENT_INDEX_OBJECT_H

#include "client/document.h"

/* Fills an index from its object. Texts are borrowed from the tree. The array is not trusted: what
 * is absent or of another type reads as "" or 0. */
void index_fill(struct situ_index *index, const struct json *node);

/* SITU_USAGE if it cannot be the name of an index. */
must_check int index_name_check(const char *name, struct situ_error *error);

/* Appends /v1/indexes/NAME and `tail`, after that check. */
must_check int index_target(struct buffer *target, const char *name, const char *tail,
                            struct situ_error *error);

/* Performs a request that returns an index object. ret_index may be NULL. */
must_check int index_fetch(struct situ *array, const struct request *request,
                           struct situ_index **ret_index, struct situ_error *error);

#endif
