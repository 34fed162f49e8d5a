/* SPDX-License-Identifier: Apache-2.0
 *
 * A store: a named place on the array where objects already live. Objects are only ever read.
 * Calls block and come from lanes (stat, read) and request threads (list); any number of threads
 * may use one store at once.
 *
 * Back ends are behind backend.h: dir/ (a directory tree), mem/ (tests). What situd serves is a
 * place.h: a store of any back end that may go away and come back.
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
        bool flawed;         /* where asked for: too long, up to LIMIT_NAME_BYTES in `key`; with a
                              * `/` at its end a directory that is too deep, or one that cannot be
                              * listed */
        int errnum;          /* why that is (EACCES); else 0 */
        uint64_t size_bytes; /* 0 unless sizes were asked for */
    } * entries;
    size_t count;
    bool more;                      /* another page follows after the last key */
    struct left_out_tally left_out; /* on the way to these keys; at the end, behind them, too */
    void *memory;                   /* owned: keys and entries live here */
};

struct exclusion;
struct store;
struct store_watch;

struct store_list_query {
    const char *prefix; /* "" for all */
    const char *after;  /* keys greater than this only; "" from the start */
    size_t limit;       /* keys a page, at most LIMIT_LIST_PAGE */
    bool images_only;   /* skip and count files with a foreign suffix (.txt, .cr2, .heic...) */
    bool sniff;         /* with images_only: list those that begin as JPEG, PNG or WebP do all the
                         * same (each such file is opened) */
    const struct exclusion *exclusion; /* leave out, and count, what it covers; NULL: nothing. What
                                        * `prefix` names up to its last slash is not looked at */
    bool sizes;                        /* fill size_bytes (one stat an object) */
    bool flawed;   /* give names that cannot be keys, too, in their place, instead of counting
                    * them in left_out.names; `after` may be one. With images_only, one with a
                    * foreign suffix is skipped as any other */
    bool unlisted; /* of these, give the directories that cannot be listed; `after` may be one */
};

/* Where a read goes. */
struct store_target {
    void *bytes;
    size_t capacity;
    /* Told, at most once a reading, before it waits for a disk or may do so; NULL: nobody is. */
    void (*waits)(void *context);
    void *context;
};

/* Whether a store can be served, and what stands there. */
struct store_condition {
    bool available;
    bool filled;         /* something was seen in it, now or earlier */
    bool cleared;        /* a person has said that it is right that nothing is in it */
    bool detached;       /* by a person, not by a fault; not available then */
    char reason[256];    /* why it is not available; "" where it is */
    int64_t since_s;     /* since 1970, UTC: when `available` became what it is; 0: not known */
    uint64_t generation; /* another number, other objects: it counts the roots that were opened */
    uint64_t filesystem; /* of the root, as in identities; 0: none was open yet */
    bool device_only;    /* that is a device's number, which another file system may have at the
                          * next mount */
};

void store_close(struct store *store); /* NULL is fine */

/* The name of its back end. */
const char *store_kind(const struct store *store);

/* As known from the last look. Does not block. */
void store_condition(struct store *store, struct store_condition *ret_condition);
/* After a new look, which may wait for a disk or a network. */
void store_look(struct store *store, struct store_condition *ret_condition);
/* The condition's generation, at the cost of a load: what was read before it is told is of this
 * generation or an earlier one. */
uint64_t store_generation(struct store *store);

/* One page of keys. Sorted by key bytes over whole keys, as S3 lists: a directory takes part as
 * `name/`. Hidden files are listed. Symbolic links are counted, not followed; devices, FIFOs
 * and sockets are left out. A
 * directory that cannot be read is never a silent gap, but for `lost+found`, which belongs to the
 * file system: it is an error (ERROR_UNREADABLE, naming it); or, where flawed names are asked for,
 * it may not be read or is damaged, and it is not the store's root, it is an entry in its own place
 * and nothing in it is listed.
 *
 * Objects may come and go between pages: a key that was there all the time is seen once. While a
 * directory of more than 10,000 names keeps changing, later pages may stem from its state of some
 * seconds ago. A directory so deep that no key in it can be short enough counts as one in
 * `left_out.names`, and is one entry among flawed names. */
