/* SPDX-License-Identifier: Apache-2.0
 *
 * From scores or logits to the best classes: what V2's classification extension needs, too. Pure;
 * any thread.
 */
#ifndef SITU_INFER_ANSWER_MAKERS_CLASSES_H
#define SITU_INFER_ANSWER_MAKERS_CLASSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "data/answer.h"
#include "infer/models.h"

/* Does that output of a classification model need a softmax? */
bool classes_need_softmax(const struct model *model, uint32_t output);

/* The one row of an output for one image, as row_read_image(). ERROR_UNFIT also where it cannot be
 * classes. */
must_check int classes_read_image(const struct model *model, const struct tensor *output,
                                  float **ret_values, size_t *ret_count, struct error *error);

/* The best `top` classes of scores in falling order, ties by index; NaN counts as lowest. Applies
 * softmax first where asked. `values` is changed. ret_classes has room for the lesser of `top` and
 * `count`. */
void classes_best(float *values, size_t count, bool apply_softmax, size_t top,
                  struct answer_class *ret_classes, size_t *ret_count);

#endif
