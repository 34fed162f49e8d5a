/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of known objects: which keys existed at the last listing, with what identity, and with
 * what outcome. Everything that must notice new, changed and deleted objects (standing jobs,
 * indexes) has a table of its own, in a directory of its own. A crash leaves the last commit,
 * whole.
 *
 * Any thread may read; one thread at a time writes. Values have a checksum, since LMDB has none,
 * and the data file is checked before it is mapped. A damaged table is ERROR_MALFORMED at
 * known_open, for its owner to decide (a standing job starts its pass with an empty one).
 */
#ifndef SITU_KNOWN_KNOWN_H
#define SITU_KNOWN_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "data/identity.h"

enum known_state { KNOWN_GOOD = 1, KNOWN_FAILED = 2 };

struct known_object {
    struct identity identity;
    enum known_state state;
    bool trusted;       /* false: changed so shortly before it was read that another change may not
                         * show: to be checked again */
    uint64_t slot;      /* the owner's own: an index's row */
    uint8_t digest[32]; /* of the content; zeros where it is not known */
};

struct known;

/* Creates the directory where it is absent (not its parents). `limit_bytes` bounds the data file
 * (0: 16 GiB of address space; the file grows with its content). Reads the whole file once.
 * ERROR_CONFLICT (it is open, in this process or another), ERROR_MALFORMED (damaged, or of a newer
 * format), ERROR_IO, ERROR_NO_SPACE, ERROR_MEMORY. */
must_check int known_open(const char *directory, uint64_t limit_bytes, struct known **ret_known,
                          struct error *error);
/* Batches and walks must be freed before. NULL is fine. */
void known_close(struct known *known);

/* For tests: removes a table's files, damaged or not, and its directory, where that is empty then.
 * None there is fine. ERROR_CONFLICT where it is open, ERROR_IO. */
must_check int known_remove(const char *directory, struct error *error);

/* Changes gather in a batch and become visible, and durable, together. `note` (up to 256 bytes, the
 * owner's: its progress) is replaced with the same commit; NULL leaves it. An empty batch with a
 * note is fine. A batch that fails leaves the table unchanged (ERROR_NO_SPACE where the disk is
 * full or the table's limit reached, ERROR_IO), and may be committed again; one that was committed
 * is empty and may be filled again. Keys are any 1 to 1,024 bytes but NUL; otherwise, or with an
 * invalid state, -EINVAL. Of several changes of one key the last one counts; removing a key that is
 * not there is fine.
 *
 * A commit costs one fsync. It outlives the process, however that ends; a power cut may undo the
 * last commit, as a whole, until the next one or known_close(). */
struct known_batch;
must_check int known_batch_new(struct known *known, struct known_batch **ret_batch);
must_check int known_batch_put(struct known_batch *batch, const char *key,
                               const struct known_object *object);
must_check int known_batch_remove(struct known_batch *batch, const char *key);
size_t known_batch_size(const struct known_batch *batch); /* changes in it */
must_check int known_batch_commit(struct known_batch *batch, const void *note, size_t note_size,
                                  struct error *error);
void known_batch_free(struct known_batch *batch); /* NULL is fine; discards what is not committed */

/* *ret_found: whether the key is there (an invalid key is not); then *ret_object is filled.
 * ERROR_MALFORMED where the file was damaged while it was open. */
must_check int known_get(struct known *known, const char *key, bool *ret_found,
                         struct known_object *ret_object, struct error *error);
/* Up to `capacity` bytes; *ret_size 0 where there is none. */
must_check int known_note(struct known *known, void *note, size_t capacity, size_t *ret_size,
                          struct error *error);
/* For tests: objects as of the last commit. */
uint64_t known_count(struct known *known);

/* A walk in order of key bytes over keys that begin with `prefix` and are greater than `after` (""
 * from the start; any bytes, and of any length). It sees the table as it was when the walk started
 * (a long one is renewed every few thousand keys, and then sees later commits). The thread that
 * walks may commit batches meanwhile. */
struct known_walk;
must_check int known_walk_new(struct known *known, const char *prefix, const char *after,
                              struct known_walk **ret_walk, struct error *error);
/* 1 and the next (the key borrowed until the next call), 0 at the end, or a negative errno. */
must_check int known_walk_next(struct known_walk *walk, const char **ret_key,
                               struct known_object *ret_object, struct error *error);
void known_walk_free(struct known_walk *walk); /* NULL is fine */

#endif
