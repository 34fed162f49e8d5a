/* SPDX-License-Identifier: Apache-2.0
 *
 * A model in one process, without sandbox, queue or HTTP: the same media and engine code as in the
 * worker, called directly. What situd is measured against. One thread at a time.
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

/* An encoded image to the model's input, which stays in the model: *ret_tensor is `*ret_size` bytes
 * of the input's type, for one image. */
must_check int plain_model_decode(struct plain_model *model, const void *bytes, size_t size,
                                  const void **ret_tensor, size_t *ret_size, struct error *error);

/* Runs on what was decoded last; the first row of the first output as float32, which stays in the
 * model until the next run. */
must_check int plain_model_values(struct plain_model *model, const float **ret_values,
                                  size_t *ret_count, struct error *error);

/* The same; the index of the best value. */
must_check int plain_model_run(struct plain_model *model, size_t *ret_best, struct error *error);

#endif
