/* SPDX-License-Identifier: Apache-2.0
 *
 * The answer to a search, written. Scores have six significant digits: rounding keeps their order,
 * and the hits stand in it. Pure.
 */
#ifndef SITU_WIRE_SEARCH_RESPONSE_H
#define SITU_WIRE_SEARCH_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct search_hit {
    const char *object; /* borrowed; its name, STORE/KEY */
    double score;
    double distance;
};

/* Piece by piece: begin, then for each query its hits between open and close, then end. `list`: a
 * list of queries was asked, and all of these are told so. */
struct search_response {
    struct buffer *out; /* borrowed */
    bool list;
    size_t queries; /* opened until now */
    size_t hits;    /* of the open one */
};

void search_response_begin(struct search_response *response, bool list, struct buffer *out);
void search_response_open(struct search_response *response);
void search_response_hit(struct search_response *response, const struct search_hit *hit);
void search_response_close(struct search_response *response);
/* `damaged`: rows that may belong to the answer, but cannot be read; 0 is not mentioned. With a
 * line feed. */
void search_response_end(struct search_response *response, uint64_t damaged);

/* A score or distance, as everywhere in answers. */
void search_response_number(struct buffer *out, double value);

#endif
