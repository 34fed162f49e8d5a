/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client asks for with POST /v1/jobs: a body in JSON; or, beside a list of names that is
 * streamed, the query of the request. Pure.
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

/* Either `store`, with `prefix` and `glob`; or names: `keys`, or where it is NULL those of the
 * stream, beneath `store` where that is there. Texts are borrowed from `body`, `names_pool`, or
 * whoever answers for the query; names, prefix and glob may be bytes that are no UTF-8. */
struct job_request {
    struct json *body; /* owned; NULL: of a query */
    char model[LIMIT_MODEL_NAME + 1];
    char version[JOB_REQUEST_VERSION_SIZE]; /* "": the newest */
    const char *store;                      /* NULL: names with their store */
    const char *prefix;                     /* "" for all */
    const char *glob;                       /* NULL: every key */
    struct select_request rules;            /* of a store's keys; without names */
    const struct json *keys;                /* an array; NULL: none, or streamed */
    const char **key_names; /* owned by names_pool: key_count names, bytes without a NUL */
    size_t key_count;
    struct pool names_pool; /* owned: names that came encoded */

    uint32_t top; /* 1 to LIMIT_TOP */
    bool labels;
    bool binary;           /* embeddings as base64 */
    uint32_t priority;     /* 0 to LIMIT_JOB_PRIORITY */
    uint64_t max_failures; /* UINT64_MAX: no bound */
    bool cache;
    bool keep;
    bool standing;
    bool names;         /* a list of names */
    bool nul_separated; /* of a stream: a NUL ends each name, else a line feed */
    uint32_t interval_s;
    char token[JOB_REQUEST_TOKEN_SIZE]; /* "": none */
};

/* Members that are not known are passed over, known ones must be of their type: a prefix that was
 * not understood would select the whole store. On success job_request_done() is the caller's duty.
 * ERROR_MALFORMED, ERROR_TOO_LARGE. */
must_check int job_request_parse(const void *bytes, size_t size, struct job_request *ret_request,
                                 struct error *error);

/* The same from a query, for a list of names that is streamed; `query` gives a parameter's value or
 * NULL. */
must_check int job_request_from_query(const char *(*query)(void *context, const char *name),
                                      void *context, struct job_request *ret_request,
                                      struct error *error);

void job_request_done(struct job_request *request); /* of zeros is fine */

/* The name of that index in `keys`, or NULL behind the last. */
const char *job_request_key(const struct job_request *request, size_t index);

#endif
