/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of indexes, for the files of this room.
 */
#ifndef SITU_RETRIEVAL_INDEX_TABLE_H
#define SITU_RETRIEVAL_INDEX_TABLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/limits.h"
#include "retrieval/entry.h"
#include "retrieval/index_file.h"
#include "retrieval/retrieval.h"

struct retrieval {
    char *directory;   /* owned; constant. NULL: none */
    struct jobs *jobs; /* borrowed */
    struct retrieval_host host;
    uint32_t verify_ms;

    pthread_mutex_t create; /* one creation at a time; taken before every other lock */

    pthread_mutex_t lock;                 /* guards all below, and some of each entry and build */
    pthread_cond_t opened;                /* an entry was opened, or failed to */
    struct entry *entries[LIMIT_INDEXES]; /* referenced; by name */
    size_t count;
    uint64_t removals; /* counts names that were given by retrieval_aside() */
    bool stopping;
};

/* The entry, referenced. ERROR_NOT_FOUND, also where the caller may not know of it;
 * ERROR_UNAVAILABLE while stopping. */
must_check int retrieval_find(struct retrieval *retrieval, const struct access *access,
                              const char *name, struct entry **ret_entry, struct error *error);
/* All entries that are not being removed, each referenced, as far as there are; 0 while stopping.
 */
size_t retrieval_reference_all(struct retrieval *retrieval, struct entry *entries[LIMIT_INDEXES]);
/* ERROR_CONFLICT: the name is taken; ERROR_BUSY: there are LIMIT_INDEXES; ERROR_UNAVAILABLE. */
must_check int retrieval_check_free(struct retrieval *retrieval, const char *name,
                                    struct error *error);
/* Makes an entry from an index.json, and takes ownership of its contents in any case. `broken`:
 * why it could not be read, otherwise NULL. -ENOMEM. */
must_check int retrieval_new_entry(struct retrieval *retrieval, const char *name,
                                   struct index_file *file, const struct error *broken,
                                   struct entry **ret_entry);
void retrieval_insert(struct retrieval *retrieval,
                      struct entry *entry); /* does not start its thread */
/* Makes an entry from an index.json, takes ownership of its contents in any case, adds the entry
 * to the table and starts its thread; with `create` held, after retrieval_check_free().
 * ERROR_MEMORY. */
must_check int retrieval_add(struct retrieval *retrieval, struct index_file *file, const char *job,
                             struct entry **ret_entry, struct error *error);
void retrieval_drop(struct retrieval *retrieval, struct entry *entry); /* out of the table */
/* Waits until its thread has tried to open it. */
void retrieval_await_opened(struct retrieval *retrieval, struct entry *entry);
/* Ends its thread, and releases its builds. */
void retrieval_dissolve(struct entry *entry);
/* An unused path in the directory of the table: ".new-NAME-7". NULL: no memory. */
char *retrieval_aside(struct retrieval *retrieval, const char *what, const char *name);

#endif
