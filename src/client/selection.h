/* SPDX-License-Identifier: Apache-2.0
 *
 * What a run is over, and how far it has come: a prefix of a store, with the place to go on behind,
 * or a list of names, with the position in it. Writes the request that asks for the rest. Pure;
 * belongs to one run.
 */
#ifndef SITU_CLIENT_SELECTION_H
#define SITU_CLIENT_SELECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "client/fail.h"

struct selection {
    bool by_name;

    /* A prefix. The place to go on is a key; but names that the array had to percent-encode stand
     * in results in another form than they sort by, so those after the last sure key are
     * remembered. */
    char *store;          /* owned */
    char *prefix;         /* owned; without the store */
    struct buffer after;  /* the last sure key, NUL-terminated; empty at the start */
    struct buffer unsure; /* names given since then, each with its NUL */
    size_t unsure_count;
    size_t replay_left; /* of those, how many the request under way may give again */

    /* A list. */
    struct buffer names; /* each with its NUL */
    size_t *offsets;     /* owned; of each name in `names` */
    size_t count;
    size_t position;  /* of the next result */
    size_t batch_end; /* of the request under way */
};

must_check int selection_of_prefix(struct selection *selection, const char *text,
                                   struct situ_error *error);
must_check int selection_of_names(struct selection *selection, const char *const *names,
                                  size_t count, struct situ_error *error);
void selection_done(struct selection *selection);

/* Of a list: the name at the position, where it cannot be sent and so fails here; else NULL. */
const char *selection_refused(const struct selection *selection, const char **ret_why);

/* Appends the JSON member "select" for what is left, at most one request's worth. */
void selection_write(struct selection *selection, struct buffer *out);

/* Notes that a result for `object` has come, `failed` or not: 1 where it is new, 0 where it was
 * given before the connection was cut; SITU_PROTOCOL for more results than were asked for,
 * SITU_MEMORY. */
must_check int selection_advance(struct selection *selection, const char *object, bool failed,
                                 struct situ_error *error);

/* True where every object of the request under way has its result (always for a prefix). */
bool selection_batch_full(const struct selection *selection);

/* True where there is nothing left to ask for after a request that ended well. */
bool selection_at_end(const struct selection *selection);

#endif
