/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes of the build that counts. The thread of the entry, except for change_begin().
 */
#ifndef SITU_RETRIEVAL_CHANGE_H
#define SITU_RETRIEVAL_CHANGE_H

#include "base/cleanup.h"
#include "base/error.h"
#include "retrieval/build.h"

/* Swaps, removes or starts builds as their fates require. */
void change_step(struct entry *entry, struct build *current, struct build *next);
/* Starts a build beside the current one; `control` is held, and the change has model and
 * version. */
must_check int change_begin(struct entry *entry, const struct retrieval_change *change,
                            struct error *error);
/* The keys of the current build are damaged: renames it, and starts another in its place. */
must_check int change_set_aside(struct entry *entry, struct build *damaged, struct error *error);

#endif
