/* SPDX-License-Identifier: Apache-2.0
 *
 * One result object: what an inference over one object gave, as one line of JSON. Written by situd
 * into every place where results appear, read by libsitu. Pure; any thread.
 */
#ifndef SITU_DATA_RESULT_H
#define SITU_DATA_RESULT_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "data/answer.h"

/* Pointers are borrowed from the caller when written, and from `memory` after result_parse. */
struct result {
    const char *object;      /* "STORE/KEY", bytes; NULL for bytes in hand without a name */
    const char *object_text; /* set by result_parse: as the line has it, which may be encoded */
    struct answer answer;
    struct result_memory *memory; /* owned; set by result_parse, otherwise NULL */
};

/* Appends the object, without a line feed. Scores are written with 6 significant digits, embeddings
 * and outputs so that they read back the same; a value that is not finite becomes null, but for
 * one in base64. `form` NULL: the plain form. */
void result_write_json(struct buffer *out, const struct result *result,
                       const struct answer_form *form);

/* Reads one line. Fills *ret_result on success only; result_done() when done. NULL in place of a
 * number reads as NaN. Unknown members are skipped. Errors: ERROR_MALFORMED, ERROR_MEMORY. */
must_check int result_parse(const char *line, size_t size, struct result *ret_result,
                            struct error *error);

/* The same from an object within a tree that the caller owns and keeps while the result lives. */
must_check int result_parse_node(const struct json *node, struct result *ret_result,
                                 struct error *error);

void result_done(struct result *result);

#endif
