/* SPDX-License-Identifier: Apache-2.0
 *
 * The known name that is most like a mistyped one, for messages that ask "did you mean". Names are
 * compared by the number of characters that are wrong, missing, too many or swapped with the next;
 * upper and lower case are alike. Pure; nothing allocates.
 */
#ifndef SITU_BASE_NEAREST_H
#define SITU_BASE_NEAREST_H

#include <stddef.h>

#include "base/limits.h"

struct nearest {
    const char *wanted; /* borrowed */
    size_t length;      /* of `wanted` */
    size_t distance;    /* of the best so far; at first the most that is taken, and one */
    char name[LIMIT_NEAREST_NAME + 1];
};

/* Nothing is near a name of more than LIMIT_NEAREST_NAME bytes. */
void nearest_init(struct nearest *nearest, const char *wanted, size_t length);

/* Names that are offered first win over later ones that are as near. */
void nearest_offer(struct nearest *nearest, const char *name);

enum { NEAREST_HINT_SIZE = LIMIT_NEAREST_NAME + 24 };

/* "; did you mean 'resnet50'?" in the caller's buffer, "" where nothing was near. */
const char *nearest_hint(const struct nearest *nearest, char hint[NEAREST_HINT_SIZE]);

#endif
