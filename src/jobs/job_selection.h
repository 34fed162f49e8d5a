/* SPDX-License-Identifier: Apache-2.0
 *
 * What a job selects, one name after the other: keys of a store in order of their bytes, by prefix
 * and glob, or the names of its `keys` file in their order. May be begun anywhere, so that a job
 * goes on behind its last result. Blocks on the store; one thread.
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

/* Begins behind the key `after` (raw bytes without the store's name, NULL: from the start) of a
 * listing, or behind the first `position` names of a key list. `keys_path` is the `keys` file or
 * NULL. ERROR_NOT_FOUND (the store), ERROR_MALFORMED (the glob), ERROR_IO (the key list),
 * ERROR_MEMORY. */
must_check int job_selection_new(const struct job_spec *spec, const struct jobs_host *host,
                                 const char *keys_path, const char *after, uint64_t position,
                                 struct job_selection **ret_selection, struct error *error);
void job_selection_free(struct job_selection *selection); /* NULL is fine */

struct selected {
    const char *object; /* "STORE/KEY", or the name as it was given; borrowed until the next call */
    const char *key;    /* in `object`; NULL where `fault` says why it is no object */
    struct store *store; /* borrowed; NULL likewise */
    bool flawed;         /* the name is too long to be a key */
    struct error fault;  /* ERROR_NONE; or no such store, not a key: becomes a failure line */
    bool unlisted; /* a directory, with its `/`, that cannot be listed: it stands for all in it */
};

/* 1 and the next, 0 at the end, or a negative errno: a listing that fails as a whole
 * (ERROR_UNREADABLE), a key list that cannot be read (ERROR_IO), ERROR_MEMORY. After an error the
 * same call may be made again. */
must_check int job_selection_next(struct job_selection *selection, struct selected *ret_selected,
                                  struct error *error);

/* From here on job_selection_next gives -ECANCELED while *stop is set: a listing of which nothing
 * matches may be long. `stop` is borrowed; NULL for none. */
void job_selection_stop_on(struct job_selection *selection, const atomic_bool *stop);

/* What was left out so far; nothing of a list of names. */
struct left_out job_selection_left_out(const struct job_selection *selection);

/* True where nothing is behind what is in memory: the last page is there. Then *ret_left names are
 * to come, and the whole is known without another pass. */
bool job_selection_is_last_page(const struct job_selection *selection, uint64_t *ret_left);

/* Counts a whole selection, with a listing of its own. `stop` (may be NULL) ends it early with
 * -ECANCELED. */
must_check int job_selection_count(const struct job_spec *spec, const struct jobs_host *host,
                                   const char *keys_path, const atomic_bool *stop,
                                   uint64_t *ret_count, struct left_out *ret_left_out,
                                   struct error *error);

#endif
