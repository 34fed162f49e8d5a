/* SPDX-License-Identifier: Apache-2.0
 *
 * The sandbox of situ-worker. Entered once, with a single thread, before the first untrusted byte:
 * limits, no new privileges, Landlock (the whole file system denied), seccomp. Threads started
 * later inherit all of it.
 */
#ifndef SITU_WORKER_SANDBOX_H
#define SITU_WORKER_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/error.h"

struct sandbox_options {
    uint64_t memory_bytes; /* address space; 0: no limit (and none under AddressSanitizer) */
    int control_fd;        /* where a violation is reported, as MESSAGE_VIOLATION */
    pid_t parent;          /* the worker dies with it; 0: with its present parent */
    const char *const *system_calls; /* the engine's, by name; ended by NULL */
};

struct sandbox_state {
    int landlock_abi; /* 0 where this kernel has none, or has it disabled */
    bool seccomp;     /* false where the kernel permits none, and in sanitizer builds */
};

/* An error means that something the kernel supports could not be set up: the worker must end. What
 * the kernel lacks is no error; *ret_state has it. */
must_check int sandbox_enter(const struct sandbox_options *options, struct sandbox_state *ret_state,
                             struct error *error);

#endif
