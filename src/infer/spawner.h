/* SPDX-License-Identifier: Apache-2.0
 *
 * One thread that starts all worker processes. A worker asks the kernel to end it with its parent,
 * and the kernel takes the thread that made it for the parent: so that must be one that stays.
 */
#ifndef SITU_INFER_SPAWNER_H
#define SITU_INFER_SPAWNER_H

#include <sys/types.h>

#include "base/cleanup.h"

struct spawner;

must_check int spawner_new(struct spawner **ret_spawner);
void spawner_free(struct spawner *spawner); /* workers must be gone */

/* Starts argv[0] with `control` as descriptor 3 and `log` as stderr; stdin and stdout are
 * /dev/null. Waits for the exec. 0 or a negative errno. */
must_check int spawner_start(struct spawner *spawner, char *const *argv, int control, int log,
                             pid_t *ret_pid);

#endif
