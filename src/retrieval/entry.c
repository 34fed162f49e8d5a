/* SPDX-License-Identifier: Apache-2.0
 *
 * An index by its name: its memory, waking and ending its thread. Any thread.
 */
#include "retrieval/entry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/tree.h"
#include "retrieval/index_directory.h"
#include "retrieval/index_table.h"

/* ---- memory ---- */

static void entry_free(struct entry *entry)
{
    if (entry->leaving) {
        tree_remove(entry->directory);
    }
    (void)pthread_cond_destroy(&entry->wake);
    (void)pthread_mutex_destroy(&entry->waking);
    (void)pthread_mutex_destroy(&entry->joining);
    (void)pthread_mutex_destroy(&entry->control);
    free(entry->directory);
    free(entry);
}

struct entry *entry_ref(struct entry *entry)
{
    (void)atomic_fetch_add(&entry->references, 1);
    return entry;
}

/* No build is left with the last reference: each build holds one. */
void entry_unref(struct entry *entry)
{
    if (entry && atomic_fetch_sub(&entry->references, 1) == 1) {
        entry_free(entry);
    }
}

int entry_new(struct retrieval *retrieval, const char *name, struct entry **ret_entry)
{
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry) {
        return -ENOMEM;
    }
    entry->retrieval = retrieval;
    atomic_init(&entry->references, 1);
    (void)snprintf(entry->name, sizeof entry->name, "%s", name);
    (void)pthread_mutex_init(&entry->control, NULL);
    (void)pthread_mutex_init(&entry->joining, NULL);
    (void)pthread_mutex_init(&entry->waking, NULL);
    (void)pthread_cond_init(&entry->wake, NULL);
    entry->directory = index_directory_path("%s/%s", retrieval->directory, name);
    if (!entry->directory) {
        entry_unref(entry);
        return -ENOMEM;
    }
    *ret_entry = entry;
    return 0;
}

/* ---- waking ---- */

void entry_wake(struct entry *entry)
{
    HOLD(&entry->waking);
    entry->woken = true;
    (void)pthread_cond_signal(&entry->wake);
}

void entry_wake_context(void *entry)
{
    entry_wake(entry);
}

void entry_end(struct entry *entry)
{
    HOLD(&entry->waking);
    entry->ending = true;
    (void)pthread_cond_signal(&entry->wake);
}

bool entry_is_ending(struct entry *entry)
{
    HOLD(&entry->waking);
    return entry->ending;
}

/* `woken` is cleared before the thread looks for work. */
bool entry_wait(struct entry *entry, int64_t until_ns)
{
    HOLD(&entry->waking);
    while (!entry->woken && !entry->ending && clock_now_ns() < until_ns) {
        (void)clock_wait(&entry->wake, &entry->waking, until_ns);
    }
    entry->woken = false;
    return !entry->ending;
}
