/* SPDX-License-Identifier: Apache-2.0
 *
 * What a job is over: a prefix of a store, or a list of names. For a list: in which form it is
 * sent, and which names cannot be sent and therefore fail, each in its place among the results.
 * Pure; belongs to one run.
 */
#ifndef SITU_CLIENT_JOB_INPUT_H
#define SITU_CLIENT_JOB_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json_write.h"
#include "client/fail.h"

/* A name that is not sent. */
struct refused_name {
    size_t position;
    char *name;      /* owned */
    const char *why; /* static */
};

struct job_input {
    bool by_name;

    /* A prefix. */
    char *store;         /* owned */
    char *prefix;        /* owned; without the store */
    const char *members; /* further members of "select" (situ_select()): borrowed until the request
                          * is written; NULL: none */

    /* A list. */
    const char *const *names; /* borrowed until the job has started; then NULL */
    size_t count;
    bool as_text;                 /* the list is too long for JSON */
    bool nul_separated;           /* a NUL ends each name, as one has a line feed; otherwise a line
                                   feed does */
    uint64_t text_bytes;          /* the size of that text */
    struct refused_name *refused; /* owned; by position */
    size_t refused_count;
    size_t refused_given;
    size_t position; /* in the list, of the next result */
};

must_check int job_input_of_prefix(struct job_input *input, const char *text,
                                   struct situ_error *error);

/* The names themselves must stay until job_input_forget_names(). */
must_check int job_input_of_names(struct job_input *input, const char *const *names, size_t count,
                                  struct situ_error *error);
void job_input_forget_names(struct job_input *input);
void job_input_done(struct job_input *input);
#define cleanup_job_input __attribute__((cleanup(job_input_done)))

/* The number of names that are sent; each has one result of the array. */
size_t job_input_sent(const struct job_input *input);

/* The refused name at the present position, or NULL. */
const struct refused_name *job_input_refused(const struct job_input *input);
/* The result at the position has been returned. */
void job_input_advance(struct job_input *input);

/* Writes the member "select". `glob` may be NULL. Not for a list that is sent as text. */
void job_input_put(const struct job_input *input, const char *glob, struct json_writer *w);

/* Reads a list as text, in pieces. */
struct names_reader {
    const struct job_input *input; /* borrowed */
    size_t position;               /* of the present name */
    size_t offset;                 /* in it */
    size_t refused;                /* names skipped so far */
};
/* Up to `size` bytes at `bytes`; fewer only at the end. */
size_t names_reader_read(struct names_reader *reader, char *bytes, size_t size);

#endif
