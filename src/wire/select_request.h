/* SPDX-License-Identifier: Apache-2.0
 *
 * What jobs and indexes have in common in "select": what is left out, or taken in, beside prefix
 * and glob. Pure.
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
    bool exclude_defaults; /* and those of the store */
    bool sniff;            /* files with a foreign suffix are judged by their first bytes */
};

#define SELECT_REQUEST_INIT ((struct select_request){.exclude_defaults = true})

/* Reads the members of "select", which may be NULL, into a request that has its defaults.
 * select_request_done also where it fails. ERROR_MALFORMED, ERROR_TOO_LARGE (more than
 * LIMIT_EXCLUDE_PATTERNS), ERROR_MEMORY. */
void select_request_read(struct member_reader *in, const struct json *select,
                         struct select_request *request);
void select_request_done(struct select_request *request);

#endif
