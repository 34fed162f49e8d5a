/* SPDX-License-Identifier: Apache-2.0
 *
 * Listing a directory tree in order of key bytes, a page at a time. Runs in request threads.
 *
 * A walk descends from the directory that the prefix names, with one frame for each directory
 * above the current key. It starts right after the cursor, so that a page costs what it returns.
 * Only the last key is kept from page to page, so directories may come and go. Symbolic links
 * are not followed, so there are no loops; as a key has at most LIMIT_KEY_BYTES, depth is
 * limited, too.
 */
#include "store/dir/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "data/key.h"
#include "store/exclusion.h"
#include "store/file_identity.h"
#include "store/page.h"

enum { DEPTH_MAX = LIMIT_KEY_BYTES / 2 + 1 }; /* a component has at least two bytes */

struct frame {
    struct dir_names *names; /* a reference */
    size_t next;             /* index of the next name */
    size_t path_size;        /* bytes of walk.path that name this directory */
};

struct walk {
    struct dir_store *store;
    const struct store_list_query *query;
    const char *name_prefix; /* what names in the first frame must begin with */
    struct frame frames[DEPTH_MAX];
    size_t depth;
    char path[LIMIT_KEY_BYTES + 1]; /* of the deepest directory, with a `/` at its end */
    bool looking_ahead;             /* past the end of the page: the next one needs these names */

    int directory; /* owned; the deepest one if its files were looked at, otherwise -1 */

    char key[LIMIT_NAME_BYTES + 1]; /* found by next_key */
    size_t key_size;
    bool flawed; /* what was found is too long for a key */
    int errnum;  /* why what was found is a directory that cannot be listed; otherwise 0 */
    uint64_t size_bytes;
    struct left_out_tally left_out;
};

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int refuse_directory(const struct walk *walk, int errnum, struct error *error)
{
    char text[128];
    const char *path = walk->path;
    dir_note_failure(walk->store, errnum);
    if (errnum == -ENOMEM) {
        return error_set(error, ERROR_MEMORY, "out of memory for listing directory '%s'", path);
    }
    return error_set(error, ERROR_UNREADABLE, "directory '%s' cannot be listed: %s",
                     path[0] == '\0' ? "/" : path, error_text(errnum, text, sizeof text));
}

bool dir_is_gone(int errnum)
{
    return errnum == -ENOENT || errnum == -ENOTDIR || errnum == -ELOOP || errnum == -EXDEV;
}

/* True if only this directory may be at fault. Not for I/O errors: then the whole file system
 * may be gone, and its objects must not be reported as failed. */
static bool is_of_directory(int errnum)
{
    return errnum == -EACCES || errnum == -EPERM || errnum == -EUCLEAN || errnum == -EBADMSG;
}

/* Lists a directory that cannot be listed as an entry, in place of its content: 1. An error if
 * the cursor is in it already. */
static int find_unlisted(struct walk *walk, int errnum, struct error *error)
{
    const char *after = walk->query->after;
    size_t size = strlen(walk->path);
    bool wanted = walk->query->flawed || walk->query->unlisted;
    if (!wanted || !is_of_directory(errnum) || size == 0 ||
        (starts_with(after, walk->path) && after[size] != '\0')) {
        return refuse_directory(walk, errnum, error);
    }
    if (strcmp(walk->path, after) <= 0) {
        return 0; /* it was listed before */
    }
    memcpy(walk->key, walk->path, size + 1);
    walk->key_size = size;
    walk->size_bytes = 0;
    walk->flawed = true;
    walk->errnum = -errnum;
    return 1;
}

static int open_directory(const struct walk *walk)
{
    return dir_open_beneath(walk->store, walk->path[0] == '\0' ? "." : walk->path,
                            O_RDONLY | O_DIRECTORY | O_NONBLOCK, RESOLVE_NO_SYMLINKS);
}

/* Where the listing starts in the directory at walk->path. */
struct start {
    char name[LIMIT_NAME_BYTES + 1];
    bool beyond;   /* after this name */
    bool going_on; /* the cursor is in this directory */
    bool nothing;  /* the cursor is past it */
};

