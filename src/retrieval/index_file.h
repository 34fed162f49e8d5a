/* SPDX-License-Identifier: Apache-2.0
 *
 * index.json: what an index is asked to be, and which of its directories holds it. Written as a new
 * file, synced, renamed. Its content is checked: a file that was edited by hand gives an error with
 * a message, never a crash. One thread at a time for an index.
 */
#ifndef SITU_RETRIEVAL_INDEX_FILE_H
#define SITU_RETRIEVAL_INDEX_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "retrieval/retrieval.h"

struct index_file {
    struct retrieval_spec spec; /* owned */
    uint64_t number;            /* the directory N, from 1 */
    uint64_t last;              /* the highest number so far */
    uint64_t next_number;       /* of the build that is filled beside it; 0: none */
    char next_model[LIMIT_MODEL_NAME + 1];
    char next_version[JOB_VERSION_SIZE];
    char next_digest[JOB_DIGEST_SIZE];
    struct select_rules next_rules; /* owned; the rules of the current build are in `spec` */
};

/* `directory` is that of the index. ERROR_IO, ERROR_NO_SPACE, ERROR_MEMORY; ERROR_MALFORMED for
 * values that could not be read back: the old file stays. */
must_check int index_file_write(const char *directory, const struct index_file *file,
                                struct error *error);
/* ERROR_NOT_FOUND, ERROR_MALFORMED (also for a newer format), ERROR_IO, ERROR_MEMORY. */
must_check int index_file_read(const char *directory, struct index_file *ret_file,
                               struct error *error);
/* For tests: the same of the file's text. */
must_check int index_file_parse(const char *text, size_t size, struct index_file *ret_file,
                                struct error *error);
void index_file_done(struct index_file *file);

#endif
