/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the directory store share: dir.c opens and reads objects, list.c lists
 * them, watch.c waits for changes. Any thread.
 */
#ifndef SITU_STORE_DIR_DIR_H
#define SITU_STORE_DIR_DIR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "store/dir/dir_names_cache.h"
#include "store/store.h"

struct dir_store {
    struct store base;
    int root;                  /* owned */
    atomic_bool closing;       /* listings and the making of watches come to an end soon */
    atomic_bool device_failed; /* something failed as it does where device or server is gone */

    pthread_mutex_t filesystems_lock; /* guards the table below */
    struct dir_filesystem {
        dev_t device;
        uint64_t id;
    } filesystems[8];
    unsigned filesystem_count;
    unsigned filesystem_next; /* to be replaced when the table is full */

    struct dir_names_cache names;
    size_t names_budget_bytes; /* DIR_NAMES_BUDGET_BYTES but in tests */
    size_t watches_max;        /* LIMIT_WATCHES but in tests */
};

static inline struct dir_store *dir_store(struct store *store)
{
    return (struct dir_store *)(void *)store;
}

/* A store over the directory that `root` is open on. The descriptor is taken over where it
 * succeeds. `path` is for messages. Errors as of store_dir_open(). */
must_check int dir_open_root(int root, const char *path, struct store **ret_store,
                             struct error *error);
/* 0, or a negative errno: the root is not there any more (-ESTALE, -ENOTCONN, -EIO). */
must_check int dir_check_root(struct store *store);
/* May the file system as a whole be gone, its device or its server? Takes note of such a fault, and
 * tells of it once. */
bool dir_is_device_failure(int errnum);
void dir_note_failure(struct dir_store *store, int errnum);
bool dir_has_failed(struct store *store);
/* The root's file system as in identities, and whether that is just a device's number. */
void dir_root_filesystem(struct store *store, uint64_t *ret_id, bool *ret_device_only);

/* Opens `path` beneath the root, never leaving it. `flags` as of open(2), `resolve` of openat2(2)
 * beside RESOLVE_BENEATH and RESOLVE_NO_MAGICLINKS. A descriptor or a negative errno. */
must_check int dir_open_beneath(const struct dir_store *store, const char *path, int flags,
                                uint64_t resolve);

/* Some file systems take any time: one that is no number of nanoseconds becomes another number. */
int64_t dir_time_ns(struct timespec time);

/* What is no directory any more when a walk gets there is just gone; links are not followed. */
bool dir_is_gone(int errnum);

/* The file system's own, readable for root only, at the top of many a volume. */
bool dir_is_lost_and_found(const char *path);

/* True for a regular file that begins as an image that the decoders know; `directory` is open. */
bool dir_is_decodable(int directory, const char *name);

must_check int dir_list(struct store *store, const struct store_list_query *query,
                        struct store_page *ret_page, struct error *error);

must_check int dir_watch(struct store *store, const char *prefix, const struct exclusion *exclusion,
                         struct store_watch **ret_watch, struct error *error);

#endif
