/* SPDX-License-Identifier: Apache-2.0
 *
 * The answer of a model about one object: its best classes, an embedding, its outputs as they are,
 * or a failure. Each kind of answer is a row of answer_kinds and a file in data/answer_kinds/,
 * which keeps answers in the result cache and writes and reads them as JSON. Making them from a
 * model's outputs is in infer/answer_maker.h, in a table with the same rows. Pure; any thread.
 */
#ifndef SITU_DATA_ANSWER_H
#define SITU_DATA_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/pool.h"
#include "data/pieces.h"
#include "data/tensor.h"

enum {
    ANSWER_CLASSES_KEPT = 16,     /* the best classes of an answer that the result cache keeps */
    ANSWER_BYTES_KEPT = 64 << 10, /* of an embedding or of tensors; larger ones are not kept */
};

struct answer_class {
    uint32_t index;
    float score;
};

/* The members of other kinds are zero. Pointers are borrowed from `memory`, or from the caller that
 * made the answer. */
struct answer {
    const struct answer_kind *kind; /* NULL: no answer */

    /* answer_classes, with falling score: see answer_class_list(). */
    const struct answer_class *classes; /* NULL: they are in `few` */
    const char *const *class_labels; /* of each class, or NULL; an entry may be NULL: none, or one
                                        that the form of writing gives */
    size_t class_count;
    struct answer_class few[ANSWER_CLASSES_KEPT];

    /* answer_embedding */
    const float *embedding;
    size_t embedding_size; /* values */

    /* answer_tensors */
    const struct tensor *tensors;
    size_t tensor_count;

    /* answer_failure */
    enum error_code error_code;
    const char *error_message;

    const void *own; /* of a kind that has no members here: a struct of its own */

    void *memory; /* owned, one block; answer_done() frees it */
};

/* How an answer is written as JSON. Zero is the plain form. Pointers are borrowed. */
struct answer_form {
    size_t top;          /* classes at most; 0: all */
    char *const *labels; /* by class index, for classes without one; NULL: none */
    size_t label_count;
    bool base64;          /* an embedding as base64 of little-endian float32 values */
    struct pieces *later; /* the pieces whose text is written to: tensors are put there, and must
                             outlive them. NULL: they are written */
};

struct answer_kind {
    const char *name; /* the member of a result object that holds the answer */
    const char *task; /* of the packages whose answers are of this kind; NULL: of none */
    uint8_t code;     /* in the result cache's files: is never changed or used again; 16 is taken */

    /* Appends an answer as it is kept; *ret_count goes into the head (16 bits). -EINVAL for one
     * that must not be kept, -E2BIG. */
    int (*encode)(struct buffer *out, const struct answer *answer, size_t *ret_count);

    /* Reads that again from any bytes; the answer owns its memory. -EBADMSG, -ENOMEM. */
    int (*decode)(const uint8_t *bytes, size_t size, size_t count, struct answer *answer);

    /* Puts the member. */
    void (*write_json)(struct json_writer *w, const struct answer *answer,
                       const struct answer_form *form);

    /* Reads the member's value; what the answer points to is in the tree or in `pool`.
     * ERROR_MALFORMED, ERROR_MEMORY. */
    int (*parse_json)(struct pool *pool, const struct json *value, struct answer *answer,
                      struct error *error);
};

extern const struct answer_kind answer_classes;
extern const struct answer_kind answer_embedding;
extern const struct answer_kind answer_tensors;
extern const struct answer_kind answer_failure; /* the content's own fault, where it is kept */

/* All kinds; NULL ends the list. A task's number is the place of its row (enum model_task). */
extern const struct answer_kind *const answer_kinds[];

static inline const struct answer_class *answer_class_list(const struct answer *answer)
{
    return answer->classes ? answer->classes : answer->few;
}

/* The form in the result cache: format (1), code, count (2, little-endian), then the kind's bytes.
 *
 *   classes      `count` times index (4), score (float32)
 *   embedding    float32 values to the end
 *   tensors      `count` times: output index, datatype, rank, 0 (1 each), dimensions (8 each), data
 *   failure      error code (4), message to the end
 *
 * encode appends; -EINVAL for an answer that must not be kept, -E2BIG, -ENOMEM. decode takes any
 * bytes; -EBADMSG, -ENOMEM; what it gives is ended by answer_done(). */
must_check int answer_encode(struct buffer *out, const struct answer *answer);
must_check int answer_decode(const uint8_t *bytes, size_t size, struct answer *ret_answer);

/* Frees the memory; the answer is none then. */
void answer_done(struct answer *answer);

#endif
