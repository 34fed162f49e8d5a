/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of known objects: which keys were there when somebody last looked, with what identity,
 * and what became of them. Under everything that must see new, changed and deleted objects
 * (standing jobs, indexes), each with a table of its own in a directory of its own. LMDB: a commit
 * is the only commit point, a crash leaves the last one, whole.
 *
 * Any thread may read; one thread at a time writes. Values carry a checksum, LMDB has none; the
 * data file is looked at before it is mapped, and a table that is damaged is ERROR_MALFORMED at
 * known_open, for its owner to decide (a standing job begins its pass with an empty one).
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
                         * show: to be looked at again */
    uint64_t slot;      /* the owner's own: an index's row */
    uint8_t digest[32]; /* of the content; zeros where it is not known */
};

struct known;

/* Makes the directory where it is absent (not its parents). `limit_bytes` bounds the data file (0:
 * 16 GiB of address space; the file grows with its content). Reads the whole file once.
 * ERROR_CONFLICT (somebody has it open, in this process or another), ERROR_MALFORMED (damaged, or
 * of a newer format), ERROR_IO, ERROR_NO_SPACE, ERROR_MEMORY. */
must_check int known_open(const char *directory, uint64_t limit_bytes, struct known **ret_known,
                          struct error *error);
/* Batches and walks must be freed before. NULL is fine. */
void known_close(struct known *known);

/* For tests: removes a table's files, damaged or not, and its directory, where that is empty then.
 * None there is fine. ERROR_CONFLICT where somebody has it open, ERROR_IO. */
must_check int known_remove(const char *directory, struct error *error);

/* Changes gather in a batch and become visible, and durable, together. `note` (up to 256 bytes, the
 * owner's: how far it got) is replaced with the same commit; NULL leaves it. An empty batch with a
 * note is fine. A batch that fails leaves the table as it was (ERROR_NO_SPACE where the disk or the
 * table's limit is full, ERROR_IO), and may be committed again; one that was committed is empty and
 * may be filled anew. Keys are any 1 to 1,024 bytes but NUL; else, or with a state that is none,
 * -EINVAL. Of several changes of one key the last one counts; to remove a key that is not there is
 * fine.
 *
 * A commit costs one fsync. What was committed outlives the process, however it ends; a power cut
 * may take the last commit back, as a whole, until the next one or known_close(). */
struct known_batch;
must_check int known_batch_new(struct known *known, struct known_batch **ret_batch);
must_check int known_batch_put(struct known_batch *batch, const char *key,
                               const struct known_object *object);
must_check int known_batch_remove(struct known_batch *batch, const char *key);
size_t known_batch_size(const struct known_batch *batch); /* changes in it */
must_check int known_batch_commit(struct known_batch *batch, const void *note, size_t note_size,
                                  struct error *error);
void known_batch_free(struct known_batch *batch); /* NULL is fine; what is not committed is lost */

/* *ret_found: whether the key is there (one that cannot be a key is not); the object is filled
 * where it is. ERROR_MALFORMED where the file was damaged while it was open. */
must_check int known_get(struct known *known, const char *key, bool *ret_found,
                         struct known_object *ret_object, struct error *error);
/* Up to `capacity` bytes; *ret_size 0 where there is none. */
must_check int known_note(struct known *known, void *note, size_t capacity, size_t *ret_size,
                          struct error *error);
/* For tests: objects as of the last commit. */
uint64_t known_count(struct known *known);

/* A walk in order of key bytes over keys that begin with `prefix` and are greater than `after` (""
 * from the start; any bytes, and of any length). It sees the table as it was when it began (a long
 * one is renewed every some thousand keys, and then sees later commits). The thread that walks may
 * commit batches meanwhile. */
struct known_walk;
must_check int known_walk_new(struct known *known, const char *prefix, const char *after,
                              struct known_walk **ret_walk, struct error *error);
/* 1 and the next (the key borrowed until the next call), 0 at the end, or a negative errno. */
must_check int known_walk_next(struct known_walk *walk, const char **ret_key,
                               struct known_object *ret_object, struct error *error);
void known_walk_free(struct known_walk *walk); /* NULL is fine */

#endif