static void find_start(const struct walk *walk, struct start *start)
{
    const char *after = walk->query->after;
    *start = (struct start){.nothing = false};
    if (after[0] != '\0' && starts_with(after, walk->path)) {
        const char *rest = after + strlen(walk->path);
        const char *slash = strchr(rest, '/');
        size_t size = slash ? (size_t)(slash - rest) + 1 : strlen(rest);
        memcpy(start->name, rest, size);
        start->beyond = !slash;
        start->going_on = size > 0;
    } else {
        start->nothing = strcmp(after, walk->path) > 0;
    }
    if (walk->depth == 0 && strcmp(walk->name_prefix, start->name) > 0) {
        memcpy(start->name, walk->name_prefix, strlen(walk->name_prefix) + 1);
        start->beyond = false;
    }
}

/* Reads the directory's names from `from` on, and puts them into the cache for the next page. */
static int read_names(struct walk *walk, int fd, const struct stat *info, const char *from,
                      struct dir_names **ret_names)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    struct dir_names_origin origin = {
        .path = walk->path,
        .directory = *info,
        .begun_ns = clock_now_ns(),
        .doubtful = file_identity_times_are_fresh(dir_time_ns(info->st_mtim),
                                                  dir_time_ns(info->st_ctim), dir_time_ns(now))};
    int r = dir_names_read(fd, from, walk->store->names_budget_bytes, ret_names);
    if (r < 0) {
        return r;
    }
    origin.done_ns = clock_now_ns();
    dir_names_cache_put(&walk->store->names, &origin, *ret_names);
    return 0;
}

bool dir_is_lost_and_found(const char *path)
{
    static const char name[] = "lost+found/";
    size_t size = strlen(path);
    size_t name_size = sizeof name - 1;
    if (size < name_size || strcmp(path + size - name_size, name) != 0) {
        return false;
    }
    return size == name_size || path[size - name_size - 1] == '/';
}

/* Names of the directory at walk->path from `from` on, from the cache unless `more` than those
 * are needed. *ret_names is NULL if the directory is gone. A negative errno: it cannot be
 * listed. */
static int load(struct walk *walk, const char *from, bool going_on, bool more,
                struct dir_names **ret_names)
{
    cleanup_fd int fd = open_directory(walk);
    *ret_names = NULL;
    /* A prefix that leads through a link is counted once, on the first page. */
    walk->left_out.links += fd == -ELOOP && walk->depth == 0 && walk->query->after[0] == '\0';
    if (dir_is_gone(fd) || (fd == -EACCES && dir_is_lost_and_found(walk->path))) {
        return 0;
    }
    struct stat info;
    if (fd < 0 || fstat(fd, &info) < 0) {
        return fd < 0 ? fd : -errno;
    }
    if (!more) {
        *ret_names = dir_names_cache_get(&walk->store->names, walk->path, &info, from, going_on,
                                         clock_now_ns());
    }
    return *ret_names ? 0 : read_names(walk, fd, &info, from, ret_names);
}

static void close_directory(struct walk *walk)
{
    if (walk->directory >= 0) {
        (void)close(walk->directory);
    }
    walk->directory = -1;
}

/* Descends into the directory at walk->path. 1: it cannot be listed and is an entry itself. */
static int enter(struct walk *walk, size_t path_size, struct error *error)
{
    struct start start;
    find_start(walk, &start);
    struct dir_names *names = NULL;
    int r = start.nothing ? 0 : load(walk, start.name, start.going_on, false, &names);
    if (r < 0) {
        r = find_unlisted(walk, r, error);
    }
    if (!names) {
        walk->path[walk->depth > 0 ? walk->frames[walk->depth - 1].path_size : 0] = '\0';
        return r;
    }
    close_directory(walk);
    walk->frames[walk->depth++] =
        (struct frame){.names = names,
                       .next = dir_names_find(names, start.name, start.beyond),
                       .path_size = path_size};
    return 0;
}

static void leave(struct walk *walk)
{
    struct frame *frame = &walk->frames[--walk->depth];
    close_directory(walk);
    if (!walk->looking_ahead) {
        dir_names_cache_forget(&walk->store->names, walk->path);
    }
    dir_names_unref(&walk->store->names, frame->names);
    walk->path[walk->depth > 0 ? walk->frames[walk->depth - 1].path_size : 0] = '\0';
}

