/* SPDX-License-Identifier: Apache-2.0
 *
 * A store: a named place on the storage node where objects are. Objects are only read, never
 * written. Calls block and come from lanes (stat, read) and request threads (list); any number of
 * threads may use one store at once.
 *
 * backend.h is what a back end implements: dir/ (a directory tree), mem/ (tests). situd serves
 * places (place.h): stores of any back end that may go away and come back.
 */
#ifndef SITU_STORE_STORE_H
#define SITU_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/limits.h"
#include "data/identity.h"
#include "store/left_out.h"

/* An object as it is now. */
struct object_state {
    struct identity identity;
    uint64_t size_bytes;
    int64_t mtime_ns; /* since 1970, UTC */
};

/* One page of a listing, in order of key bytes. */
struct store_page {
    struct store_entry {
        const char *key;     /* borrowed from the page; NUL-terminated, any bytes */
        bool flawed;         /* only if asked for: a name that is too long to be a key, up to
                              * LIMIT_NAME_BYTES; if it ends in `/`, a directory that is too deep or
                              * cannot be listed */
        int errnum;          /* why it cannot be listed (EACCES), otherwise 0 */
        uint64_t size_bytes; /* 0 unless sizes were asked for */
    } * entries;
    size_t count;
    bool more;                      /* another page follows after the last key */
    struct left_out_tally left_out; /* before these keys; on the last page, after them, too */
    void *memory;                   /* owned: keys and entries */
};

struct exclusion;
struct store;
struct store_watch;

struct store_list_query {
    const char *prefix; /* "" for all */
    const char *after;  /* only keys greater than this; "" from the start */
    size_t limit;       /* keys a page, at most LIMIT_LIST_PAGE */
    bool images_only;   /* skip and count files with a foreign suffix (.txt, .cr2, .heic...) */
    bool sniff;         /* with images_only: list those that begin as one of format_facts.h
                         * nevertheless (each such file is opened) */
    const struct exclusion *exclusion; /* skip and count what it covers; NULL: nothing. The part of
                                        * `prefix` up to its last slash is not matched */
    bool sizes;                        /* fill size_bytes (one stat per object) */
    bool flawed;   /* list names that cannot be keys, in order, instead of counting them in
                    * left_out.names; `after` may be one. With images_only, those with a foreign
                    * suffix are skipped like all others */
    bool unlisted; /* of these, only the directories that cannot be listed; `after` may be one */
};

/* Where a read goes. */
struct store_target {
    void *bytes;
    size_t capacity;
    /* Called, at most once per read, before it waits or may wait for a disk. May be NULL. */
    void (*waits)(void *context);
    void *context;
};

/* Whether a store can be served, and what is there. */
struct store_condition {
    bool available;
    bool filled;         /* objects were seen in it, now or earlier */
    bool cleared;        /* an operator confirmed that it is empty on purpose */
    bool detached;       /* by an operator, not by a fault; then it is not available */
    char reason[256];    /* why it is not available; "" if it is */
    int64_t since_s;     /* since 1970, UTC: last change of `available`; 0: not known */
    uint64_t generation; /* counts the roots that were opened: if it differs, so may all objects */
    uint64_t filesystem; /* of the root, as in identities; 0: no root was opened yet */
    bool device_only;    /* `filesystem` is only a device number, which another file system may
                          * have at the next mount */
};

void store_close(struct store *store); /* NULL is fine */

/* The name of its back end. */
const char *store_kind(const struct store *store);

/* As of the last look. Does not block. */
void store_condition(struct store *store, struct store_condition *ret_condition);
/* Looks again first, which may wait for a disk or a network. */
void store_look(struct store *store, struct store_condition *ret_condition);
/* The condition's generation, at the cost of one atomic load. What was read before this call is of
 * this generation or an earlier one. */
uint64_t store_generation(struct store *store);

/* One page of keys, sorted by the bytes of whole keys as S3 does: a directory sorts as `name/`.
 * Hidden files are listed. Symbolic links are counted, not followed; devices, FIFOs and sockets are
 * skipped.
 *
 * A directory that cannot be read is an error (ERROR_UNREADABLE, naming it), except `lost+found`,
 * which belongs to the file system. If flawed or unlisted names are asked for, a directory for
 * which permission is missing or that is damaged, other than the store's root, is an entry instead,
 * and nothing in it is listed.
 *
 * Objects may be added and removed between pages; a key that exists throughout is listed once.
 * While a directory of more than 10,000 names keeps changing, later pages may show its state of
 * some seconds ago. A directory so deep that no key in it is short enough counts as one in
 * `left_out.names`, and is one entry among flawed names. */
