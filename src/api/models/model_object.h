/* SPDX-License-Identifier: Apache-2.0
 *
 * A model described in JSON, for /v1/models and /v2/models.
 */
#ifndef SITU_API_MODELS_MODEL_OBJECT_H
#define SITU_API_MODELS_MODEL_OBJECT_H

#include "base/buffer.h"
#include "service/service.h"

/* The short form for lists; with `full` also inputs, outputs, pipeline, family and notes. */
void model_write_json(struct buffer *out, struct service *service, struct model *model, bool full);

/* [{"name":...,"datatype":...,"shape":[...]}] */
void tensors_write_json(struct buffer *out, const struct tensor_info *tensors, uint32_t count);

#endif
