/* SPDX-License-Identifier: Apache-2.0
 *
 * What a runner takes next: an object to be inferred, or a line that stands already. A plain value;
 * the job's thread only.
 */
#ifndef SITU_JOBS_JOB_ITEM_H
#define SITU_JOBS_JOB_ITEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "jobs/job_selection.h"
#include "store/store.h"

enum job_item_kind {
    JOB_ITEM_OBJECT, /* to be inferred */
    JOB_ITEM_FAULT,  /* becomes a failure line at once */
    JOB_ITEM_GONE,   /* a standing job's: known, and not there any more */
    JOB_ITEM_KNOWN   /* a standing job's: nothing new, no line */
};

struct job_item {
    enum job_item_kind kind;
    const char *object; /* borrowed until the next one */
    const char *key;    /* in `object`; NULL: the name is no key of any store */
    struct store *store;
    struct identity identity; /* zeros where it could not be looked at */
    uint64_t size_bytes;      /* likewise */
    bool flawed;
    bool unlisted; /* see struct selected */
    bool known;    /* a standing job's: it has had a result */
    bool failing;  /* and that was a failure */
    struct error fault;
};

/* The selection's next, looked at in its store: JOB_ITEM_OBJECT or JOB_ITEM_FAULT. 1, 0 at the end,
 * or a negative errno: the selection's, or a look that failed for no reason of the object. */
must_check int job_item_next(struct job_selection *selection, struct job_item *ret_item,
                             struct error *error);

/* Looks at the object in its store; it stays as it is where that fails. */
must_check int item_look(struct job_item *item, struct error *error);

/* Appends the line of an object that is gone, and that of one that failed. `flawed`: its name is no
 * key. */
void job_item_write_gone(struct buffer *out, const char *object, bool flawed);
void job_item_write_failure(struct buffer *out, const char *object, bool flawed,
                            enum error_code code, const char *message);

#endif
