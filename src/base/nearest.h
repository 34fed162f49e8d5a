/* SPDX-License-Identifier: Apache-2.0
 *
 * The known name closest to a mistyped one, for messages that ask "did you mean". Names are
 * compared by the number of characters that are wrong, missing, extra or swapped with the next;
 * case is ignored. Pure; nothing allocates.
 */
#ifndef SITU_BASE_NEAREST_H
#define SITU_BASE_NEAREST_H

#include <stddef.h>

#include "base/limits.h"

struct nearest {
    const char *wanted; /* borrowed */
    size_t length;      /* of `wanted` */
    size_t distance;    /* of the best so far; at first one more than is accepted */
    char name[LIMIT_NEAREST_NAME + 1];
};

/* A name of more than LIMIT_NEAREST_NAME bytes has no nearest name. */
void nearest_init(struct nearest *nearest, const char *wanted, size_t length);

/* Of names with the same distance the one offered first is kept. */
void nearest_offer(struct nearest *nearest, const char *name);

enum { NEAREST_HINT_SIZE = LIMIT_NEAREST_NAME + 24 };

/* "; did you mean 'resnet50'?" in the caller's buffer, "" if no name was near. */
const char *nearest_hint(const struct nearest *nearest, char hint[NEAREST_HINT_SIZE]);

#endif
