/* SPDX-License-Identifier: Apache-2.0
 *
 * A streamed response of JSON lines that ends with {"done":...}: the rows of an index, or its
 * groups of near-duplicates. Unlike a run, it is not resumed if it is cut. One thread at a time.
 */
#ifndef SITU_CLIENT_LINES_H
#define SITU_CLIENT_LINES_H

#include "base/json.h"
#include "client/response_stream.h"

struct lines {
    struct stream stream;
    struct buffer target;
    struct request request;
    struct json *root; /* owned; the line returned last */
    bool ended;        /* the last line has been read */
    uint64_t damaged;  /* rows that are missing, from the last line */
    bool failed;       /* every further call returns `result` and `fault` */
    int result;
    struct situ_error fault;
};

/* Between the two calls the caller writes lines->target, which lines_begin GETs. Call lines_done
 * even after a failure. */
must_check int lines_init(struct lines *lines, struct situ *array, struct situ_error *error);
must_check int lines_begin(struct lines *lines, struct situ_error *error);
void lines_done(struct lines *lines);

/* The next line: 1 and lines->root, which lives until the next call; 0 at the end. */
must_check int lines_next(struct lines *lines, struct situ_error *error);

#endif