must_check int store_list(struct store *store, const struct store_list_query *query,
                          struct store_page *ret_page, struct error *error);
void store_page_done(struct store_page *page);

/* Does not open the object, but for one behind a symbolic link that is its key's last component.
 * `key` is checked (data/key.h). Errors: ERROR_NOT_FOUND (also for links that leave the store: the
 * message says which), ERROR_UNFIT (not a regular file), ERROR_UNREADABLE; ERROR_UNAVAILABLE where
 * situd has no file descriptor left. */
must_check int store_stat(struct store *store, const char *key, struct object_state *ret_state,
                          struct error *error);

/* Reads a whole object. The identity before and after is compared: an object that
 * changed while it was read is read once more, then refused (ERROR_CHANGED). More than the
 * target's capacity: ERROR_TOO_LARGE. */
must_check int store_read(struct store *store, const char *key, const struct store_target *target,
                          size_t *ret_size, struct identity *ret_identity, struct error *error);

/* Watches what lies below a prefix, to learn early that something may have changed there; the
 * listing is the truth, this only saves waiting for it. Begin the watch before the listing, or what
 * comes between is not told. New, removed and renamed names count, changed modes and time stamps,
 * links, and content when what wrote it is closed (a file that is being copied counts when it
 * comes and when it is done); reading does not. A prefix need not be there yet.
 *
 * A directory renamed into place is one change, told at once: what is in it has no events of its
 * own, keeps inodes and times as they were, is in the next listing, and is watched from then on.
 * One that is renamed away is one change, too, and not watched any longer.
 *
 * A tree of more directories than can be watched (LIMIT_WATCHES, or the kernel's max_user_watches),
 * a directory that cannot be read, and file systems that change on other machines, too, are told by
 * *ret_partial: then changes may pass unseen. Where the kernel's queue runs over, the tree is gone
 * through again and nothing is lost but time. ERROR_UNAVAILABLE where the store or the kernel
 * cannot. The watch must be freed before the store. */
must_check int store_watch_new(struct store *store, const char *prefix,
                               struct store_watch **ret_watch, bool *ret_partial,
                               struct error *error);
/* The same for a listing with this exclusion, which must outlive the watch: what it covers is not
 * watched and tells of no change. NULL: nothing. */
must_check int store_watch_new_except(struct store *store, const char *prefix,
                                      const struct exclusion *exclusion,
                                      struct store_watch **ret_watch, bool *ret_partial,
                                      struct error *error);
/* Waits, at most so long (negative: without end): 1 where something may have changed (all that is
 * known of is taken together), 0 where not, -ECANCELED after store_watch_cancel(). Directories that
 * came are watched from then on. A file that is written again and again makes it return each time:
 * whoever lists at each change paces himself. One thread at a time. */
must_check int store_watch_wait(struct store_watch *watch, int64_t timeout_ms);
/* As *ret_partial, as of now: more directories may have come. Any thread. */
bool store_watch_is_partial(const struct store_watch *watch);
void store_watch_cancel(struct store_watch *watch); /* any thread: the waiting one comes back */
void store_watch_free(struct store_watch *watch);   /* NULL is fine */

/* True where the object changed so shortly before `now_ns` (CLOCK_REALTIME) that another change may
 * leave its identity as it is: time stamps move in ticks of the kernel's clock. Nothing should be
 * remembered under such an identity. A clock that went backwards makes it fresh, too; a time stamp
 * that is far ahead does not, for it may stay so for years, and a change would set it to now. */
bool store_is_fresh(const struct store *store, const struct identity *identity, int64_t now_ns);

/* How long it takes from `now_ns` on until the object counts as settled, where nothing changes it
 * meanwhile: half a second without a change (2 s where time stamps are whole seconds), for who
 * copies a file writes it in pieces. 0: it has settled. A time stamp that is ahead tells nothing of
 * that. */
int64_t store_settles_in_ns(const struct store *store, const struct identity *identity,
                            int64_t now_ns);

/* True where both are of one object that did not change, though its file system may have got
 * another number since (struct store_condition, device_only). */
bool store_is_same_remounted(const struct store *store, const struct identity *before,
                             const struct identity *now);

#endif
