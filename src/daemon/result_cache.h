/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's use of the result cache: which outcomes may come from it and go into it, under what
 * task. Lanes ask it before they read and after they have hashed; jobs ask before they queue an
 * object. Any thread.
 */
#ifndef SITU_DAEMON_RESULT_CACHE_H
#define SITU_DAEMON_RESULT_CACHE_H

#include <stdbool.h>

#include "daemon/infer.h"
#include "results/results.h"

struct result_cache;

/* By the item's identity (has_identity is set), without reading a byte of it: true where the answer
 * is known; then the item has its outcome, with `cached`. False also where the request or the model
 * does not allow it. Sets looked_up. Some microseconds; does not need the model's worker. */
bool result_cache_find(struct result_cache *cache, struct infer_item *item);

#endif
