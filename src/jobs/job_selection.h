/* SPDX-License-Identifier: Apache-2.0
 *
 * The selection of a job, one name after the other: keys of a store in the order of their bytes, by
 * prefix and glob, or the names of its `keys` file in their order. It can start anywhere, so that a
 * job continues behind its last result. Blocks on the store; one thread.
 */
#ifndef SITU_JOBS_JOB_SELECTION_H
#define SITU_JOBS_JOB_SELECTION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "jobs/jobs.h"

struct job_selection;

/* Starts behind the key `after` (raw bytes without the name of the store, NULL: from the start)
 * of a listing, or behind the first `position` names of a list. `keys_path` is the `keys` file
 * or NULL. ERROR_NOT_FOUND (the store), ERROR_MALFORMED (the glob), ERROR_IO (the list),
 * ERROR_MEMORY. */
must_check int job_selection_new(const struct job_spec *spec, const struct jobs_host *host,
                                 const char *keys_path, const char *after, uint64_t position,
                                 struct job_selection **ret_selection, struct error *error);
void job_selection_free(struct job_selection *selection); /* NULL is fine */

struct selected {
    const char *object; /* "STORE/KEY", or the name as it was given; borrowed until the next call */
    const char *key;    /* in `object`; NULL: `fault` is set */
    struct store *store; /* borrowed; NULL as well */
    bool flawed;         /* the name is too long to be a key */
    struct error fault;  /* ERROR_NONE; or no such store, not a valid key: becomes a failure line */
    bool unlisted;       /* a directory, with its `/`, that cannot be listed: one item for all its
                          * contents */
};

/* 1 and the next name; 0 at the end; or a negative errno: the listing failed (ERROR_UNREADABLE),
 * the list cannot be read (ERROR_IO), ERROR_MEMORY. After an error the call can be repeated. */
must_check int job_selection_next(struct job_selection *selection, struct selected *ret_selected,
                                  struct error *error);

/* From now on job_selection_next returns -ECANCELED while *stop is set: a listing without a
 * match may be long. `stop` is borrowed; NULL for none. */
void job_selection_stop_on(struct job_selection *selection, const atomic_bool *stop);

/* What was left out so far; nothing for a list of names. */
struct left_out job_selection_left_out(const struct job_selection *selection);

/* True if the rest is in memory: the last page was read. Then *ret_left names follow, and the
 * total is known without another listing. */
bool job_selection_is_last_page(const struct job_selection *selection, uint64_t *ret_left);

/* Counts a whole selection, with its own listing. `stop` (may be NULL) ends it early with
 * -ECANCELED. */
must_check int job_selection_count(const struct job_spec *spec, const struct jobs_host *host,
                                   const char *keys_path, const atomic_bool *stop,
                                   uint64_t *ret_count, struct left_out *ret_left_out,
                                   struct error *error);

/* Sets the error of a store that does not exist, without the names of others. */
void job_refuse_store(const char *name, size_t length, struct error *error);

#endif
