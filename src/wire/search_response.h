/* SPDX-License-Identifier: Apache-2.0
 *
 * The answer to a search, written. Scores have six significant digits: rounding keeps their order,
 * which the hits follow. Pure.
 */
#ifndef SITU_WIRE_SEARCH_RESPONSE_H
#define SITU_WIRE_SEARCH_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json_write.h"

struct search_hit {
    const char *object; /* borrowed; its name, STORE/KEY */
    double score;
    double distance;
};

/* Written in steps: begin; for each query open, its hits and close; end. `list`: the request has a
 * list of queries, so the response is a list, too. */
struct search_response {
    struct json_writer json;
    bool list;
    size_t hits; /* of the open query */
};

void search_response_begin(struct search_response *response, bool list, struct buffer *out);
void search_response_open(struct search_response *response);
void search_response_hit(struct search_response *response, const struct search_hit *hit);
void search_response_close(struct search_response *response);
/* Also ends the line. `damaged`: rows that may belong to the answer but cannot be read; written
 * unless it is 0. */
void search_response_end(struct search_response *response, uint64_t damaged);

/* A score or distance, in the form of all answers. */
void search_response_number(struct json_writer *w, const char *key, double value);

#endif
