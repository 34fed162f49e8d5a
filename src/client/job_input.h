/* SPDX-License-Identifier: Apache-2.0
 *
 * What a job is over: a prefix of a store, or a list of names. Of a list it says in which form it
 * is sent, and which names cannot be sent at all and so fail here, each in its place among the
 * results. Pure; belongs to one run.
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
    const char *members; /* what else "select" has (situ_select()): borrowed until the request is
                          * written; NULL: nothing */

    /* A list. */
    const char *const *names; /* borrowed, only until the job is there; NULL then */
    size_t count;
    bool as_text;                 /* too long for JSON: one name after the other */
    bool nul_separated;           /* and a NUL behind each, for one has a line feed; else that */
    uint64_t text_bytes;          /* of that form */
    struct refused_name *refused; /* owned; by position */
    size_t refused_count;
    size_t refused_given;
    size_t position; /* of the next result, in the list */
};

must_check int job_input_of_prefix(struct job_input *input, const char *text,
                                   struct situ_error *error);

/* The names themselves must stay until job_input_forget_names(). */
must_check int job_input_of_names(struct job_input *input, const char *const *names, size_t count,
                                  struct situ_error *error);
void job_input_forget_names(struct job_input *input);
void job_input_done(struct job_input *input);

/* Names that are sent; each has one result of the array. */
size_t job_input_sent(const struct job_input *input);

/* The refused name whose turn it is, or NULL. */
const struct refused_name *job_input_refused(const struct job_input *input);
/* The result at the position has been given. */
void job_input_advance(struct job_input *input);

/* Puts the member "select". `glob` may be NULL. Not for a list that goes as text. */
void job_input_put(const struct job_input *input, const char *glob, struct json_writer *w);

/* Reads a list as text, piece by piece. */
struct names_reader {
    const struct job_input *input; /* borrowed */
    size_t position;               /* of the name under way */
    size_t offset;                 /* in it */
    size_t refused;                /* names passed over so far */
};
/* Up to `size` bytes at `bytes`; fewer only at the end. */
size_t names_reader_read(struct names_reader *reader, char *bytes, size_t size);

#endif
