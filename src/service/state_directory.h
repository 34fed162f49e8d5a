/* SPDX-License-Identifier: Apache-2.0
 *
 * The state directory: creates it if it is missing, locks it, and checks its format. Main thread.
 */
#ifndef SITU_SERVICE_STATE_DIRECTORY_H
#define SITU_SERVICE_STATE_DIRECTORY_H

#include "base/cleanup.h"
#include "base/error.h"

/* *ret_fd holds the lock until it is closed: two daemons would remove each other's unfinished
 * packages. ERROR_CONFLICT if another process has the lock, or a newer version made the
 * directory; ERROR_IO. */
must_check int state_directory_open(const char *path, int *ret_fd, struct error *error);

#endif
