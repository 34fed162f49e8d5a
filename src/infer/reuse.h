/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's use of the result cache: which outcomes may come from it and go into it, under what
 * task. Lanes ask it before they read and after they have read; jobs ask before they queue an
 * object. Any thread. A cache of NULL is one that is switched off: nothing is found or kept.
 *
 * Objects of stores under image models take part, unless the request says no. What is kept:
 *   - where an answer is wanted (no output mask): that answer, of classes the best ones;
 *   - where outputs are wanted: these, as the model gave them, up to ANSWER_BYTES_KEPT;
 *   - that the content cannot be decoded, or makes no input for the model.
 * The task digest differs between these, and covers everything else that an answer depends on.
 */
#ifndef SITU_INFER_REUSE_H
#define SITU_INFER_REUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "cache/cache.h"
#include "infer/item.h"

struct reuse;

/* Opens the cache in `directory`, after checking its file, and logs that; later events are logged,
 * too. `engine` is the name of the workers' engine. Errors: ERROR_CONFLICT where another process
 * has it open, ERROR_MEMORY, ERROR_MALFORMED; a cache that cannot be used is logged and is no
 * error. */
must_check int reuse_open(const char *directory, uint64_t limit_bytes, const char *engine,
                          struct reuse **ret_reuse, struct error *error);

/* Objects of stores that were not added take no part. `store` is borrowed; its identities are kept
 * under `name`. One thread at a time, while others may read. -E2BIG. */
must_check int reuse_add_store(struct reuse *reuse, const struct store *store, const char *name);

/* Writes what is queued, then closes; NULL is fine. No other call may be running. */
void reuse_close(struct reuse *reuse);

/* Does the item take part in the cache? */
bool reuse_covers(const struct reuse *reuse, const struct infer_item *item);

/* By the item's identity (has_identity is set), without reading a byte of it: true where the answer
 * is known; then the item has its outcome, with `cached`. False also where the request or the model
 * does not allow it. Sets looked_up. Some microseconds; does not need the model's worker. */
bool reuse_find(struct reuse *reuse, struct infer_item *item);

/* After the object was read, `bytes` being its content and item->identity its identity then: hashes
 * it, remembers the content of the identity if that can be `trusted` (store_is_fresh), and looks
 * the content up. True as above; otherwise the item's `keep` is set. */
bool reuse_find_content(struct reuse *reuse, struct infer_item *item, const void *bytes,
                        size_t size, bool trusted);

/* After the run: keeps the outcome, where `keep` is still set and it is of a kind that can be kept.
 * The caller clears `keep` before if the outcome depends on more than the content (the worker died,
 * the model's run failed). */
void reuse_keep(struct reuse *reuse, struct infer_item *item);

void reuse_status(struct reuse *reuse, struct cache_status *ret_status);
/* Part of /metrics; `cache` may be NULL. */
void reuse_write_metrics(void *reuse, struct buffer *out);
must_check int reuse_clear(struct reuse *reuse, struct error *error);

/* For tests: waits until all that was kept before can be found. */
void reuse_flush(struct reuse *reuse);

#endif
