/* SPDX-License-Identifier: Apache-2.0
 *
 * What "select" of jobs and of indexes has in common: what is left out or included, in addition to
 * prefix and glob. Pure.
 */
#ifndef SITU_WIRE_SELECT_REQUEST_H
#define SITU_WIRE_SELECT_REQUEST_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"

struct json;
struct member_reader;

struct select_request {
    char *exclude;         /* owned; patterns, one a line; NULL: none */
    bool exclude_defaults; /* and the store's patterns */
    bool sniff;            /* files with an unknown suffix are judged by their first bytes */
};

#define SELECT_REQUEST_INIT ((struct select_request){.exclude_defaults = true})

/* Reads the members of "select", which may be NULL, into a request with its defaults. The caller
 * calls select_request_done() also after a fault. ERROR_MALFORMED, ERROR_TOO_LARGE (more than
 * LIMIT_EXCLUDE_PATTERNS), ERROR_MEMORY. */
void select_request_read(struct member_reader *in, const struct json *select,
                         struct select_request *request);
void select_request_done(struct select_request *request);

#endif
