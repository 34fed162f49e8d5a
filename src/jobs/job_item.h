/* SPDX-License-Identifier: Apache-2.0
 *
 * What a runner takes next: an object to infer, or a line that is known already. A plain value; the
 * job's thread only.
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
    JOB_ITEM_OBJECT, /* to infer */
    JOB_ITEM_FAULT,  /* a failure line */
    JOB_ITEM_GONE,   /* standing jobs: known, and removed since */
    JOB_ITEM_KNOWN   /* standing jobs: unchanged, no line */
};

struct job_item {
    enum job_item_kind kind;
    const char *object; /* borrowed until the next one */
    const char *key;    /* in `object`; NULL: the name is not a valid key */
    struct store *store;
    struct identity identity; /* zeros if it could not be read */
    uint64_t size_bytes;      /* likewise */
    bool flawed;
    bool unlisted; /* see struct selected */
    bool known;    /* standing jobs: it has a result */
    bool failing;  /* the last result is a failure */
    struct error fault;
};

/* The next object of the selection, with its state in the store: JOB_ITEM_OBJECT or
 * JOB_ITEM_FAULT. 1; 0 at the end; or a negative errno: of the selection, or of the store for a
 * reason that is not the object's. */
must_check int job_item_next(struct job_selection *selection, struct job_item *ret_item,
                             struct error *error);

/* Reads the state of the object in its store; unchanged on failure. */
must_check int job_item_look(struct job_item *item, struct error *error);

/* Appends the line of a removed object, and of a failed one. `flawed`: its name is not a valid
 * key. */
void job_item_write_gone(struct buffer *out, const char *object, bool flawed);
void job_item_write_failure(struct buffer *out, const char *object, bool flawed,
                            enum error_code code, const char *message);

#endif
