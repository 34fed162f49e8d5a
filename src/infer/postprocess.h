/* SPDX-License-Identifier: Apache-2.0
 *
 * From output tensors to answers: softmax where the output is logits, the best classes, L2
 * normalisation. Pure; runs in the daemon on the untrusted worker's numbers, which may be anything.
 */
#ifndef SITU_INFER_POSTPROCESS_H
#define SITU_INFER_POSTPROCESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "infer/item.h"
#include "infer/worker_process.h"
#include "model/package.h"
#include "wire/result_line.h"

/* The output that a package's answers are made of. Classification: `logits`, else the first.
 * Features: `image_embeds`, `pooler_output`, `embeddings`, `sentence_embedding`, else the first of
 * rank 2, else the first. */
uint32_t postprocess_primary_output(const struct model_spec *spec,
                                    const struct worker_facts *facts);

/* The values of one row (of the outermost dimension) as float32: count of them into *ret_values,
 * which the caller frees. ERROR_UNFIT for no such row or a type that is not a number. */
must_check int postprocess_row(const struct item_output *output, size_t row, float **ret_values,
                               size_t *ret_count, struct error *error);

/* The best `top` classes of scores in falling order, ties by index; NaN counts as lowest. Applies
 * softmax first where asked. `values` is changed. ret_classes has room for `top`. */
void postprocess_classes(float *values, size_t count, int apply_softmax, size_t top,
                         struct result_class *ret_classes, size_t *ret_count);

/* x / |x|, in double; a zero vector stays. */
void postprocess_normalize(float *values, size_t count);

/* Does the model's primary output need a softmax? */
int postprocess_wants_softmax(const struct model *model, uint32_t output);

#endif