/* All names at hand are used: reads the next part, or leaves the directory if there is none. */
static int advance(struct walk *walk, struct error *error)
{
    struct frame *frame = &walk->frames[walk->depth - 1];
    if (frame->names->complete || frame->names->count == 0) {
        leave(walk);
        return 0;
    }
    char last[LIMIT_KEY_BYTES + 1] = "";
    const char *name = dir_names_at(frame->names, frame->names->count - 1);
    if (strlen(name) >= sizeof last) {
        return refuse_directory(walk, -ENAMETOOLONG, error);
    }
    memcpy(last, name, strlen(name) + 1);
    struct dir_names *names = NULL;
    int r = load(walk, last, true, true, &names);
    if (r < 0) {
        return refuse_directory(walk, r, error);
    }
    if (!names) {
        leave(walk);
        return 0;
    }
    dir_names_unref(&walk->store->names, frame->names);
    frame->names = names;
    frame->next = dir_names_find(names, last, true);
    return 0;
}

/* Finds the size of an object in the deepest directory; false: it is gone, or no regular file.
 * The size stays 0 if it cannot be found. */
static bool find_size(struct walk *walk, const char *name)
{
    if (walk->directory < 0) {
        walk->directory = open_directory(walk);
    }
    if (walk->directory < 0) {
        return !dir_is_gone(walk->directory);
    }
    struct stat info;
    if (fstatat(walk->directory, name, &info, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0) {
        return errno != ENOENT;
    }
    walk->size_bytes = (uint64_t)info.st_size;
    return S_ISREG(info.st_mode);
}

/* Puts the whole name into walk->key; false: it cannot be a key and is skipped. */
static bool take_name(struct walk *walk, const char *name, size_t name_size)
{
    size_t path_size = walk->frames[walk->depth - 1].path_size;
    size_t size = path_size + name_size;
    bool flawed = size > LIMIT_KEY_BYTES;
    if (size > LIMIT_NAME_BYTES || (flawed && !walk->query->flawed)) {
        walk->left_out.names++;
        return false;
    }
    memcpy(walk->key, walk->path, path_size);
    memcpy(walk->key + path_size, name, name_size + 1);
    walk->flawed = flawed;
    walk->key_size = size;
    walk->size_bytes = 0;
    walk->errnum = 0;
    return true;
}

/* False if it cannot be read. */
static bool begins_as_image(struct walk *walk, const char *name)
{
    if (walk->directory < 0) {
        walk->directory = open_directory(walk);
    }
    return walk->directory >= 0 && dir_is_decodable(walk->directory, name);
}

/* 1: the object `name` of the deepest directory is listed; it is in walk->key. */
static int take_object(struct walk *walk, const char *name, size_t name_size)
{
    if (!take_name(walk, name, name_size)) {
        return 0;
    }
    if (exclusion_covers(walk->query->exclusion, walk->key, false)) {
        walk->left_out.excluded++;
        return 0;
    }
    int suffix = walk->query->images_only ? suffix_foreign(name) : -1;
    if (suffix >= 0 && !(walk->query->sniff && begins_as_image(walk, name))) {
        walk->left_out.suffixes[suffix]++;
        return 0;
    }
    return !walk->query->sizes || walk->looking_ahead || find_size(walk, name) ? 1 : 0;
}

/* A directory too deep for any key in it is an entry in place of its content. The cursor may be
 * in it, so it may have been listed before. */
static int take_deep_directory(struct walk *walk, const char *name, size_t name_size)
{
    if (!walk->query->flawed) {
        walk->left_out.names++;
        return 0;
    }
    if (!take_name(walk, name, name_size) || strcmp(walk->key, walk->query->after) <= 0) {
        return 0;
    }
    walk->flawed = true;
    return 1;
}

/* For the directory at walk->path, of that many bytes with the slash at its end. */
static bool is_excluded(struct walk *walk, size_t path_size)
{
    walk->path[path_size - 1] = '\0';
    bool excluded = exclusion_covers(walk->query->exclusion, walk->path, true);
    walk->path[path_size - 1] = '/';
    walk->left_out.excluded += excluded;
    return excluded;
}

static int take_directory(struct walk *walk, const char *name, size_t name_size,
                          struct error *error)
{
    size_t path_size = walk->frames[walk->depth - 1].path_size + name_size;
    if (path_size >= LIMIT_KEY_BYTES) {
        return take_deep_directory(walk, name, name_size);
    }
    memcpy(walk->path + path_size - name_size, name, name_size + 1);
    if (is_excluded(walk, path_size)) {
        walk->path[path_size - name_size] = '\0';
        return 0;
    }
    return enter(walk, path_size, error);
}

/* Finds the next key: 1, or 0 at the end, or a negative errno. */
static int next_key(struct walk *walk, struct error *error)
{
    int r = 0;
    while (r == 0 && walk->depth > 0) {
        if (atomic_load_explicit(&walk->store->closing, memory_order_relaxed)) {
            return error_set(error, ERROR_UNAVAILABLE, "the store is being closed");
        }
        struct frame *frame = &walk->frames[walk->depth - 1];
        if (frame->next == frame->names->count) {
            r = advance(walk, error);
            continue;
        }
        const char *name = dir_names_at(frame->names, frame->next++);
        size_t size = strlen(name);
        if (walk->depth == 1 && !starts_with(name, walk->name_prefix)) {
            leave(walk); /* names are sorted: no more have the prefix */
        } else if (dir_names_is_link(name, size)) {
            walk->left_out.links++;
        } else if (name[size - 1] == '/') {
            r = take_directory(walk, name, size, error);
        } else {
            r = take_object(walk, name, size);
        }
    }
    return r;
}

/* The part of a prefix up to its last slash names a directory. If it cannot be part of a key, no
 * key has that prefix. */
static int begin(struct walk *walk, struct error *error)
{
    const char *prefix = walk->query->prefix;
    const char *slash = strrchr(prefix, '/');
    size_t size = slash ? (size_t)(slash - prefix) + 1 : 0;
    walk->name_prefix = prefix + size;
    memcpy(walk->path, prefix, size);
    if (size > 0) {
        walk->path[size - 1] = '\0';
        bool possible = key_check(walk->path, NULL) == 0;
        walk->path[size - 1] = '/';
        if (!possible || size >= LIMIT_KEY_BYTES) {
            return 0;
        }
    }
    walk->path[size] = '\0';
    return enter(walk, size, error);
}

/* This is the last page: drops the names of the directories above the last key. */
static void forget_path(struct walk *walk, char *key)
{
    for (char *slash = strrchr(key, '/'); slash; slash = strrchr(key, '/')) {
        slash[1] = '\0';
        dir_names_cache_forget(&walk->store->names, key);
        slash[0] = '\0';
    }
    dir_names_cache_forget(&walk->store->names, "");
}

/* Whether a page follows. What is skipped before its first key is counted there. */
static int look_ahead(struct walk *walk, struct error *error)
{
    char last[LIMIT_NAME_BYTES + 1];
    memcpy(last, walk->key, walk->key_size + 1);
    struct left_out_tally left_out = walk->left_out;
    walk->looking_ahead = true;
    int r = next_key(walk, error);
    if (r > 0) {
        walk->left_out = left_out;
    } else if (r == 0) {
        forget_path(walk, last);
    }
    return r;
}

/* Adds what was found to the page. */
static void put(const struct walk *walk, struct page_builder *builder)
{
    if (walk->errnum != 0) {
        page_builder_add_unlisted(builder, walk->key, walk->key_size, walk->errnum);
    } else {
        page_builder_add(builder, walk->key, walk->key_size, walk->size_bytes, walk->flawed);
    }
}

static int fill_page(struct walk *walk, struct page_builder *builder, struct error *error)
{
    int r = begin(walk, error); /* 1: the directory of the prefix itself cannot be listed */
    r = r == 0 ? next_key(walk, error) : r;
    while (r > 0) {
        put(walk, builder);
        if (builder->count == walk->query->limit) {
            return look_ahead(walk, error);
        }
        r = next_key(walk, error);
    }
    return r;
}

int dir_list(struct store *store, const struct store_list_query *query, struct store_page *ret_page,
             struct error *error)
{
    struct walk *walk = malloc(sizeof *walk);
    if (!walk) {
        return error_memory(error, "a listing");
    }
    walk->store = dir_store(store);
    walk->query = query;
    walk->depth = 0;
    walk->looking_ahead = false;
    walk->directory = -1;
    walk->key[0] = '\0';
    walk->key_size = 0;
    walk->flawed = false;
    walk->errnum = 0;
    walk->size_bytes = 0;
    walk->left_out = (struct left_out_tally){.links = 0};
    struct page_builder builder = PAGE_BUILDER_INIT;
    int r = fill_page(walk, &builder, error);
    if (r >= 0) {
        builder.left_out = walk->left_out;
        r = page_builder_finish(&builder, r > 0, ret_page, error);
    }
    walk->looking_ahead = true; /* the next page needs what is left of the walk */
    while (walk->depth > 0) {
        leave(walk);
    }
    page_builder_done(&builder);
    free(walk);
    return r;
}
