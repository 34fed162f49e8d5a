/* SPDX-License-Identifier: Apache-2.0
 *
 * Repair of damaged rows. The thread of the entry.
 */
#ifndef SITU_RETRIEVAL_REPAIR_H
#define SITU_RETRIEVAL_REPAIR_H

#include <stdbool.h>

#include "retrieval/build.h"

/* When no batch is open: writes one damaged row again. False: there was none. */
bool repair_step(struct build *build);

#endif
