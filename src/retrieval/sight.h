/* SPDX-License-Identifier: Apache-2.0
 *
 * What a caller may see of an index. A fed one is seen as its selection is: wholly, or in part
 * where the caller has a right for a part of the selection; an imported one by the names of its
 * rows. Who has no right over any object of an index does not learn that it exists. Any thread,
 * without locks.
 */
#ifndef SITU_RETRIEVAL_SIGHT_H
#define SITU_RETRIEVAL_SIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "retrieval/retrieval.h"

struct entry;

enum sight { SIGHT_NONE, SIGHT_PART, SIGHT_WHOLE };

/* By any of the rights. SIGHT_NONE also where the keys cannot be read, or without memory. */
enum sight sight_of(struct entry *entry, const struct access *access, uint32_t rights);

/* For an index that the caller may know of. ERROR_FORBIDDEN: the right is missing, or holds a part
 * only and the whole is needed. */
must_check int sight_check(struct entry *entry, const struct access *access, enum right right,
                           bool whole, struct error *error);

#endif
