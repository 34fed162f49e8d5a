/* SPDX-License-Identifier: Apache-2.0
 *
 * A JSON document of the array with everything that is made from it: its text, its tree, and arrays
 * that point into the tree. What the public structs of models, stores and status live in.
 */
#ifndef SITU_CLIENT_DOCUMENT_H
#define SITU_CLIENT_DOCUMENT_H

#include "base/buffer.h"
#include "base/json.h"
#include "base/pool.h"
#include "client/exchange.h"

struct document {
    struct buffer text;
    struct json *root;             /* owned */
    struct document_block *blocks; /* owned */
    struct pool names;             /* owned */
};

/* GETs `target` and parses the answer. */
must_check int document_get(struct document *document, struct situ *array, struct buffer *target,
                            struct situ_error *error);

/* Does any request and parses its answer. */
must_check int document_request(struct document *document, struct situ *array,
                                const struct request *request, struct situ_error *error);

/* Zeroed memory that lives as long as the document; at least one element. NULL: out of memory. */
void *document_alloc(struct document *document, size_t count, size_t size);

/* The words of each of the `count` objects in the array `member` ("\"jobs\""), the document's one
 * member, as docs/protocol.md has it; "" where it is not. They live as long as the document. NULL:
 * out of memory. */
const char *const *document_elements(struct document *document, const char *member, size_t count);

/* The bytes of the name that is `member` of `node`, decoded where it is encoded; lives as long as
 * the document. NULL where there is none. SITU_PROTOCOL, SITU_MEMORY. */
must_check int document_name(struct document *document, const struct json *node, const char *member,
                             const char **ret_name, struct situ_error *error);

/* The text as the array sent it, without the line feed at its end. */
const char *document_text(const struct document *document);

void document_done(struct document *document);

#endif
