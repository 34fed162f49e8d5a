/* SPDX-License-Identifier: Apache-2.0
 *
 * A store of the files in a tar archive, read-only: shows that a back end of stores is this file
 * and its row in meson.build. `--store photos=tar:/srv/photos.tar`. The archive's entries are read
 * when it is opened; an archive that was replaced or written to since then is another root.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "data/file_kind.h"
#include "store/backend.h"
#include "store/file_identity.h"
#include "store/sorted.h"
#include "wire/tar.h"

enum { ENTRIES_MAX = 100000 };

struct tar_object {
    char *key; /* owned */
    off_t offset;
    uint64_t size_bytes;
};

struct tar_store {
    struct store base;
    int archive; /* owned */
    struct stat info;
    struct tar_object *objects; /* owned; sorted by key */
    size_t count;
    off_t offset; /* only during opening: offset of the reader's block */
};

extern const struct store_backend tar_backend;

static struct tar_store *tar_of(struct store *store)
{
    return (struct tar_store *)(void *)store;
}

static int64_t time_ns(struct timespec time)
{
    return (int64_t)time.tv_sec * NS_PER_S + time.tv_nsec;
}

/* ---- opening ---- */

static int add_entry(void *context, const struct tar_entry *entry, struct error *error)
{
    struct tar_store *store = context;
    if (entry->directory) {
        return 0;
    }
    struct tar_object *objects =
        reallocarray(store->objects, store->count + 1, sizeof *store->objects);
    char *key = strdup(entry->path);
    if (objects) {
        store->objects = objects;
    }
    if (!objects || !key) {
        free(key);
        return error_memory(error, "an archive");
    }
    store->objects[store->count++] = (struct tar_object){
        .key = key, .offset = store->offset + TAR_BLOCK, .size_bytes = entry->size_bytes};
    return 0;
}

static int skip_data(void *context, const void *bytes, size_t size, struct error *error)
{
    (void)context;
    (void)bytes;
    (void)size;
    (void)error;
    return 0;
}

static int end_entry(void *context, struct error *error)
{
    (void)context;
    (void)error;
    return 0;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct tar_object *)a)->key, ((const struct tar_object *)b)->key);
}

/* Reads the archive one block at a time, so that a file's content begins after the block that ended
 * its header. */
static int read_entries(struct tar_store *store, struct error *error)
{
    static const struct tar_receiver receiver = {add_entry, skip_data, end_entry};
    struct tar_reader reader;
    char block[TAR_BLOCK];
    tar_reader_init(&reader, &receiver, store, UINT64_MAX, ENTRIES_MAX);
    for (;;) {
        ssize_t size = pread(store->archive, block, sizeof block, store->offset);
        if (size < 0) {
            return error_set(error, ERROR_UNREADABLE, "its file cannot be read");
        }
        if (size == 0) {
            break;
        }
        int r = tar_reader_feed(&reader, block, (size_t)size, error);
        if (r < 0) {
            return r;
        }
        store->offset += size;
    }
    int r = tar_reader_finish(&reader, error);
    if (r == 0 && store->count > 0) {
        qsort(store->objects, store->count, sizeof *store->objects, compare);
    }
    return r;
}

static void tar_close(struct store *store)
{
    for (size_t i = 0; i < tar_of(store)->count; i++) {
        free(tar_of(store)->objects[i].key);
    }
    free(tar_of(store)->objects);
    (void)close(tar_of(store)->archive);
    free(store);
}

static int tar_open(const struct store_settings *settings, struct store **ret_store,
                    struct error *error)
{
    char text[128];
    cleanup_fd int archive = open(store_settings_get(settings, "file"), O_RDONLY | O_CLOEXEC);
    if (archive < 0) {
        return error_set(error, ERROR_NOT_FOUND, "its file cannot be opened: %s",
                         error_text(errno, text, sizeof text));
    }
    struct tar_store *store = calloc(1, sizeof *store);
    if (!store) {
        return error_memory(error, "a store");
    }
    store->base.backend = &tar_backend;
    store->archive = take_fd(&archive);
    int r = fstat(store->archive, &store->info) < 0
                ? error_set(error, ERROR_UNREADABLE, "its file cannot be read")
                : read_entries(store, error);
    if (r < 0) {
        tar_close(&store->base);
        return r;
    }
    *ret_store = &store->base;
    return 0;
}

static int tar_check(const struct store_settings *settings, bool look, struct error *error)
{
    const char *file = store_settings_get(settings, "file");
    if (!file) {
        return error_set(error, ERROR_MALFORMED, "has no file: give file = FILE");
    }
    return look && access(file, R_OK) < 0
               ? error_set(error, ERROR_NOT_FOUND, "%s cannot be read", file)
               : 0;
}