must_check int store_list(struct store *store, const struct store_list_query *query,
                          struct store_page *ret_page, struct error *error);
void store_page_done(struct store_page *page);

/* Does not open the object, unless the last component of its key is a symbolic link. `key` was
 * checked (data/key.h). Errors: ERROR_NOT_FOUND (also for links that lead out of the store: see the
 * message), ERROR_UNFIT (not a regular file), ERROR_UNREADABLE, ERROR_UNAVAILABLE (situd has no
 * file descriptor left). */
must_check int store_stat(struct store *store, const char *key, struct object_state *ret_state,
                          struct error *error);

/* Refuses an object whose existence is kept secret, as one that is not in the store, and takes
 * about as long. ERROR_NOT_FOUND, or ERROR_UNAVAILABLE where the whole store is. */
must_check int store_hide(struct store *store, const char *key, struct error *error);

/* Reads a whole object, and compares its identity before and after: an object that changed
 * meanwhile is read once more, then ERROR_CHANGED. ERROR_TOO_LARGE: more than the target's
 * capacity. */
must_check int store_read(struct store *store, const char *key, const struct store_target *target,
                          size_t *ret_size, struct identity *ret_identity, struct error *error);

/* Watches for changes below a prefix. Only the listing is authoritative; a watch saves polling it.
 * Start the watch before the listing, or changes in between are missed. Events are: names that are
 * added, removed or renamed; changed modes and time stamps; links; and content when the writer
 * closes the file (a file that is being copied counts twice, when it appears and when it is
 * complete). Reads are no events. The prefix need not exist yet.
 *
 * A directory that is renamed into place is one event: its content has no events of its own, keeps
 * inodes and times, is in the next listing and is watched from then on. One that is renamed away is
 * one event, too, and is no longer watched.
 *
 * *ret_partial is true where changes may be missed: more directories than can be watched
 * (LIMIT_WATCHES, or the kernel's max_user_watches), a directory that cannot be read, or a file
 * system that changes on other machines, too. If the kernel's queue overflows, the tree is walked
 * again; nothing is missed. ERROR_UNAVAILABLE: the store or the kernel does not support it. Free
 * the watch before the store. What the exclusion covers is not watched; it must outlive the watch.
 * NULL: nothing. */
must_check int store_watch_new(struct store *store, const char *prefix,
                               const struct exclusion *exclusion, struct store_watch **ret_watch,
                               bool *ret_partial, struct error *error);
/* Waits for a change (negative: without time limit). 1: something may have changed; all pending
 * events are taken together. 0: time is over. -ECANCELED after store_watch_cancel(). New
 * directories are watched from then on. It returns each time a file is written: callers limit how
 * often they list. One thread at a time. */
must_check int store_watch_wait(struct store_watch *watch, int64_t timeout_ms);
/* *ret_partial as of now: there may be more directories. Any thread. */
bool store_watch_is_partial(const struct store_watch *watch);
void store_watch_cancel(struct store_watch *watch); /* any thread: store_watch_wait() returns */
void store_watch_free(struct store_watch *watch);   /* NULL is fine */

/* True if the object changed so shortly before `now_ns` (CLOCK_REALTIME) that another change may
 * leave its identity the same, since time stamps have the resolution of the kernel's tick. Do not
 * store anything under such an identity. Also true after the clock went backwards; false for a time
 * stamp far in the future, which may stay so for years, while a change would set it to now. */
bool store_is_fresh(const struct store *store, const struct identity *identity, int64_t now_ns);

/* The time from `now_ns` on until the object counts as settled if it does not change again: half a
 * second after its last change (2 s where time stamps are whole seconds), because copies are
 * written in pieces. 0: it is settled. Time stamps in the future are ignored. */
int64_t store_settles_in_ns(const struct store *store, const struct identity *identity,
                            int64_t now_ns);

/* True if both are of one object that did not change, even if its file system has another number
 * now (device_only in struct store_condition). */
bool store_is_same_remounted(const struct store *store, const struct identity *before,
                             const struct identity *now);

#endif
