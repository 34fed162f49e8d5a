/* SPDX-License-Identifier: Apache-2.0
 *
 * The note of each commit of an index: the job, and how many of its lines are in the index. Pure.
 */
#ifndef SITU_RETRIEVAL_FEED_NOTE_H
#define SITU_RETRIEVAL_FEED_NOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "jobs/jobs.h"

enum { FEED_NOTE_BYTES = 2 + JOB_ID_SIZE - 1 + 8 };

struct feed_note {
    bool filled; /* the first pass of the job is complete, and all its lines were taken */
    char job[JOB_ID_SIZE];
    uint64_t cursor; /* lines of the job that were taken */
};

void feed_note_write(const struct feed_note *note, uint8_t bytes[FEED_NOTE_BYTES]);
/* -EBADMSG: it is of another format. */
must_check int feed_note_read(const uint8_t *bytes, size_t size, struct feed_note *ret_note);

#endif
