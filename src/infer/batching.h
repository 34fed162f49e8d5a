/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a model takes several rows at once, for clients of V2. Pure; for a model whose facts are
 * known.
 */
#ifndef SITU_INFER_BATCHING_H
#define SITU_INFER_BATCHING_H

#include <stdint.h>

#include "infer/models.h"

/* The most rows of one run; 0: the first dimension of its tensors is not one of rows. It is where
 * all inputs and outputs leave it open, and for an image model also where all of them have it
 * alike. */
uint32_t batching_limit(const struct model *model);

#endif
