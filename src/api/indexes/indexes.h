/* SPDX-License-Identifier: Apache-2.0
 *
 * What the routes of indexes share: their answer, and the check of a model. Any thread.
 */
#ifndef SITU_API_INDEXES_INDEXES_H
#define SITU_API_INDEXES_INDEXES_H

#include "base/cleanup.h"
#include "base/error.h"
#include "retrieval/retrieval.h"

struct call;
struct service;

/* Answers with the index object; a 201 has its location. */
void indexes_respond(struct call *call, unsigned status, const struct retrieval_info *info);

/* ERROR_NOT_FOUND; ERROR_UNFIT if the model makes no embeddings. `version` "": the newest. */
must_check int indexes_check_model(struct service *service, const char *name, const char *version,
                                   struct error *error);

/* Handlers of routes; see indexes.c for their paths. */
void indexes_create(struct call *call);
void indexes_list(struct call *call);
void indexes_show(struct call *call);
void indexes_remove(struct call *call);
void indexes_rebuild(struct call *call);
void indexes_accept_search(struct call *call);
void indexes_search(struct call *call);
void indexes_duplicates(struct call *call);
void indexes_export(struct call *call);
void indexes_accept_import(struct call *call);
void indexes_import(struct call *call);

#endif
