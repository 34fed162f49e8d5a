/* SPDX-License-Identifier: Apache-2.0
 *
 * Beneath which prefixes of object names, STORE/KEY, a caller has a right: for what holds names of
 * several stores, and for filters. A caller who may do all has one prefix, that of the question.
 * A value: made by one thread, then read by any.
 */
#ifndef SITU_RIGHTS_REACH_H
#define SITU_RIGHTS_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "rights/access.h"

struct reach {
    char **prefixes; /* owned; sorted by bytes, none within another */
    size_t count;
};

/* For any of the rights, and names that begin with `within` ("": all): each prefix begins with it.
 * Names that are no STORE/KEY are within the reach of callers with all stores only. -ENOMEM. */
must_check int reach_make(const struct access *access, uint32_t rights, const char *within,
                          struct reach *ret_reach);
void reach_done(struct reach *reach);

/* Whether one of the prefixes holds all names that begin with `prefix`. */
bool reach_holds(const struct reach *reach, const char *prefix);

#endif
