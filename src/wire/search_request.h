/* SPDX-License-Identifier: Apache-2.0
 *
 * The request POST /v1/indexes/INDEX/search: a JSON body or, if the body is an encoded image, the
 * query. Pure.
 */
#ifndef SITU_WIRE_SEARCH_REQUEST_H
#define SITU_WIRE_SEARCH_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/pool.h"

struct json;

enum search_by { SEARCH_BY_IMAGE, SEARCH_BY_OBJECT, SEARCH_BY_VECTOR };

/* Texts are borrowed from `body`, `names_pool` or the query's owner; names and prefix may have
 * bytes that are not UTF-8. */
struct search_request {
    struct json *body; /* owned; NULL for a query */
    enum search_by by;
    bool list;               /* a list of queries, which is answered with a list */
    size_t query_count;      /* 1 to LIMIT_SEARCH_QUERIES; 1 for an image */
    const struct json *node; /* what to search for */
    const char **objects;    /* owned by names_pool; SEARCH_BY_OBJECT: query_count names */
    float *vectors;          /* owned; SEARCH_BY_VECTOR: query_count x dimension, all finite */
    uint32_t dimension;      /* 1 to LIMIT_SEARCH_DIMENSION */
    uint32_t k;              /* 1 to LIMIT_SEARCH_HITS */
    const char *prefix;      /* of names; "" for all */
    bool has_min_score;
    double min_score;       /* finite */
    bool self;              /* the queried object may be a hit */
    struct pool names_pool; /* owned: decoded names */
};

/* Unknown members are ignored, known ones must have their type. On success the caller calls
 * search_request_done(). ERROR_MALFORMED, ERROR_TOO_LARGE, ERROR_MEMORY. */
must_check int search_request_parse(const void *bytes, size_t size,
                                    struct search_request *ret_request, struct error *error);

/* The same from the query, for an image; `query` returns a parameter's value or NULL. */
must_check int search_request_from_query(const char *(*query)(void *context, const char *name),
                                         void *context, struct search_request *ret_request,
                                         struct error *error);

void search_request_done(struct search_request *request); /* zeroed is fine */

/* SEARCH_BY_OBJECT: the name at `index`, which is below query_count. */
const char *search_request_object(const struct search_request *request, size_t index);

/* A score from a query: false if the text is not a finite decimal number. */
bool search_request_number(const char *text, double *ret_number);

#endif
