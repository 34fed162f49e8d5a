/* SPDX-License-Identifier: Apache-2.0
 *
 * Who calls, and what the caller may do: by a token, by the user of a unix socket, or by the user
 * of a loopback connection. A listener's thread.
 */
#ifndef SITU_API_ADMIT_H
#define SITU_API_ADMIT_H

#include <stdbool.h>

#include "api/api.h"

struct call;

/* Fills in the call's access, and counts the call in its quotas. False: the call was refused and
 * answered, with 401, 403, or 429 where a quota is used up. */
bool admit_caller(struct call *call, enum api_guard guard);

/* Whether the caller would be admitted with the same rights by `rights`, which may be NULL. */
bool admit_still(struct call *call, const struct rights *rights, int64_t now_s);

#endif
