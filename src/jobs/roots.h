/* SPDX-License-Identifier: Apache-2.0
 *
 * The file systems that a job works on: of each of its stores, the one that was there when it began
 * with it. A job goes on where that is there, and waits otherwise: a mount point without its file
 * system looks like a store from which nearly everything was removed.
 *
 * A number that outlives a reboot says whether it is the same (store/dir/filesystem.h). Where it is
 * no more than a device's number, the objects that were answered last say so.
 *
 * Belongs to the job's thread, or to whoever holds the job's `control` while it has none.
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

/* Objects that must be there with the inode, size and modification time that they had. */
enum { ROOTS_WITNESSES = 16 };

struct root {
    char name[LIMIT_STORE_NAME + 1]; /* the store's */
    uint64_t filesystem;
    bool device_only; /* `filesystem` is a device's number */
    uint64_t
        generation; /* of the store, for which this was found to hold; 0: none since the start */
    struct store *store; /* borrowed from the host; NULL: not looked for yet */
};

struct roots {
    struct root *list; /* owned */
    size_t count;
};

void roots_done(struct roots *roots);
/* Adds one as it is on disk. -ENOMEM; -EINVAL: the name is too long or there already. */
must_check int roots_add(struct roots *roots, const char *name, uint64_t filesystem,
                         bool device_only);

/* Of a new job: what stands there as known from the last look. Nothing where nothing does. Does not
 * block. -ENOMEM. */
must_check int roots_begin(struct roots *roots, const char *name, struct store *store);

/* Before a run: looks at each store that is known, and at `store` (NULL: none), and says whether
 * what stands there is what the job remembers. One that is new to the job is remembered, with
 * *ret_new true. ERROR_UNAVAILABLE: the store is, or it has another file system. */
must_check int roots_check(struct roots *roots, const char *store, const struct jobs_host *host,
                           struct job_log *log, bool *ret_new, struct error *error);

/* A store that an object of a list names: as roots_check() does, once for each run. */
must_check int roots_meet(struct roots *roots, const char *object, struct store *store,
                          bool *ret_new, struct error *error);

/* Whether all stores are the ones that were checked: nothing that was read before this call is of
 * another. `look`: with a new look at each, and at whether it is available. */
must_check int roots_hold(struct roots *roots, bool look, struct error *error);

/* Takes what stands there now for each. ERROR_UNAVAILABLE: there is nothing to take. */
must_check int roots_accept(struct roots *roots, const struct jobs_host *host, struct error *error);

/* True where lines of this store's objects are to carry their identities. */
bool roots_need_identity(const struct roots *roots, const struct store *store);

#endif
