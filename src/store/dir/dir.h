/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the directory store share: dir.c reads objects, list.c lists them, root.c
 * opens and checks the root, dir_watch.c waits for changes. Any thread.
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
    int root; /* owned */
    /* Of the root, constant. While it is open, no other root has the same three numbers. */
    dev_t device;
    ino_t inode;
    uint64_t mount;            /* the kernel's mount ID; 0: not known */
    atomic_bool closing;       /* listings and new watches stop soon */
    atomic_bool device_failed; /* a call failed as if the device or server were gone */

    pthread_mutex_t filesystems_lock; /* guards the table below */
    struct dir_filesystem {
        dev_t device;
        uint64_t id;
    } filesystems[8];
    unsigned filesystem_count;
    unsigned filesystem_next; /* the slot to be replaced when the table is full */

    struct dir_names_cache names;
    size_t names_budget_bytes; /* DIR_NAMES_BUDGET_BYTES, except in tests */
    size_t watches_max;        /* LIMIT_WATCHES, except in tests */
};

static inline struct dir_store *dir_store(struct store *store)
{
    return (struct dir_store *)(void *)store;
}

extern const struct store_backend dir_backend;

/* Opens the directory tree at `path`: dir_backend's open(). ERROR_NOT_FOUND, ERROR_UNREADABLE;
 * ERROR_UNAVAILABLE: the kernel has no openat2 (Linux 5.6). Outside of root.c for tests. */
must_check int store_dir_open(const char *path, struct store **ret_store, struct error *error);

/* Records a fault (a negative errno) that may mean that the whole file system is gone. */
void dir_note_failure(struct dir_store *store, int errnum);

/* The id of the file system of `fd`, looked up once for each device number. */
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

/* Opens `path` beneath the root, never leaving it. `flags` are those of open(2), `resolve` those
 * of openat2(2) besides RESOLVE_BENEATH and RESOLVE_NO_MAGICLINKS. A descriptor or a negative
 * errno. */
must_check int dir_open_beneath(const struct dir_store *store, const char *path, int flags,
                                uint64_t resolve);

/* Time stamps may be anything: one that is no valid number of nanoseconds wraps around. */
int64_t dir_time_ns(struct timespec time);

/* True for errors of a directory that was removed or replaced meanwhile; links are not followed. */
bool dir_is_gone(int errnum);

/* True for the file system's own directory, which only root can read. */
bool dir_is_lost_and_found(const char *path);

/* True for a regular file that begins as a decodable image. */
bool dir_is_decodable(int directory, const char *name);

must_check int dir_list(struct store *store, const struct store_list_query *query,
                        struct store_page *ret_page, struct error *error);

must_check int dir_watch(struct store *store, const char *prefix, const struct exclusion *exclusion,
                         struct store_watch **ret_watch, struct error *error);

#endif
