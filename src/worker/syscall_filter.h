/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls a worker may make. All others trap: the handler reports the call's name on the
 * control socket and ends the process.
 */
#ifndef SITU_WORKER_SYSCALL_FILTER_H
#define SITU_WORKER_SYSCALL_FILTER_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"

/* `more`: names of system calls that are allowed beside the common ones, ended by NULL. Where the
 * kernel does not permit filters, none is installed and *ret_installed is false; that is no error.
 */
must_check int syscall_filter_install(int control_fd, const char *const *more, bool *ret_installed,
                                      struct error *error);

#endif