static int tar_probe(struct store *store, bool doubted, bool *ret_empty, struct error *error)
{
    (void)doubted;
    (void)error;
    *ret_empty = tar_of(store)->count == 0;
    return 0;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           time_ns(a->st_mtim) == time_ns(b->st_mtim) && time_ns(a->st_ctim) == time_ns(b->st_ctim);
}

static bool tar_is_same_root(struct store *opened, struct store *seen)
{
    return is_same_file(&tar_of(opened)->info, &tar_of(seen)->info);
}

/* ---- listing ---- */

static const char *key_at(void *context, size_t index)
{
    return ((const struct tar_store *)context)->objects[index].key;
}

static uint64_t size_at(void *context, size_t index)
{
    return ((const struct tar_store *)context)->objects[index].size_bytes;
}

static bool is_decodable_at(void *context, size_t index)
{
    char bytes[FILE_KIND_BYTES];
    const struct tar_store *store = context;
    const struct tar_object *object = &store->objects[index];
    size_t wanted = object->size_bytes < sizeof bytes ? (size_t)object->size_bytes : sizeof bytes;
    ssize_t size = pread(store->archive, bytes, wanted, object->offset);
    return size > 0 && file_kind_of(bytes, (size_t)size).class == FILE_DECODABLE;
}

static struct sorted_objects sorted(struct tar_store *store)
{
    return (struct sorted_objects){.context = store,
                                   .count = store->count,
                                   .key = key_at,
                                   .size_bytes = size_at,
                                   .is_decodable = is_decodable_at};
}

static int tar_list(struct store *store, const struct store_list_query *query,
                    struct store_page *ret_page, struct error *error)
{
    struct sorted_objects objects = sorted(tar_of(store));
    return sorted_list(&objects, query, ret_page, error);
}

/* ---- objects ---- */

static const struct tar_object *find(struct tar_store *store, const char *key, struct error *error)
{
    struct sorted_objects objects = sorted(store);
    size_t at = sorted_find(&objects, key);
    if (at == store->count || strcmp(store->objects[at].key, key) != 0) {
        (void)error_set(error, ERROR_NOT_FOUND, "object '%s' is not in the store", key);
        return NULL;
    }
    return &store->objects[at];
}

static struct identity identity_of(const struct tar_store *store, const struct tar_object *object)
{
    const struct file_identity identity = {.filesystem = store->info.st_ino,
                                           .inode = (uint64_t)object->offset,
                                           .size_bytes = object->size_bytes,
                                           .mtime_ns = time_ns(store->info.st_mtim),
                                           .ctime_ns = time_ns(store->info.st_ctim)};
    return file_identity_pack(&identity);
}

static int tar_stat(struct store *base, const char *key, struct object_state *ret_state,
                    struct error *error)
{
    struct tar_store *store = tar_of(base);
    const struct tar_object *object = find(store, key, error);
    if (!object) {
        return error_code_errno(ERROR_NOT_FOUND);
    }
    *ret_state = (struct object_state){.identity = identity_of(store, object),
                                       .size_bytes = object->size_bytes,
                                       .mtime_ns = time_ns(store->info.st_mtim)};
    return 0;
}

static int tar_read(struct store *base, const char *key, const struct store_target *target,
                    size_t *ret_size, struct identity *ret_identity, struct error *error)
{
    struct tar_store *store = tar_of(base);
    struct stat now;
    const struct tar_object *object = find(store, key, error);
    if (!object) {
        return error_code_errno(ERROR_NOT_FOUND);
    }
    if (object->size_bytes > target->capacity) {
        return error_set(error, ERROR_TOO_LARGE, "object '%s' has %llu bytes, the limit is %zu",
                         key, (unsigned long long)object->size_bytes, target->capacity);
    }
    size_t done = 0;
    while (done < object->size_bytes) {
        ssize_t n = pread(store->archive, (char *)target->bytes + done,
                          (size_t)object->size_bytes - done, object->offset + (off_t)done);
        if (n == 0 || (n < 0 && errno != EINTR)) {
            return error_set(error, ERROR_UNREADABLE, "object '%s' cannot be read", key);
        }
        done += n > 0 ? (size_t)n : 0;
    }
    if (fstat(store->archive, &now) < 0 || !is_same_file(&store->info, &now)) {
        return error_set(error, ERROR_CHANGED, "object '%s' changed while it was read", key);
    }
    *ret_size = done;
    *ret_identity = identity_of(store, object);
    return 0;
}

const struct store_backend tar_backend = {
    .name = "tar",
    .noun = "file",
    .argument = "tar:FILE",
    .help = "serve the files in a tar archive",
    .settings = (const char *const[]){"file", NULL},
    .check = tar_check,
    .open = tar_open,
    .close = tar_close,
    .list = tar_list,
    .stat = tar_stat,
    .read = tar_read,
    .is_fresh = file_identity_is_fresh,
    .settles_in_ns = file_identity_settles_in_ns,
    .is_same_remounted = file_identity_is_same_remounted,
    .probe = tar_probe,
    .is_same_root = tar_is_same_root,
};
