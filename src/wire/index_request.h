/* SPDX-License-Identifier: Apache-2.0
 *
 * The requests POST /v1/indexes and POST /v1/indexes/INDEX/rebuild. Pure.
 */
#ifndef SITU_WIRE_INDEX_REQUEST_H
#define SITU_WIRE_INDEX_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/limits.h"
#include "wire/member.h"
#include "wire/select_request.h"

/* Texts are borrowed from `body` or `names_pool`. */
struct index_request {
    struct json *body;      /* owned */
    struct pool names_pool; /* owned: prefix and glob that were encoded */
    const char *name;
    char model[LIMIT_MODEL_NAME + 1];
    char version[MODEL_VERSION_TEXT]; /* "": the newest */
    const char *store;
    const char *prefix; /* "" for all */
    const char *glob;   /* NULL: every key */
    struct select_request rules;
    const char *metric; /* "cosine", "dot" or "euclidean" */
    uint32_t interval_s;
};

/* Unknown members are ignored, known ones must have their type. On success the caller calls
 * index_request_done(). ERROR_MALFORMED, ERROR_TOO_LARGE. */
must_check int index_request_parse(const void *bytes, size_t size,
                                   struct index_request *ret_request, struct error *error);
void index_request_done(struct index_request *request); /* zeroed is fine */

struct rebuild_request {
    char model[LIMIT_MODEL_NAME + 1];
    char version[MODEL_VERSION_TEXT];
    bool exclude_defaults; /* from now on leave out what the store excludes; only then `model` may
                              be "", unchanged */
};

must_check int rebuild_request_parse(const void *bytes, size_t size,
                                     struct rebuild_request *ret_request, struct error *error);

/* The metric from "metric" or, as S3 Vectors calls it, "distanceMetric"; either may be NULL, and if
 * both are, it is "cosine". ERROR_MALFORMED unless it is "cosine", "dot" or "euclidean", or if the
 * two differ. */
must_check int index_request_metric(const char *metric, const char *distance_metric,
                                    const char **ret_metric, struct error *error);

#endif
