/* SPDX-License-Identifier: Apache-2.0
 *
 * A model described in JSON, for /v1/models and /v2/models.
 */
#ifndef SITU_API_MODELS_MODEL_OBJECT_H
#define SITU_API_MODELS_MODEL_OBJECT_H

#include "base/json_write.h"
#include "service/service.h"

/* The short form for lists; with `full` also inputs, outputs, pipeline, family and notes. */
void model_put_json(struct json_writer *w, struct service *service, struct model *model, bool full);

/* [{"name":...,"datatype":...,"shape":[...]}] */
void model_put_tensors_json(struct json_writer *w, const char *key,
                            const struct tensor_info *tensors, uint32_t count);

/* The member "versions": those of the model of that name. */
void model_put_versions_json(struct json_writer *w, struct service *service, const char *name);

#endif
