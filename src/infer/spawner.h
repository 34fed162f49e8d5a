/* SPDX-License-Identifier: Apache-2.0
 *
 * One thread that starts all worker processes. A worker asks the kernel to kill it when its parent
 * ends, and for the kernel the parent is the thread that started it: so that thread must not end
 * earlier.
 */
#ifndef SITU_INFER_SPAWNER_H
#define SITU_INFER_SPAWNER_H

#include <sys/types.h>

#include "base/cleanup.h"

struct spawner;

must_check int spawner_new(struct spawner **ret_spawner);
void spawner_free(struct spawner *spawner); /* workers must be gone */

/* A program to start: all is borrowed for the call. */
struct spawner_command {
    const char *const *argv;        /* ended by NULL, like the next */
    const char *const *environment; /* complete: no variable of the daemon is passed on */
    int control;                    /* becomes descriptor 3 */
    int log;                        /* becomes stderr; stdin and stdout are /dev/null */
};

/* Starts argv[0] and waits for the exec. 0 or a negative errno. */
must_check int spawner_start(struct spawner *spawner, const struct spawner_command *command,
                             pid_t *ret_pid);

#endif
