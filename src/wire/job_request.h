/* SPDX-License-Identifier: Apache-2.0
 *
 * The request POST /v1/jobs: a JSON body or, for a streamed list of names, the query. Pure.
 */
#ifndef SITU_WIRE_JOB_REQUEST_H
#define SITU_WIRE_JOB_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/pool.h"
#include "wire/select_request.h"

struct json;

enum { JOB_REQUEST_VERSION_SIZE = 24, JOB_REQUEST_TOKEN_SIZE = 65 };

/* Either `store`, with `prefix` and `glob`; or names: those in `keys` or, if it is NULL, those of
 * the stream, relative to `store` if there is one. Texts are borrowed from `body`, `names_pool` or
 * the query's owner; names, prefix and glob may have bytes that are not UTF-8. */
struct job_request {
    struct json *body; /* owned; NULL for a query */
    char model[LIMIT_MODEL_NAME + 1];
    char version[JOB_REQUEST_VERSION_SIZE]; /* "": the newest */
    const char *store;                      /* NULL: names include their store */
    const char *prefix;                     /* "" for all */
    const char *glob;                       /* NULL: every key */
    struct select_request rules;            /* for a store's keys; not for names */
    const struct json *keys;                /* an array; NULL: none, or a stream */
    const char **key_names; /* owned by names_pool: key_count names, bytes without a NUL */
    size_t key_count;
    struct pool names_pool; /* owned: decoded names */

    uint32_t top; /* 1 to LIMIT_TOP */
    bool labels;
    bool binary;           /* embeddings as base64 */
    uint32_t priority;     /* 0 to LIMIT_JOB_PRIORITY */
    uint64_t max_failures; /* UINT64_MAX: no limit */
    bool cache;
    bool keep;
    bool standing;
    bool names;         /* a list of names */
    bool nul_separated; /* in a stream a NUL ends each name, otherwise a line feed */
    uint32_t interval_s;
    char token[JOB_REQUEST_TOKEN_SIZE]; /* "": none */
};

/* Unknown members are ignored, known ones must have their type: a misread prefix could select the
 * whole store. On success the caller calls job_request_done(). ERROR_MALFORMED, ERROR_TOO_LARGE. */
must_check int job_request_parse(const void *bytes, size_t size, struct job_request *ret_request,
                                 struct error *error);

/* The same from the query, for a streamed list of names; `query` returns a parameter's value or
 * NULL. */
must_check int job_request_from_query(const char *(*query)(void *context, const char *name),
                                      void *context, struct job_request *ret_request,
                                      struct error *error);

void job_request_done(struct job_request *request); /* zeroed is fine */

/* The name at `index` in `keys`, or NULL after the last. */
const char *job_request_key(const struct job_request *request, size_t index);

#endif
