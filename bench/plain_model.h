/* SPDX-License-Identifier: Apache-2.0
 *
 * A model in one process, without sandbox, queue or HTTP: the same media and engine code as in the
 * worker, called directly. situd is compared with it. One thread at a time.
 */
#ifndef SITU_BENCH_PLAIN_MODEL_H
#define SITU_BENCH_PLAIN_MODEL_H

#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

struct plain_model;

/* Reads and loads a package. `threads`: the session's threads within a run. */
must_check int plain_model_new(const char *package, unsigned threads,
                               struct plain_model **ret_model, struct error *error);
void plain_model_free(struct plain_model *model); /* NULL is fine */

/* Converts an encoded image to the model's input. *ret_tensor is `*ret_size` bytes of the input's
 * type for one image, and belongs to the model. */
must_check int plain_model_decode(struct plain_model *model, const void *bytes, size_t size,
                                  const void **ret_tensor, size_t *ret_size, struct error *error);

/* Runs the model on the image that was decoded last; returns the first row of the first output as
 * float32, which belongs to the model and is valid until the next run. */
must_check int plain_model_values(struct plain_model *model, const float **ret_values,
                                  size_t *ret_count, struct error *error);

/* The same; returns the index of the largest value. */
must_check int plain_model_run(struct plain_model *model, size_t *ret_best, struct error *error);

#endif
