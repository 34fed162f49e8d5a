/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of a run request: which objects, how many classes, with labels or without. Pure.
 */
#ifndef SITU_WIRE_RUN_REQUEST_H
#define SITU_WIRE_RUN_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

struct json;

/* Either `store`, with `prefix` and `after` ("" where they are not given), or `keys`. All borrowed
 * from `body`. */
struct run_request {
    struct json *body; /* owned */
    const char *store; /* NULL: keys */
    const char *prefix;
    const char *after;
    const struct json *keys; /* NULL: store; an array of key_count strings else */
    size_t key_count;
    size_t top; /* 1 to LIMIT_TOP */
    bool labels;
};

/* Members that are not known are ignored, known ones must be of their type. On success
 * run_request_done() is the caller's duty. ERROR_MALFORMED, ERROR_TOO_LARGE. */
must_check int run_request_parse(const void *bytes, size_t size, struct run_request *ret_request,
                                 struct error *error);
void run_request_done(struct run_request *request); /* of zeros is fine */

/* The name of that index, or NULL behind the last. */
const char *run_request_key(const struct run_request *request, size_t index);

#endif
