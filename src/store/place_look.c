/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking at a place's path, every few seconds on a thread of its own, and at once on the thread of
 * a call whose root seems to be gone. The root's device, inode and mount say whether it is the one
 * that is open: as long as that is open, no other has all three.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/dir/dir.h"
#include "store/place_parts.h"

/* A root is listed from memory after its device is gone, and after its file system was shut down
 * for that; to make it last is not possible then. 0, or an errno. */
static int ask_device(int fd)
{
    int errnum = fsync(fd) < 0 ? errno : 0;
    return dir_is_device_failure(-errnum) ? errnum : 0;
}

/* What a look has found. */
struct sight {
    int fd; /* owned; -1 where `reason` says why it cannot be served */
    struct place_root root;
    bool empty;
    char reason[256];
};

static bool refuse(struct sight *sight, const char *what, int errnum)
{
    char text[128];
    if (errnum == ENOENT || errnum == ENOTDIR) {
        (void)snprintf(sight->reason, sizeof sight->reason, "its directory is not there");
    } else {
        (void)snprintf(sight->reason, sizeof sight->reason, "its directory cannot be %s: %s", what,
                       error_text(errnum, text, sizeof text));
    }
    if (sight->fd >= 0) {
        (void)close(take_fd(&sight->fd));
    }
    return false;
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

/* The directory that a fresh file system has does not count. */
static bool counts(const char *name)
{
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, "lost+found") != 0;
}

/* 0, or an errno. A stream of its own: that of `fd` stays at its start. */
static int find_entry(int fd, bool *ret_empty)
{
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = again >= 0 ? fdopendir(again) : NULL;
    if (!directory) {
        int errnum = errno;
        if (again >= 0) {
            (void)close(again);
        }
        return errnum;
    }
    const struct dirent *entry = NULL;
    do {
        errno = 0;
        entry = readdir(directory); /* NOLINT(concurrency-mt-unsafe): its own stream */
    } while (entry && !counts(entry->d_name));
    int errnum = entry ? 0 : errno;
    *ret_empty = !entry;
    (void)closedir(directory);
    return errnum;
}

/* True: there is a directory that can be read. `device`: and its device answers. */
static bool see(const char *path, bool device, struct sight *sight)
{
    struct stat info;
    *sight = (struct sight){.fd = -1};
    sight->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (sight->fd < 0 || fstat(sight->fd, &info) < 0) {
        return refuse(sight, "opened", errno);
    }
    if (faccessat(sight->fd, ".", X_OK, AT_EACCESS) < 0) {
        return refuse(sight, "searched", errno);
    }
    int errnum = find_entry(sight->fd, &sight->empty);
    if (errnum == 0 && device) {
        errnum = ask_device(sight->fd);
    }
    if (errnum != 0) {
        return refuse(sight, "read", errnum);
    }
    sight->root = (struct place_root){
        .device = info.st_dev, .inode = info.st_ino, .mount = mount_of(sight->fd)};
    return true;
}

/* ---- what follows from it ---- */

/* Whether the root that is open is what was seen. Only looks open roots, and they come one by one,
 * so that it stays so, unless somebody detaches the store. */
static bool is_open(struct place *place, const struct sight *sight)
{
    (void)pthread_mutex_lock(&place->lock);
    struct opened *opened = place->opened;
    if (opened) {
        opened->references++;
    }
    (void)pthread_mutex_unlock(&place->lock);
    if (!opened) {
        return false;
    }
    bool same = opened->root.device == sight->root.device &&
                opened->root.inode == sight->root.inode &&
                opened->root.mount == sight->root.mount && dir_check_root(opened->store) == 0;
    place_leave(place, opened);
    return same;
}

/* Opens what was seen: takes the descriptor over. NULL: `reason` says why not. */
static struct opened *open_seen(const struct place *place, struct sight *sight)
{
    struct error error = {.code = ERROR_NONE};
    struct opened *opened = calloc(1, sizeof *opened);
    if (!opened || dir_open_root(sight->fd, place->path, &opened->store, &error) < 0) {
        free(opened);
        (void)close(take_fd(&sight->fd));
        (void)snprintf(sight->reason, sizeof sight->reason, "its directory cannot be opened%s",
                       error.code == ERROR_UNAVAILABLE
                           ? ": this needs the system call openat2 (Linux 5.6)"
                           : "");
        return NULL;
    }
    sight->fd = -1;
    opened->references = 1;
    opened->root = sight->root;
    dir_root_filesystem(opened->store, &opened->filesystem, &opened->device_only);
    return opened;
}

