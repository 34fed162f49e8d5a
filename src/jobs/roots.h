/* SPDX-License-Identifier: Apache-2.0
 *
 * The file systems of a job: for each of its stores, the one that was mounted when the job first
 * used it. The job continues while that is mounted, and waits otherwise: an empty mount point looks
 * like a store from which nearly everything was removed.
 *
 * A number that survives a reboot identifies a file system (store/dir/filesystem.h). If there is
 * only a device number, the objects that were inferred last are compared as well.
 *
 * Belongs to the thread of the job, or to the holder of `control` while there is none.
 */
#ifndef SITU_JOBS_ROOTS_H
#define SITU_JOBS_ROOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/limits.h"
#include "jobs/jobs.h"
#include "store/store.h"

struct job_log;

/* Objects that must exist with the inode, size and modification time that they had. */
enum { ROOTS_WITNESSES = 16 };

struct root {
    char name[LIMIT_STORE_NAME + 1]; /* of the store */
    uint64_t filesystem;
    bool device_only;    /* `filesystem` is a device number */
    uint64_t generation; /* of the store, when it was checked; 0: not since the start */
    struct store *store; /* borrowed from the host; NULL: not looked up yet */
};

struct roots {
    struct root *list; /* owned */
    size_t count;
};

void roots_done(struct roots *roots);
/* Adds one from job.json. -ENOMEM; -EINVAL: the name is too long or exists already. */
must_check int roots_add(struct roots *roots, const char *name, uint64_t filesystem,
                         bool device_only);

/* For a new job: takes what the last look at the store found, if anything. Does not block.
 * -ENOMEM. */
must_check int roots_begin(struct roots *roots, const char *name, struct store *store);

/* Before a run: checks that each known store, and `store` (may be NULL), is on the file system
 * that the job remembers. A store that is new to the job is added, and *ret_new set to true.
 * ERROR_UNAVAILABLE: the store is unavailable, or on another file system. */
must_check int roots_check(struct roots *roots, const char *store, const struct jobs_host *host,
                           struct job_log *log, bool *ret_new, struct error *error);

/* For the store of an object in a list: like roots_check(), once per run. */
must_check int roots_meet(struct roots *roots, const char *object, struct store *store,
                          bool *ret_new, struct error *error);

/* Checks that all stores are still the ones that were checked: nothing that was read before this
 * call is from another one. `look`: look at each one again, also at whether it is available. */
must_check int roots_hold(struct roots *roots, bool look, struct error *error);

/* Takes the present file system of each store. ERROR_UNAVAILABLE: there is none. */
must_check int roots_accept(struct roots *roots, const struct jobs_host *host, struct error *error);

/* True if lines of objects of this store must contain their identities. */
bool roots_need_identity(const struct roots *roots, const struct store *store);

#endif
