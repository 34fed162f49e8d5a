/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory tree as a store: its table of functions, stat and read. Called from lanes; blocks.
 *
 * Every path goes through openat2 with RESOLVE_BENEATH and RESOLVE_NO_MAGICLINKS: the kernel
 * itself refuses what would leave the root, even if names change meanwhile. Opening a FIFO would
 * hang, and opening a device would call its driver (a watchdog starts, a tape rewinds). So an
 * object is first opened with O_PATH, which does neither, and only a regular file is then opened
 * for reading. (Its identity alone is read without opening it.) If the file is replaced between
 * the two, the identity differs, and the second open cannot hang since it has O_NONBLOCK. (A
 * device node moved there in that microsecond would be opened, but not read; creating one needs
 * root.)
 */
#include "store/dir/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/dir/filesystem.h"
#include "store/file_identity.h"

enum {
    OPEN_TRIES = 100,       /* Samba and NFS release a lease within milliseconds */
    OPEN_TRIES_AT_ONCE = 4, /* EAGAIN may also be caused by a rename meanwhile */
    OPEN_PAUSE_MS = 10,
    READ_TRIES = 2,
    COMPARE_SIZE = 16 << 10,
    READ_AHEAD_SIZE = 1 << 20, /* for objects of this size and more, the kernel is advised */
};

/* The read of one object. */
struct reading {
    const char *key;
    const struct store_target *target;
    bool *told; /* that it waits */
    size_t size;
    struct file_identity identity;
    bool changed; /* while it was read */
};

int dir_open_beneath(const struct dir_store *store, const char *path, int flags, uint64_t resolve)
{
    struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve};
    for (unsigned try = 1;; try++) {
        long fd = syscall(SYS_openat2, store->root, path, &how, sizeof how);
        if (fd >= 0) {
            return (int)fd;
        }
        if ((errno != EAGAIN && errno != EINTR) || try == OPEN_TRIES) {
            return -errno;
        }
        if (errno == EAGAIN && try >= OPEN_TRIES_AT_ONCE) {
            struct timespec pause = {.tv_nsec = OPEN_PAUSE_MS * NS_PER_MS};
            (void)nanosleep(&pause, NULL);
        }
    }
}

static int refuse_open(struct dir_store *store, const char *key, int errnum, struct error *error)
{
    char text[128];
    dir_note_failure(store, errnum);
    switch (-errnum) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
        return error_set(error, ERROR_NOT_FOUND, "object '%s' is not in the store", key);
    case EXDEV:
        return error_set(error, ERROR_NOT_FOUND,
                         "object '%s' is a symbolic link that leads out of the store, or lies "
                         "behind one; such links are not followed",
                         key);
    case ELOOP:
        return error_set(error, ERROR_NOT_FOUND,
                         "object '%s' lies behind a symbolic link that cannot be followed "
                         "(a loop, or one of /proc)",
                         key);
    case EAGAIN:
        return error_set(error, ERROR_UNREADABLE,
                         "object '%s' is held by another program (a lease) or keeps being renamed",
                         key);
    case ENOMEM:
        return error_set(error, ERROR_MEMORY, "out of memory for opening object '%s'", key);
    case EMFILE: /* not a fault of the object */
    case ENFILE:
        return error_set(error, ERROR_UNAVAILABLE, "object '%s' cannot be opened for now: %s", key,
                         error_text(errnum, text, sizeof text));
    default:
        return error_set(error, ERROR_UNREADABLE, "object '%s' cannot be read: %s", key,
                         error_text(errnum, text, sizeof text));
    }
}

static int refuse_kind(const char *key, mode_t mode, struct error *error)
{
    const char *kind = "something else";
    switch (mode & S_IFMT) {
    case S_IFDIR:
        kind = "a directory";
        break;
    case S_IFIFO:
        kind = "a FIFO";
        break;
    case S_IFSOCK:
        kind = "a socket";
        break;
    case S_IFCHR:
    case S_IFBLK:
        kind = "a device";
        break;
    default:
        break;
    }
    return error_set(error, ERROR_UNFIT, "object '%s' is %s, not a regular file", key, kind);
}

/* The id of a file system that is in the table. Lock held. */
static bool known_filesystem(const struct dir_store *store, dev_t device, uint64_t *ret_id)
{
    for (unsigned i = 0; i < store->filesystem_count; i++) {
        if (store->filesystems[i].device == device) {
            *ret_id = store->filesystems[i].id;
            return true;
        }
    }
    return false;
}

uint64_t dir_filesystem_id(struct dir_store *store, int fd, dev_t device)
{
    uint64_t id = 0;
    HOLD(&store->filesystems_lock);
    if (known_filesystem(store, device, &id) || !filesystem_ask(fd, store->root, device, &id)) {
        return id;
    }
    unsigned size = sizeof store->filesystems / sizeof store->filesystems[0];
    unsigned at = store->filesystem_next;
    store->filesystems[at] = (struct dir_filesystem){.device = device, .id = id};
    store->filesystem_next = (at + 1) % size;
    store->filesystem_count += store->filesystem_count < size ? 1 : 0;
    return id;
}

