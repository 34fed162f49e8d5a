/* SPDX-License-Identifier: Apache-2.0
 *
 * One result object: what an inference over one object gave, as one line of JSON. Written by situd
 * into every place where results appear, read by libsitu. Pure; any thread.
 */
#ifndef SITU_DATA_RESULT_H
#define SITU_DATA_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "data/pieces.h"
#include "data/tensor.h"

enum result_kind { RESULT_ERROR, RESULT_CLASSES, RESULT_EMBEDDING, RESULT_OUTPUTS };

struct result_class {
    uint32_t index;
    float score;
    const char *label; /* NULL where there is none */
};

/* The members below `kind` that do not belong to it are zero. Pointers are borrowed from the caller
 * when written, and from `memory` after result_parse. */
struct result {
    const char *object;      /* "STORE/KEY", bytes; NULL for bytes in hand without a name */
    const char *object_text; /* set by result_parse: as the line has it, which may be encoded */
    enum result_kind kind;

    enum error_code error_code; /* RESULT_ERROR */
    const char *error_message;

    const struct result_class *classes; /* RESULT_CLASSES: falling score */
    size_t class_count;

    const float *embedding; /* RESULT_EMBEDDING */
    size_t embedding_size;  /* values */
    bool embedding_base64;  /* as a string: base64 of the values as little-endian float32 */

    const struct tensor *outputs; /* RESULT_OUTPUTS: with names; index unused */
    size_t output_count;
    struct pieces *later; /* when written: the pieces whose text the line is written to; the data is
                             put there, and must outlive them. NULL: it is written */

    struct result_memory *memory; /* owned; set by result_parse, NULL else */
};

/* Appends the object, without a line feed. Scores are written with 6 significant digits, embeddings
 * and outputs so that they read back the same; a value that is not finite becomes null, but for
 * one in base64. */
void result_write_json(struct buffer *out, const struct result *result);

/* Reads one line. Fills *ret_result on success only; result_done() when done. NULL in place of a
 * number reads as NaN. Unknown members are passed over. Errors: ERROR_MALFORMED, ERROR_MEMORY. */
must_check int result_parse(const char *line, size_t size, struct result *ret_result,
                            struct error *error);

/* The same from an object within a tree that the caller owns and keeps while the result lives. */
must_check int result_parse_node(const struct json *node, struct result *ret_result,
                                 struct error *error);

void result_done(struct result *result);

#endif
