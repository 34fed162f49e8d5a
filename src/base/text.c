/* SPDX-License-Identifier: Apache-2.0
 *
 * Optional texts: see text.h.
 */
#include "base/text.h"

#include <errno.h>
#include <string.h>

int text_copy(const char *text, char **ret_copy)
{
    *ret_copy = text ? strdup(text) : NULL;
    return text && !*ret_copy ? -ENOMEM : 0;
}

bool text_is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}