int64_t dir_time_ns(struct timespec time)
{
    return (int64_t)((uint64_t)time.tv_sec * (uint64_t)NS_PER_S + (uint64_t)time.tv_nsec);
}

static struct file_identity identity_of(const struct stat *info, uint64_t filesystem)
{
    return (struct file_identity){.filesystem = filesystem,
                                  .inode = info->st_ino,
                                  .size_bytes = (uint64_t)info->st_size,
                                  .mtime_ns = dir_time_ns(info->st_mtim),
                                  .ctime_ns = dir_time_ns(info->st_ctim)};
}

/* Opens a regular file with O_PATH, and finds its identity. A descriptor or a negative errno. */
static int find_object(struct dir_store *store, const char *key, struct file_identity *ret_identity,
                       struct error *error)
{
    cleanup_fd int fd = dir_open_beneath(store, key, O_PATH, 0);
    if (fd < 0) {
        return refuse_open(store, key, fd, error);
    }
    struct stat info;
    if (fstat(fd, &info) < 0) {
        return refuse_open(store, key, -errno, error);
    }
    if (!S_ISREG(info.st_mode)) {
        return refuse_kind(key, info.st_mode, error);
    }
    *ret_identity = identity_of(&info, dir_filesystem_id(store, fd, info.st_dev));
    return take_fd(&fd);
}

/* True if the identity of `fd` is still this one. */
static bool unchanged(struct dir_store *store, int fd, const struct file_identity *identity)
{
    struct stat info;
    return fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && identity->inode == info.st_ino &&
           identity->size_bytes == (uint64_t)info.st_size &&
           identity->mtime_ns == dir_time_ns(info.st_mtim) &&
           identity->ctime_ns == dir_time_ns(info.st_ctim) &&
           identity->filesystem == dir_filesystem_id(store, fd, info.st_dev);
}

/* Reads `size` bytes, fewer at the end of the file: bytes read, or a negative errno. */
static ssize_t read_fully(int fd, char *bytes, size_t size, uint64_t offset)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(fd, bytes + done, size - done, (off_t)(offset + done));
        if (n == 0) {
            break;
        }
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return (ssize_t)done;
}

/* Reads what is in the page cache, from the start on: bytes. */
static ssize_t read_cached(int fd, const struct reading *reading)
{
    char *bytes = reading->target->bytes;
    size_t done = 0;
    while (done < reading->size) {
        struct iovec rest = {bytes + done, reading->size - done};
        ssize_t n = preadv2(fd, &rest, 1, (off_t)done, RWF_NOWAIT);
        if (n <= 0) {
            break; /* it would wait, the file system does not support it, or the file was
                    * truncated */
        }
        done += (size_t)n;
    }
    return (ssize_t)done;
}

/* Reads the rest, from the disk; calls `waits` before. */
static ssize_t read_waiting(int fd, const struct reading *reading, size_t done)
{
    const struct store_target *target = reading->target;
    if (target->waits && !*reading->told) {
        *reading->told = true;
        target->waits(target->context);
    }
    return read_fully(fd, (char *)target->bytes + done, reading->size - done, done);
}

/* Reads everything again and compares. 1: all is equal, so these bytes were the object's content
 * at the moment between both reads; 0, or a negative errno. */
static int read_same(int fd, const char *bytes, size_t size)
{
    char chunk[COMPARE_SIZE];
    for (size_t at = 0; at < size;) {
        size_t wanted = size - at < sizeof chunk ? size - at : sizeof chunk;
        ssize_t n = read_fully(fd, chunk, wanted, at);
        if (n < 0) {
            return (int)n;
        }
        if ((size_t)n != wanted || memcmp(chunk, bytes + at, wanted) != 0) {
            return 0;
        }
        at += wanted;
    }
    return 1;
}

static bool is_fresh(const struct file_identity *identity)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return file_identity_times_are_fresh(identity->mtime_ns, identity->ctime_ns, dir_time_ns(now));
}

