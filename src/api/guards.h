/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks of a request by the address it came to: Host, token, type of the body. A listener's
 * thread.
 */
#ifndef SITU_API_GUARDS_H
#define SITU_API_GUARDS_H

#include <stdbool.h>

struct call;

/* False: the call was refused and answered. */
bool guards_admit(struct call *call);

#endif
