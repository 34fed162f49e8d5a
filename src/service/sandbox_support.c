/* SPDX-License-Identifier: Apache-2.0
 *
 * Queries the kernel, at the start.
 */
#include "service/sandbox_support.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* LANDLOCK_CREATE_RULESET_VERSION: returns the ABI instead of creating a ruleset */
enum { LANDLOCK_ASK_VERSION = 1 };

int sandbox_support_landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_ASK_VERSION);
    return abi > 0 ? (int)abi : 0;
}

/* A filter at an invalid address: EFAULT means that filters are supported. */
bool sandbox_support_has_seccomp(void)
{
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL) < 0 && errno == EFAULT;
}
