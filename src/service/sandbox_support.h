/* SPDX-License-Identifier: Apache-2.0
 *
 * Which features for the sandbox of workers this kernel has.
 */
#ifndef SITU_SERVICE_SANDBOX_SUPPORT_H
#define SITU_SERVICE_SANDBOX_SUPPORT_H

#include <stdbool.h>

int sandbox_support_landlock_abi(void); /* 0: none */
bool sandbox_support_has_seccomp(void);

#endif
