/* SPDX-License-Identifier: Apache-2.0
 *
 * Making answers from a model's outputs, and result objects from outcomes. Each kind of answer has
 * a row of answer_makers, at the place that it has in answer_kinds (data/answer.h), and a file in
 * infer/answer_makers/. Runs on lanes' threads, right after the run, and where jobs write their
 * results. The worker's numbers are not trusted: they may be anything.
 */
#ifndef SITU_INFER_ANSWER_MAKER_H
#define SITU_INFER_ANSWER_MAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "data/answer.h"
#include "infer/item.h"
#include "infer/worker_facts.h"
#include "model/package.h"

struct answer_maker {
    const struct answer_kind *kind;

    /* The primary output, which answers are made of: the first of these names that the model has
     * (NULL ends the list), otherwise the first output of `rank`, otherwise the first one. */
    const char *const *outputs; /* NULL: no names */
    uint32_t rank;              /* 0: any */
    bool all_outputs;           /* answers are made of all outputs, not of the primary one alone */

    /* At load: can the primary output give answers, as far as its shape is known? 0, or
     * ERROR_UNFIT. NULL: nothing to check. */
    int (*check)(const struct model_spec *spec, const struct worker_facts *facts,
                 struct error *error);

    /* Makes an answer, zero before, of a finished item that has outputs: of classes the best `top`.
     * What it points to is the item's, or in its memory. ERROR_UNFIT, ERROR_MEMORY; then it is as
     * it was. NULL: no task has such answers. */
    int (*make)(const struct infer_item *item, size_t top, struct answer *answer,
                struct error *error);
};

extern const struct answer_maker answer_maker_classes;
extern const struct answer_maker answer_maker_embedding;
extern const struct answer_maker answer_maker_tensors;
extern const struct answer_maker answer_maker_failure;

/* In the order of answer_kinds; NULL ends the list. */
extern const struct answer_maker *const answer_makers[];

/* The index of the primary output. */
uint32_t answer_primary_output(const struct model_spec *spec, const struct worker_facts *facts);

/* See answer_maker.check. */
must_check int answer_check(const struct model_spec *spec, const struct worker_facts *facts,
                            struct error *error);

/* After a run whose request asks for an answer: makes item->answer from the outputs. Outputs that
 * are not what the task needs give none; answer_write() reports why. */
void answer_make(struct infer_item *item);

/* Is it an answer, and where it is of classes, does it have the best `top`? */
bool answer_suffices(const struct answer *answer, size_t top);

struct answer_options {
    size_t top;           /* classes */
    bool labels;          /* with their labels */
    bool binary;          /* embeddings as base64, not as numbers */
    struct pieces *later; /* whose text is `out`: outputs are put there. NULL: all is written */
};

/* Appends the result object of a finished item (no line feed). `object` may be NULL. An outcome
 * that cannot be made an answer becomes an error in the object, and in item->error. */
void answer_write(struct buffer *out, struct infer_item *item, const char *object,
                  const struct answer_options *options);

#endif
