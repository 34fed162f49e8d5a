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
#include "data/result.h"
#include "infer/item.h"
#include "infer/worker_process.h"
#include "model/package.h"

/* The output that a package's answers are made of. Classification: `logits`, else the first.
 * Features: `image_embeds`, `pooler_output`, `embeddings`, `sentence_embedding`, else the first of
 * rank 2, else the first. */
uint32_t postprocess_primary_output(const struct model_spec *spec,
                                    const struct worker_facts *facts);

/* How many rows a closed shape has: its outermost dimension; a vector or a scalar is one row. */
size_t postprocess_rows(const struct tensor_shape *shape);

/* At load: can the primary output of a classification model give one row of classes for each
 * image, as far as its shape is known? 0, or ERROR_UNFIT. Other tasks: 0. */
must_check int postprocess_check(const struct model_spec *spec, const struct worker_facts *facts,
                                 struct error *error);

/* Whether an output of that shape can be rows of classes: beside the outermost dimension at most
 * one is above 1 (-1 is an open one). 0, or ERROR_UNFIT. */
must_check int postprocess_check_classes(const char *name, const struct tensor_shape *shape,
                                         struct error *error);

/* The one row of an image's output, as postprocess_row(). ERROR_UNFIT also where there are more
 * rows, and for a classification model where it cannot be classes. */
must_check int postprocess_image_row(const struct model *model, const struct tensor *output,
                                     float **ret_values, size_t *ret_count, struct error *error);

/* The values of one row (postprocess_rows) as float32: count of them into *ret_values, which the
 * caller frees. ERROR_UNFIT for no such row or a type that is not a number. */
must_check int postprocess_row(const struct tensor *output, size_t row, float **ret_values,
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
