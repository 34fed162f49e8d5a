/* SPDX-License-Identifier: Apache-2.0
 *
 * The root of a directory store: opened by its path, and checked for place.h. Blocks.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/dir/dir.h"
#include "store/dir/filesystem.h"

/* ---- opening ---- */

static int refuse_root(const char *what, int errnum, struct error *error)
{
    char text[128];
    if (errnum == -ENOENT || errnum == -ENOTDIR) {
        return error_set(error, ERROR_NOT_FOUND, "its directory is not there");
    }
    return error_set(error, ERROR_UNREADABLE, "its directory cannot be %s: %s", what,
                     error_text(errnum, text, sizeof text));
}

static uint64_t mount_of(int fd)
{
    struct statx info;
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &info) == 0 &&
        (info.stx_mask & STATX_MNT_ID)) {
        return info.stx_mnt_id;
    }
    return 0;
}

/* Finds which directory the root is, and whether anything beneath it can be opened. */
static int look_at_root(struct dir_store *store, struct error *error)
{
    struct stat info;
    if (fstat(store->root, &info) < 0) {
        return refuse_root("opened", -errno, error);
    }
    if (faccessat(store->root, ".", X_OK, AT_EACCESS) < 0) {
        return refuse_root("searched", -errno, error);
    }
    store->device = info.st_dev;
    store->inode = info.st_ino;
    store->mount = mount_of(store->root);
    cleanup_fd int probe = dir_open_beneath(store, ".", O_PATH | O_DIRECTORY, 0);
    if (probe == -ENOSYS || probe == -EPERM) {
        return error_set(error, ERROR_UNAVAILABLE,
                         "its directory cannot be opened: this needs the system call openat2 "
                         "(Linux 5.6)");
    }
    return probe < 0 ? refuse_root("opened", probe, error) : 0;
}

static int init(struct dir_store *store, struct error *error)
{
    store->base.backend = &dir_backend;
    store->names_budget_bytes = DIR_NAMES_BUDGET_BYTES;
    store->watches_max = LIMIT_WATCHES;
    int r = look_at_root(store, error);
    if (r < 0) {
        return r;
    }
    if (pthread_mutex_init(&store->filesystems_lock, NULL) != 0) {
        return error_memory(error, "a store");
    }
    if (dir_names_cache_init(&store->names) != 0) {
        (void)pthread_mutex_destroy(&store->filesystems_lock);
        return error_memory(error, "a store");
    }
    return 0;
}

int store_dir_open(const char *path, struct store **ret_store, struct error *error)
{
    cleanup_fd int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (root < 0) {
        return refuse_root("opened", -errno, error);
    }
    struct dir_store *store = calloc(1, sizeof *store);
    if (!store) {
        return error_memory(error, "a store");
    }
    store->root = root;
    int r = init(store, error);
    if (r < 0) {
        free(store);
        return r;
    }
    (void)take_fd(&root);
    *ret_store = &store->base;
    return 0;
}

int dir_open(const struct store_settings *settings, struct store **ret_store, struct error *error)
{
    return store_dir_open(store_settings_get(settings, "path"), ret_store, error);
}

int dir_check(const struct store_settings *settings, bool look, struct error *error)
{
    char text[128];
    struct stat info;
    const char *path = store_settings_get(settings, "path");
    if (!path) {
        return error_set(error, ERROR_MALFORMED, "has no path: give path = DIRECTORY");
    }
    if (!look) {
        return 0;
    }
    if (stat(path, &info) < 0) {
        return error_set(error, ERROR_NOT_FOUND, "%s: %s", path,
                         error_text(errno, text, sizeof text));
    }
    return S_ISDIR(info.st_mode) ? 0
                                 : error_set(error, ERROR_NOT_FOUND, "%s is not a directory", path);
}

/* ---- is it still there? ---- */

static bool is_device_failure(int errnum)
{
    return errnum == -EIO || errnum == -ENXIO || errnum == -ENODEV || errnum == -ESTALE ||
           errnum == -ENOTCONN || errnum == -ESHUTDOWN || errnum == -EHOSTDOWN ||
           errnum == -ETIMEDOUT;
}

void dir_note_failure(struct dir_store *store, int errnum)
{
    if (is_device_failure(errnum)) {
        atomic_store(&store->device_failed, true);
    }
}

bool dir_has_failed(struct store *store)
{
    return atomic_exchange(&dir_store(store)->device_failed, false);
}

/* A new file system has `lost+found`, which does not count. */
static bool counts(const char *name)
{
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, "lost+found") != 0;
}

/* 0 or a negative errno. With its own stream, since that of `root` must stay at its start. */
static int find_entry(int root, bool *ret_empty)
{
    cleanup_fd int again = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = again >= 0 ? fdopendir(again) : NULL;
    if (!directory) {
        return -errno;
    }
    (void)take_fd(&again);
    const struct dirent *entry = NULL;
    do {
        errno = 0;
        entry = readdir(directory); /* NOLINT(concurrency-mt-unsafe): its own stream */
    } while (entry && !counts(entry->d_name));
    int r = entry ? 0 : -errno;
    *ret_empty = !entry;
    (void)closedir(directory);
    return r;
}

/* After its device is gone, and after its file system was shut down for that, a root is still
 * listed from memory, but fsync fails. 0 or a negative errno. */
static int ask_device(int root)
{
    int r = fsync(root) < 0 ? -errno : 0;
    return is_device_failure(r) ? r : 0;
}

int dir_probe(struct store *store, bool doubted, bool *ret_empty, struct error *error)
{
    int root = dir_store(store)->root;
    int r = find_entry(root, ret_empty);
    if (r == 0 && doubted) {
        r = ask_device(root);
    }
    return r < 0 ? refuse_root("read", r, error) : 0;
}

bool dir_is_same_root(struct store *opened, struct store *seen)
{
    const struct dir_store *a = dir_store(opened);
    const struct dir_store *b = dir_store(seen);
    struct stat info;
    return a->device == b->device && a->inode == b->inode && a->mount == b->mount &&
           fstat(a->root, &info) == 0;
}

void dir_close(struct store *store)
{
    (void)close(dir_store(store)->root);
    (void)pthread_mutex_destroy(&dir_store(store)->filesystems_lock);
    dir_names_cache_done(&dir_store(store)->names);
    free(store);
}

void dir_interrupt(struct store *store)
{
    atomic_store(&dir_store(store)->closing, true);
}

void dir_locate(struct store *base, uint64_t *ret_filesystem, bool *ret_device_only)
{
    struct dir_store *store = dir_store(base);
    *ret_filesystem = dir_filesystem_id(store, store->root, store->device);
    *ret_device_only = !filesystem_is_lasting(store->root, store->device);
}
