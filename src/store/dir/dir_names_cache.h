/* SPDX-License-Identifier: Apache-2.0
 *
 * The names of unfinished directories, kept between the pages of a listing, so that a directory
 * of a million files is not read and sorted again for each thousand. Names are reference
 * counted; a listing that has finished a directory removes it from the cache. Any thread.
 */
#ifndef SITU_STORE_DIR_DIR_NAMES_CACHE_H
#define SITU_STORE_DIR_DIR_NAMES_CACHE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "store/dir/dir_names.h"

struct dir_names_cache {
    pthread_mutex_t lock; /* guards all below */
    struct dir_names_slot {
        char *path; /* owned; NULL for a free slot */
        struct dir_names *names;
        struct stat directory; /* before it was read */
        bool doubtful;         /* it was fresh when it was read */
        int64_t read_ns;       /* time of the read (monotonic) */
        int64_t cost_ns;       /* duration of the read */
        int64_t used_ns;       /* last use */
    } slots[64];
    size_t bytes; /* in all slots */
};

/* Where names for the cache are from. */
struct dir_names_origin {
    const char *path;      /* borrowed */
    struct stat directory; /* fstat before reading */
    int64_t begun_ns;      /* monotonic */
    int64_t done_ns;
    bool doubtful; /* the directory was fresh when it was read */
};

must_check int dir_names_cache_init(struct dir_names_cache *cache);
void dir_names_cache_done(struct dir_names_cache *cache);

/* Names of the directory at `path`, from `from` on, that are valid for `directory` (its fstat
 * now); NULL: none. If a listing continues within a large directory (`going_on`) that keeps
 * changing, names are used until they are older than ten times the duration of their read. The
 * caller gets a reference. */
struct dir_names *dir_names_cache_get(struct dir_names_cache *cache, const char *path,
                                      const struct stat *directory, const char *from, bool going_on,
                                      int64_t now_ns);

/* Keeps names that were just read for the next page, and drops older ones of that path; takes
 * its own reference. Small directories are not kept. */
void dir_names_cache_put(struct dir_names_cache *cache, const struct dir_names_origin *origin,
                         struct dir_names *names);

/* Drops a directory that the listing has finished. */
void dir_names_cache_forget(struct dir_names_cache *cache, const char *path);

void dir_names_unref(struct dir_names_cache *cache, struct dir_names *names); /* NULL is fine */

#endif
