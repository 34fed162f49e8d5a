/* SPDX-License-Identifier: Apache-2.0
 *
 * From the results of a job to the rows of an index: lines are gathered into batches, and each
 * batch is committed with the cursor. The thread of the entry only.
 */
#ifndef SITU_RETRIEVAL_FEED_H
#define SITU_RETRIEVAL_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "retrieval/build.h"

/* Does one step, at most a batch, and sets the fate of the build. True: there was work, call
 * again at once. False: see feed_due(). */
bool feed_step(struct build *build);

/* When there is work without being woken, by clock_now_ns(); INT64_MAX: never. */
int64_t feed_due(const struct build *build);

/* True if the batch has nothing that is not in the index. */
bool feed_is_settled(const struct build *build);

/* Commits a repaired row, with an unchanged note. */
must_check int feed_put(struct build *build, const char *key, const float *vector,
                        struct error *error);

#endif
