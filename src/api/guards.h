/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may ask what of which address: the Host, the token, the type of the body. A listener's
 * thread.
 */
#ifndef SITU_API_GUARDS_H
#define SITU_API_GUARDS_H

#include <stdbool.h>

struct call;

/* False: the call was refused and has its answer. */
bool guards_admit(struct call *call);

#endif
