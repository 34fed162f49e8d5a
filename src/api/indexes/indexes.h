/* SPDX-License-Identifier: Apache-2.0
 *
 * What the routes of indexes share: their answer, and what a model must be. Any thread.
 */
#ifndef SITU_API_INDEXES_INDEXES_H
#define SITU_API_INDEXES_INDEXES_H

#include "base/cleanup.h"
#include "base/error.h"
#include "retrieval/retrieval.h"

struct call;
struct service;

/* Answers with the index object; 201 with its location. */
void index_respond(struct call *call, unsigned status, const struct retrieval_info *info);

/* ERROR_NOT_FOUND; ERROR_UNFIT where the model gives no embeddings. `version` "": the newest. */
must_check int index_check_model(struct service *service, const char *name, const char *version,
                                 struct error *error);

#endif
