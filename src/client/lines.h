/* SPDX-License-Identifier: Apache-2.0
 *
 * A streamed answer of JSON lines that ends with {"done":...}: an index's rows, or its groups of
 * near-duplicates. Unlike a run's it is not taken up again where it is cut. One thread at a time.
 */
#ifndef SITU_CLIENT_LINES_H
#define SITU_CLIENT_LINES_H

#include "base/json.h"
#include "client/line_stream.h"

struct lines {
    struct stream stream;
    struct buffer target;
    struct request request;
    struct json *root; /* owned; the line that was given last */
    bool ended;        /* with its last line */
    uint64_t damaged;  /* rows that are missing, as the last line has it */
    bool failed;       /* the first fault is said again */
    int result;
    struct situ_error fault;
};

/* GETs lines->target, which was written into after this; lines_done also where this fails. */
must_check int lines_init(struct lines *lines, struct situ *array, struct situ_error *error);
must_check int lines_begin(struct lines *lines, struct situ_error *error);
void lines_done(struct lines *lines);

/* The next line: 1 and lines->root, which lives until the next call; 0 behind the last. */
must_check int lines_next(struct lines *lines, struct situ_error *error);

#endif
