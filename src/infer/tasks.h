/* SPDX-License-Identifier: Apache-2.0
 *
 * Short-lived threads for work that blocks, other than running objects: loading a model, counting a
 * listing, unpacking a package, feeding a streamed answer. Limited in number. Any thread.
 */
#ifndef SITU_INFER_TASKS_H
#define SITU_INFER_TASKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

struct tasks;

must_check int tasks_new(unsigned limit, struct tasks **ret_tasks);

/* Runs function(argument) on a thread of its own. -EBUSY where `limit` of them run already. */
must_check int tasks_start(struct tasks *tasks, void (*function)(void *argument), void *argument);

/* The same, but where `limit` of them run already it waits for its turn, in order; the caller
 * bounds how many wait. */
must_check int tasks_queue(struct tasks *tasks, void (*function)(void *argument), void *argument);

/* Waits until none runs, at most so long; false where one still does. */
must_check bool tasks_wait(struct tasks *tasks, int64_t limit_ms);

/* Waits until none runs, then frees. */
void tasks_free(struct tasks *tasks);

#endif
