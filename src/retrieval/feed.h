/* SPDX-License-Identifier: Apache-2.0
 *
 * From a job's results to an index's rows: lines are gathered into batches, and each batch is
 * committed with how far it goes. The build's thread only.
 */
#ifndef SITU_RETRIEVAL_FEED_H
#define SITU_RETRIEVAL_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "retrieval/build.h"

/* Does what there is to do, a batch at most, and settles the build's fate. True: there was
 * something, ask again at once. False: see feed_due(). */
bool feed_step(struct build *build);

/* When it has something to do by itself, as clock_now_ns() has it; INT64_MAX: never. */
int64_t feed_due(const struct build *build);

/* Nothing is in the batch that is not in the index. */
bool feed_is_settled(const struct build *build);

/* Commits a row that was put again, with the note as it is. */
must_check int feed_put(struct build *build, const char *key, const float *vector,
                        struct error *error);

#endif
