/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the directory store share: dir.c opens and reads objects, list.c lists
 * them, root.c says whether the root is there, watch.c waits for changes. Any thread.
 */
#ifndef SITU_STORE_DIR_DIR_H
#define SITU_STORE_DIR_DIR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "store/backend.h"
#include "store/dir/dir_names_cache.h"

struct dir_store {
    struct store base;
    int root;     /* owned */
    dev_t device; /* of the root, constant; as long as it is open, no other root has
                   * all three */
    ino_t inode;
    uint64_t mount;            /* the kernel's number of the mount; 0: not known */
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

extern const struct store_backend dir_backend;

/* Opens the directory tree at `path`: dir_backend's open(). ERROR_NOT_FOUND, ERROR_UNREADABLE;
 * ERROR_UNAVAILABLE where the kernel lacks openat2 (Linux 5.6). */
must_check int store_dir_open(const char *path, struct store **ret_store, struct error *error);

/* Takes note of a fault (a negative errno) where the file system as a whole may be gone, its device
 * or its server. */
void dir_note_failure(struct dir_store *store, int errnum);

/* The id of the file system that holds `fd`, asked for once for each device number. */
uint64_t dir_filesystem_id(struct dir_store *store, int fd, dev_t device);

/* root.c: dir_backend's functions about the root. */
must_check int dir_check(const struct store_settings *settings, bool look, struct error *error);
must_check int dir_open(const struct store_settings *settings, struct store **ret_store,
                        struct error *error);
void dir_close(struct store *store);
must_check int dir_probe(struct store *store, bool doubted, bool *ret_empty, struct error *error);
bool dir_is_same_root(struct store *opened, struct store *seen);
void dir_locate(struct store *store, uint64_t *ret_filesystem, bool *ret_device_only);
bool dir_has_failed(struct store *store);
void dir_interrupt(struct store *store);

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