static int read_once(struct dir_store *store, struct reading *reading, struct error *error)
{
    cleanup_fd int found = find_object(store, reading->key, &reading->identity, error);
    if (found < 0) {
        return found;
    }
    if (reading->identity.size_bytes > reading->target->capacity) {
        return error_set(error, ERROR_TOO_LARGE, "object '%s' has %llu bytes, the limit is %zu",
                         reading->key, (unsigned long long)reading->identity.size_bytes,
                         reading->target->capacity);
    }
    reading->size = (size_t)reading->identity.size_bytes;
    bool fresh = is_fresh(&reading->identity);

    cleanup_fd int fd = dir_open_beneath(store, reading->key, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0) {
        return refuse_open(store, reading->key, fd, error);
    }
    if (reading->size >= READ_AHEAD_SIZE) {
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    ssize_t n = read_cached(fd, reading);
    if (n >= 0 && (size_t)n < reading->size) {
        ssize_t more = read_waiting(fd, reading, (size_t)n);
        n = more < 0 ? more : n + more;
    }
    if (n < 0 && unchanged(store, fd, &reading->identity)) {
        return refuse_open(store, reading->key, (int)n, error);
    }
    int same = 1;
    if (n == (ssize_t)reading->size && fresh) {
        same = read_same(fd, reading->target->bytes, reading->size);
        if (same < 0) {
            return refuse_open(store, reading->key, same, error);
        }
    }
    reading->changed =
        n != (ssize_t)reading->size || same == 0 || !unchanged(store, fd, &reading->identity);
    return 0;
}

static int dir_read(struct store *store, const char *key, const struct store_target *target,
                    size_t *ret_size, struct identity *ret_identity, struct error *error)
{
    bool told = false;
    for (unsigned try = 0; try < READ_TRIES; try++) {
        struct reading reading = {.key = key, .target = target, .told = &told};
        int r = read_once(dir_store(store), &reading, error);
        if (r < 0) {
            return r;
        }
        if (!reading.changed) {
            *ret_size = reading.size;
            *ret_identity = file_identity_pack(&reading.identity);
            return 0;
        }
    }
    return error_set(error, ERROR_CHANGED, "object '%s' changed while it was read, twice", key);
}

static struct object_state state_of(const struct file_identity *identity)
{
    return (struct object_state){.identity = file_identity_pack(identity),
                                 .size_bytes = identity->size_bytes,
                                 .mtime_ns = identity->mtime_ns};
}

/* With O_PATH: follows links that stay within the store. */
static int stat_opened(struct dir_store *store, const char *key, struct object_state *ret_state,
                       struct error *error)
{
    struct file_identity identity;
    cleanup_fd int fd = find_object(store, key, &identity, error);
    if (fd < 0) {
        return fd;
    }
    *ret_state = state_of(&identity);
    return 0;
}

/* Calls fstatat in the directory of the object, without opening the object; for objects in the
 * root that is one system call. 0 or a negative errno. */
static int stat_in_directory(const struct dir_store *store, const char *key, struct stat *ret_info)
{
    char parent[LIMIT_KEY_BYTES + 1];
    cleanup_fd int owned = -1;
    int directory = store->root;
    const char *slash = strrchr(key, '/');
    if (slash) {
        size_t size = (size_t)(slash - key);
        if (size >= sizeof parent) {
            return -ENAMETOOLONG;
        }
        memcpy(parent, key, size);
        parent[size] = '\0';
        owned = dir_open_beneath(store, parent, O_PATH | O_DIRECTORY, 0);
        if (owned < 0) {
            return owned;
        }
        directory = owned;
        key = slash + 1;
    }
    if (strcmp(key, "..") == 0) { /* never in a key; fstatat would leave the root */
        return -EXDEV;
    }
    int r = fstatat(directory, key, ret_info, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
    return r < 0 ? -errno : 0;
}

static int dir_stat(struct store *base, const char *key, struct object_state *ret_state,
                    struct error *error)
{
    struct dir_store *store = dir_store(base);
    struct stat info;
    int r = stat_in_directory(store, key, &info);
    if (r < 0) {
        return refuse_open(store, key, r, error);
    }
    if (S_ISLNK(info.st_mode)) {
        return stat_opened(store, key, ret_state, error);
    }
    if (!S_ISREG(info.st_mode)) {
        return refuse_kind(key, info.st_mode, error);
    }
    uint64_t filesystem = 0;
    bool known = false;
    {
        HOLD(&store->filesystems_lock);
        known = known_filesystem(store, info.st_dev, &filesystem);
    }
    if (!known) {
        return stat_opened(store, key, ret_state, error);
    }
    struct file_identity identity = identity_of(&info, filesystem);
    *ret_state = state_of(&identity);
    return 0;
}

const struct store_backend dir_backend = {
    .name = "dir",
    .noun = "directory",
    .argument = "DIRECTORY",
    .help = "serve a directory tree",
    .settings = (const char *const[]){"path", NULL},
    .check = dir_check,
    .open = dir_open,
    .close = dir_close,
    .list = dir_list,
    .stat = dir_stat,
    .read = dir_read,
    .watch = dir_watch,
    .is_fresh = file_identity_is_fresh,
    .settles_in_ns = file_identity_settles_in_ns,
    .is_same_remounted = file_identity_is_same_remounted,
    .probe = dir_probe,
    .is_same_root = dir_is_same_root,
    .locate = dir_locate,
    .has_failed = dir_has_failed,
    .interrupt = dir_interrupt,
};