/* The lock is held. Puts `fresh` (or nothing, for the reason) in the place of what was open, which
 * is given back. */
static struct opened *replace(struct place *place, struct opened *fresh, const char *reason,
                              bool *ret_news)
{
    struct opened *old = place_drop(place);
    place->opened = fresh;
    if (fresh) {
        place->condition.filesystem = fresh->filesystem;
        place->condition.device_only = fresh->device_only;
        atomic_fetch_add(&place->generation, 1);
    }
    bool news = place_set_condition(place, fresh != NULL, reason);
    *ret_news = *ret_news || news || fresh;
    return old;
}

/* The lock is held. What was seen counts: the root that is to go is given back. */
static struct opened *take_in(struct place *place, struct sight *sight, struct opened *fresh,
                              bool *ret_news)
{
    place->open_roots += fresh ? 1 : 0;
    if (place->condition.detached) {
        return fresh;
    }
    bool fills = sight->reason[0] == '\0' && !sight->empty && !place->filled;
    place->filled = place->filled || fills;
    place->condition.cleared = place->condition.cleared && !place->filled;
    *ret_news = fills;
    if (fresh || sight->reason[0] != '\0') {
        return replace(place, fresh, sight->reason, ret_news);
    }
    return NULL;
}

/* Where there is doubt, and before a root is opened: so one that is dead does not come back. */
static bool asks_device(struct place *place)
{
    HOLD(&place->lock);
    bool asks = place->doubted || !place->opened;
    place->doubted = false;
    return asks;
}

/* It is this thread's turn to look. */
static void look(struct place *place)
{
    struct sight sight;
    struct opened *fresh = NULL;
    bool news = false;
    bool seen = see(place->path, asks_device(place), &sight);
    if (seen && sight.empty && place_is_filled(&place->base)) {
        (void)snprintf(sight.reason, sizeof sight.reason,
                       "it is empty, and was not: is its file system mounted? If it is to be "
                       "empty: `situ store attach --empty %s`",
                       place->name);
    } else if (seen && !is_open(place, &sight)) {
        fresh = open_seen(place, &sight);
    }
    (void)pthread_mutex_lock(&place->lock);
    struct opened *old = take_in(place, &sight, fresh, &news);
    (void)pthread_mutex_unlock(&place->lock);
    if (sight.fd >= 0) {
        (void)close(sight.fd);
    }
    if (old) {
        place_leave(place, old);
    }
    if (news) {
        place_tell_changed(place);
    }
}

/* True: nobody else looks meanwhile. */
static bool begin_look(struct place *place)
{
    int64_t until_ns = clock_now_ns() + PLACE_HUNG_MS * NS_PER_MS;
    HOLD(&place->lock);
    while (place->looking) {
        if (place_wait(place, until_ns) == -ETIMEDOUT) {
            return false;
        }
    }
    if (place->condition.detached) {
        return false;
    }
    place->looking = true;
    place->look_began_ns = clock_now_ns();
    return true;
}

void place_look(struct place *place)
{
    if (!begin_look(place)) {
        return;
    }
    look(place);
    HOLD(&place->lock);
    place->looking = false;
    place->looks++;
    (void)pthread_cond_broadcast(&place->news);
}

/* Waits for the next look, or the retirement, where that comes first. Lock held. */
static void wait_for_turn(struct place *place)
{
    int64_t look_ns = clock_now_ns() + place->look_ms * NS_PER_MS;
    bool over = false;
    while (!place->stopping && !place->wanted && !over) {
        bool retires = place->retire_ns > 0 && place->retire_ns < look_ns;
        over = place_wait(place, retires ? place->retire_ns : look_ns) == -ETIMEDOUT;
    }
}

void *place_thread(void *context)
{
    struct place *place = context;
    (void)pthread_mutex_lock(&place->lock);
    while (!place->stopping) {
        bool retires = place->retire_ns > 0 && place->retire_ns <= clock_now_ns();
        place->retire_ns = retires ? 0 : place->retire_ns;
        place->wanted = false;
        (void)pthread_mutex_unlock(&place->lock);
        if (retires) {
            (void)!place_detach(&place->base, NULL);
        } else {
            place_look(place);
        }
        (void)pthread_mutex_lock(&place->lock);
        wait_for_turn(place);
    }
    place->thread_over = true;
    (void)pthread_cond_broadcast(&place->news);
    (void)pthread_mutex_unlock(&place->lock);
    return NULL;
}
