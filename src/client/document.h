/* SPDX-License-Identifier: Apache-2.0
 *
 * A JSON document of the array, with a public struct of the library that is made from it and points
 * into it: a model, a list of jobs, a status. One allocation holds both, so that the public struct
 * alone finds its document. Any thread, one at a time.
 */
#ifndef SITU_CLIENT_DOCUMENT_H
#define SITU_CLIENT_DOCUMENT_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/pool.h"
#include "client/transfer.h"

struct document {
    struct buffer text;
    struct json *root;  /* owned */
    struct pool memory; /* owned */
    max_align_t public[];
};

/* How the public struct is made from its document. */
struct document_form {
    size_t size; /* of the public struct; zeroed before */
    int (*fill)(struct document *document, struct situ_error *error);
};

/* Does the request, parses its answer, and makes the public struct. `form` NULL: there is none. The
 * caller frees *ret_document, which does not change after a fault; ret_document NULL: the document
 * is freed at once. */
must_check int document_request(struct situ *array, const struct request *request,
                                const struct document_form *form, struct document **ret_document,
                                struct situ_error *error);

/* The same for a GET of `target`. */
must_check int document_get(struct situ *array, const char *target,
                            const struct document_form *form, struct document **ret_document,
                            struct situ_error *error);

/* Like document_request; gives the public struct alone. `ret_public` is the address of the caller's
 * pointer to it, which is NULL after a fault; NULL: the document is freed at once. */
must_check int document_fetch(struct situ *array, const struct request *request,
                              const struct document_form *form, void *ret_public,
                              struct situ_error *error);

/* A call of situ.h as a whole: checks its arguments, and does a GET of `target`. */
must_check int document_show(struct situ *array, const char *target,
                             const struct document_form *form, void *ret_public,
                             struct situ_error *error);

/* The public struct of a document; NULL for NULL. */
void *document_public(struct document *document);

/* The document of a public struct. */
const struct document *document_of(const void *public);

void document_free(struct document *document); /* NULL is fine */
void document_free_public(void *public);       /* the same, by its public struct */

/* Zeroed memory that lives as long as the document. NULL: out of memory. */
void *document_alloc(struct document *document, size_t count, size_t size);

/* The elements of the array that is the member `what` of the document, such as "jobs".
 * SITU_PROTOCOL where there is none. */
must_check int document_list(const struct document *document, const char *what,
                             const struct json **ret_list, struct situ_error *error);

/* The text of each object in the array `what`, the document's first member; "" if it is not found.
 * They live as long as the document. NULL: out of memory. */
const char *const *document_elements(struct document *document, const char *what, size_t count);

/* The bytes of a name, as reply_name() gives them; they live as long as the document. */
must_check int document_name(struct document *document, const struct json *object, const char *key,
                             const char **ret_name, struct situ_error *error);

/* The text as the array sent it, without the line feed at its end. */
const char *document_text(const struct document *document);

#endif
