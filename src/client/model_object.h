/* SPDX-License-Identifier: Apache-2.0
 *
 * The model object of docs/protocol.md as the public struct situ_model, and requests that return
 * one. Any thread.
 */
#ifndef SITU_CLIENT_MODEL_OBJECT_H
#define SITU_CLIENT_MODEL_OBJECT_H

#include "client/document.h"

/* Fills a model from its object; what it points to lives in the document. The array is not trusted:
 * what is absent or of another type reads as "" or 0. -ENOMEM. */
must_check int model_fill(struct situ_model *model, struct document *document,
                          const struct json *node);

/* Performs a request that returns a model object. ret_model may be NULL. */
must_check int model_fetch(struct situ *array, const struct request *request,
                           struct situ_model **ret_model, struct situ_error *error);

#endif
