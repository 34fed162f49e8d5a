/* SPDX-License-Identifier: Apache-2.0
 *
 * Which build of an index counts, changed. The entry's thread, but for change_begin().
 */
#ifndef SITU_RETRIEVAL_CHANGE_H
#define SITU_RETRIEVAL_CHANGE_H

#include "base/cleanup.h"
#include "base/error.h"
#include "retrieval/build.h"

/* Swaps, gives up or begins what the fates of the builds ask for. */
void change_step(struct entry *entry, struct build *current, struct build *next);
/* Begins a filling beside; `control` is held, and the change names model and version. */
must_check int change_begin(struct entry *entry, const struct retrieval_change *change,
                            struct error *error);
/* The current build's keys are damaged: it is set aside, another takes its place. */
must_check int change_set_aside(struct entry *entry, struct build *damaged, struct error *error);

#endif
