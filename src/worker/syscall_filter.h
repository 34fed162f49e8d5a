/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls a worker may make. Anything else traps: the handler reports the call's name on
 * the control socket and ends the process.
 */
#ifndef SITU_WORKER_SYSCALL_FILTER_H
#define SITU_WORKER_SYSCALL_FILTER_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"

/* Where the kernel lets nobody set a filter, none is installed: no error, *ret_installed tells. */
must_check int syscall_filter_install(int control_fd, bool *ret_installed, struct error *error);

#endif
