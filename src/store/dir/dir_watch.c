/* SPDX-License-Identifier: Apache-2.0
 *
 * Watches a directory tree by inotify: the directories below the prefix and those above it,
 * whether the prefix exists or is created later. Each is opened beneath the root and passed to
 * the kernel by its descriptor (/proc/self/fd), so nothing outside is ever watched. A directory
 * is watched before it is read, so that nothing added to it is missed.
 *
 * Events are those that change a listing or an object's identity; content counts when the writer
 * closes the file. One thread waits; any thread may cancel.
 */
#include "store/dir/dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/clock.h"
#include "store/dir/watched.h"
#include "store/exclusion.h"
#include "store/watch.h"

enum {
    EVENTS_SIZE = 16 << 10,
    READS_MAX = 64, /* at once, so that a storm of events ends */
    PATH_ROOM = LIMIT_KEY_BYTES + NAME_MAX + 2,
    EVENTS = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ATTRIB,
};

/* A directory to be watched. */
struct waiting {
    struct waiting *next;
    char path[];
};

struct dir_watch {
    struct store_watch base;
    struct dir_store *store; /* borrowed */
    int inotify;             /* owned */
    int wake;                /* owned; an eventfd */
    atomic_bool cancelled;
    atomic_bool partial;
    struct watched watched;
    struct waiting *waiting; /* owned */
    size_t waiting_count;
    size_t waiting_bytes;
    char prefix[LIMIT_KEY_BYTES + 1];
    size_t prefix_directory;           /* bytes of it up to and with its last slash */
    const struct exclusion *exclusion; /* borrowed; NULL: none */
    _Alignas(struct inotify_event) char events[EVENTS_SIZE];
};

