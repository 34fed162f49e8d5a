/* SPDX-License-Identifier: Apache-2.0
 *
 * An index by its name. One of its builds is searched, another may be filled beside it. Its thread
 * opens, feeds, repairs and swaps the builds (entry_thread.h).
 */
#ifndef SITU_RETRIEVAL_ENTRY_H
#define SITU_RETRIEVAL_ENTRY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/limits.h"

struct build;
struct retrieval;

struct entry {
    struct retrieval *retrieval; /* borrowed; outlives it */
    atomic_uint references;      /* held by the table, each build, each call, the thread */
    char name[LIMIT_MODEL_NAME + 1];

    /* Locks, in the order in which they are taken: control, the lock of the table, waking. */

    pthread_mutex_t control; /* one change of index.json at a time; held over disk writes */
    uint64_t last;           /* guarded by it: the highest number so far */
    int64_t change_ns;       /* the thread's: no swap or new build before */

    /* Guarded by the lock of the table. */
    char *directory;       /* owned; written with `control` held as well */
    bool leaving;          /* it is being removed: no longer found, but its name is still taken */
    bool opened;           /* the thread has tried to open it */
    struct build *current; /* referenced; NULL: `broken` */
    struct build *next;    /* referenced; NULL: none. Set by a rebuild, cleared by the thread */
    struct error broken;   /* index.json cannot be read */
    struct error rebuild;  /* why the last rebuild failed */

    pthread_mutex_t joining; /* guards the handle of the thread */
    bool has_thread;
    pthread_t thread;

    pthread_mutex_t waking; /* guards what follows; nothing is called with it held */
    pthread_cond_t wake;
    bool woken;
    bool ending;
};

/* Without builds. -ENOMEM. */
must_check int entry_new(struct retrieval *retrieval, const char *name, struct entry **ret_entry);
struct entry *entry_ref(struct entry *entry);
void entry_unref(struct entry *entry); /* NULL is fine */
static inline void cleanup_entry_function(struct entry **entry)
{
    entry_unref(*entry);
}
#define cleanup_entry __attribute__((cleanup(cleanup_entry_function)))

void entry_wake(struct entry *entry);
void entry_wake_context(void *entry); /* the same, as a callback */
void entry_end(struct entry *entry);  /* asks its thread to end */
bool entry_is_ending(struct entry *entry);
/* The thread: waits until it is woken, or until a time of clock_now_ns(). False: it must end. */
bool entry_wait(struct entry *entry, int64_t until_ns);

#endif