static struct dir_watch *dir_watch_of(struct store_watch *watch)
{
    return (struct dir_watch *)(void *)watch;
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* `path` is below the directory of the prefix; a directory's ends in a slash. */
static bool is_excluded(const struct dir_watch *watch, const char *path, bool directory)
{
    char key[PATH_ROOM];
    size_t size = strlen(path);
    if (!watch->exclusion || size <= watch->prefix_directory || size >= sizeof key) {
        return false;
    }
    memcpy(key, path, size + 1);
    key[directory ? size - 1 : size] = '\0';
    return exclusion_covers(watch->exclusion, key, directory);
}

/* Below the prefix and not excluded, or a directory (with its slash) above it. */
static bool is_of_interest(const struct dir_watch *watch, const char *path, bool directory)
{
    if (is_excluded(watch, path, directory)) {
        return false;
    }
    return starts_with(path, watch->prefix) || (directory && starts_with(watch->prefix, path));
}

static void see_partly(struct dir_watch *watch)
{
    atomic_store(&watch->partial, true);
}

/* Queues a directory, if there is room. */
static void push(struct dir_watch *watch, const char *path)
{
    size_t size = strlen(path) + 1;
    if (watch->watched.count + watch->waiting_count >= watch->store->watches_max ||
        watch->watched.path_bytes + watch->waiting_bytes + size > LIMIT_WATCH_BYTES) {
        see_partly(watch);
        return;
    }
    struct waiting *waiting = malloc(sizeof *waiting + size);
    if (!waiting) {
        see_partly(watch);
        return;
    }
    waiting->next = watch->waiting;
    memcpy(waiting->path, path, size);
    watch->waiting = waiting;
    watch->waiting_count++;
    watch->waiting_bytes += size;
}

static struct waiting *pop(struct dir_watch *watch)
{
    struct waiting *waiting = watch->waiting;
    watch->waiting = waiting->next;
    watch->waiting_count--;
    watch->waiting_bytes -= strlen(waiting->path) + 1;
    return waiting;
}

static bool is_directory(int directory, const struct dirent *entry)
{
    struct stat info;
    if (entry->d_type != DT_UNKNOWN) {
        return entry->d_type == DT_DIR;
    }
    return fstatat(directory, entry->d_name, &info, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0 &&
           S_ISDIR(info.st_mode);
}

/* NULL at the end, with errno 0. */
static const struct dirent *next_entry(DIR *directory)
{
    errno = 0;
    return readdir(directory); /* NOLINT(concurrency-mt-unsafe): its own stream */
}

/* Queues the subdirectories of one that is watched now; takes ownership of `fd`. */
static void push_children(struct dir_watch *watch, int fd, const char *path)
{
    char child[PATH_ROOM];
    DIR *directory = fdopendir(fd);
    if (!directory) {
        (void)close(fd);
        see_partly(watch);
        return;
    }
    const struct dirent *entry = NULL;
    while ((entry = next_entry(directory))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            !is_directory(fd, entry)) {
            continue;
        }
        int size = snprintf(child, sizeof child, "%s%s/", path, entry->d_name);
        /* A deeper one has no keys. */
        if (size > 0 && (size_t)size < LIMIT_KEY_BYTES && is_of_interest(watch, child, true)) {
            push(watch, child);
        }
    }
    if (errno != 0 && errno != ENOENT) {
        see_partly(watch);
    }
    (void)closedir(directory);
}

/* Watches one directory and queues its subdirectories. 0 also if it is gone, or is a lost+found
 * without permission; otherwise a negative errno. */
static int take_in(struct dir_watch *watch, const char *path)
{
    char name[64];
    cleanup_fd int fd = dir_open_beneath(watch->store, path[0] == '\0' ? "." : path,
                                         O_RDONLY | O_DIRECTORY | O_NONBLOCK, RESOLVE_NO_SYMLINKS);
    if (dir_is_gone(fd) || (fd == -EACCES && dir_is_lost_and_found(path))) {
        return 0;
    }
    if (fd < 0) {
        return fd;
    }
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    int number = inotify_add_watch(watch->inotify, name, EVENTS | IN_ONLYDIR | IN_EXCL_UNLINK);
    if (number < 0) {
        return -errno;
    }
    int r = watched_set(&watch->watched, number, path);
    if (r < 0) {
        return r;
    }
    push_children(watch, take_fd(&fd), path);
    return 0;
}

/* Watches what is queued, and all below. */
static void take_in_waiting(struct dir_watch *watch)
{
    while (watch->waiting) {
        struct waiting *waiting = pop(watch);
        if (!atomic_load(&watch->cancelled) && !atomic_load(&watch->store->closing) &&
            take_in(watch, waiting->path) < 0) {
            see_partly(watch);
        }
        free(waiting);
    }
}

/* Watches a directory and all below. */
static void take_in_tree(struct dir_watch *watch, const char *path)
{
    push(watch, path);
    take_in_waiting(watch);
}

/* True for file systems that change on other machines, too, or without the kernel: then there
 * are no events. */
static bool changes_elsewhere(int fd)
{
    static const uint32_t kinds[] = {
        NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC,       CIFS_SUPER_MAGIC,
        SMB2_SUPER_MAGIC, CEPH_SUPER_MAGIC,      FUSE_SUPER_MAGIC,
        V9FS_MAGIC,       AFS_SUPER_MAGIC,       OCFS2_SUPER_MAGIC,
        CODA_SUPER_MAGIC, 0x01161970 /* GFS2 */, 0x0bd00bd0 /* Lustre */};
    struct statfs info;
    if (fstatfs(fd, &info) < 0) {
        return true;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if ((uint32_t)info.f_type == kinds[i]) {
            return true;
        }
    }
    return false;
}

/* A new instance that watches the root, with its subdirectories queued. A negative errno. */
static int begin(struct dir_watch *watch)
{
    watch->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    atomic_store(&watch->partial, watch->inotify < 0 || changes_elsewhere(watch->store->root));
    int r = watch->inotify < 0 ? -errno : take_in(watch, "");
    if (r < 0) {
        see_partly(watch);
    }
    return r;
}

static void end(struct dir_watch *watch)
{
    while (watch->waiting) {
        free(pop(watch));
    }
    watched_done(&watch->watched);
    if (watch->inotify >= 0) {
        (void)close(take_fd(&watch->inotify));
    }
}

/* ---- events ---- */

static void stop_watching(void *context, int number)
{
    const struct dir_watch *watch = context;
    (void)inotify_rm_watch(watch->inotify, number);
}

/* A directory was added, removed or replaced. */
static void follow_directory(struct dir_watch *watch, const char *path, uint32_t mask)
{
    if (mask & (IN_MOVED_FROM | IN_DELETE)) {
        watched_remove_below(&watch->watched, path, stop_watching, watch);
    } else if (strlen(path) < LIMIT_KEY_BYTES &&
               (mask & IN_MOVED_TO || !watched_has(&watch->watched, path))) {
        take_in_tree(watch, path);
    }
}

/* True: something may have changed below the prefix. */
static bool take_event(struct dir_watch *watch, const struct inotify_event *event)
{
    char path[PATH_ROOM];
    bool directory = (event->mask & IN_ISDIR) != 0;
    const char *parent = watched_find(&watch->watched, event->wd);
    if (!parent) {
        return false;
    }
    if (event->mask & (IN_IGNORED | IN_UNMOUNT)) {
        bool is_root = parent[0] == '\0';
        if (is_root) {
            see_partly(watch);
        }
        watched_remove(&watch->watched, event->wd);
        return is_root || (event->mask & IN_UNMOUNT) != 0;
    }
    if (event->len == 0) {
        return is_of_interest(watch, parent, true); /* a change of the directory's mode */
    }
    int size = snprintf(path, sizeof path, "%s%s%s", parent, event->name, directory ? "/" : "");
    if (size < 0 || (size_t)size >= sizeof path) {
        return true;
    }
    if (!is_of_interest(watch, path, directory)) {
        return false;
    }
    if (directory) {
        follow_directory(watch, path, event->mask);
    }
    return true;
}

/* Takes all pending events. 1: something may have changed; 0; or a negative errno. */
static int take_events(struct dir_watch *watch)
{
    bool changed = false;
    for (unsigned reads = 0; reads < READS_MAX; reads++) {
        ssize_t n = read(watch->inotify, watch->events, sizeof watch->events);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno != EAGAIN) {
            return -errno;
        }
        if (n <= 0) {
            break;
        }
        for (const char *at = watch->events; at < watch->events + n;) {
            const struct inotify_event *event = (const void *)at;
            if (event->mask & IN_Q_OVERFLOW) { /* events were lost: start again */
                end(watch);
                (void)begin(watch);
                take_in_waiting(watch);
                return 1;
            }
            changed |= take_event(watch, event);
            at += sizeof *event + event->len;
        }
    }
    return changed ? 1 : 0;
}

/* Milliseconds for poll() until the deadline, rounded up; INT64_MAX: no deadline. */
static int time_left(int64_t deadline_ns)
{
    int64_t left_ms = (deadline_ns - clock_now_ns() + NS_PER_MS - 1) / NS_PER_MS;
    if (deadline_ns == INT64_MAX || left_ms > 60000) {
        return 60000;
    }
    return left_ms > 0 ? (int)left_ms : 0;
}

static int dir_watch_wait(struct store_watch *base, int64_t timeout_ms)
{
    struct dir_watch *watch = dir_watch_of(base);
    int64_t deadline_ns = INT64_MAX;
    if (timeout_ms >= 0 && timeout_ms < INT64_MAX / NS_PER_MS / 4) {
        deadline_ns = clock_now_ns() + timeout_ms * NS_PER_MS;
    }
    for (;;) {
        struct pollfd waits[] = {{.fd = watch->inotify, .events = POLLIN},
                                 {.fd = watch->wake, .events = POLLIN}};
        int left_ms = time_left(deadline_ns);
        int ready = poll(waits, 2, left_ms);
        if (ready < 0 && errno != EINTR) {
            return -errno;
        }
        int r = ready > 0 && waits[0].revents != 0 ? take_events(watch) : 0;
        if (atomic_load(&watch->cancelled)) {
            return -ECANCELED;
        }
        if (r != 0) {
            return r;
        }
        if (ready <= 0 && left_ms == 0) {
            return 0;
        }
    }
}

static bool dir_watch_is_partial(const struct store_watch *base)
{
    const struct dir_watch *watch = (const void *)base;
    return atomic_load(&watch->partial);
}

static void dir_watch_cancel(struct store_watch *base)
{
    struct dir_watch *watch = dir_watch_of(base);
    atomic_store(&watch->cancelled, true);
    (void)eventfd_write(watch->wake, 1);
}

static void dir_watch_free(struct store_watch *base)
{
    struct dir_watch *watch = dir_watch_of(base);
    end(watch);
    if (watch->wake >= 0) {
        (void)close(watch->wake);
    }
    free(watch);
}

static const struct store_watch_ops dir_watch_ops = {
    .wait = dir_watch_wait,
    .is_partial = dir_watch_is_partial,
    .cancel = dir_watch_cancel,
    .free = dir_watch_free,
};

int dir_watch(struct store *store, const char *prefix, const struct exclusion *exclusion,
              struct store_watch **ret_watch, struct error *error)
{
    char text[128];
    struct dir_watch *watch = calloc(1, sizeof *watch);
    if (!watch) {
        return error_memory(error, "a watch");
    }
    watch->base.ops = &dir_watch_ops;
    watch->store = dir_store(store);
    (void)snprintf(watch->prefix, sizeof watch->prefix, "%s", prefix);
    const char *slash = strrchr(watch->prefix, '/');
    watch->prefix_directory = slash ? (size_t)(slash - watch->prefix) + 1 : 0;
    watch->exclusion = exclusion;
    watch->inotify = -1;
    watch->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int r = watch->wake < 0 ? -errno : begin(watch);
    if (r < 0 && r != -ENOSPC) {
        dir_watch_free(&watch->base);
        return error_set(error, ERROR_UNAVAILABLE, "the store cannot be watched: %s",
                         error_text(r, text, sizeof text));
    }
    take_in_waiting(watch);
    *ret_watch = &watch->base;
    return 0;
}
