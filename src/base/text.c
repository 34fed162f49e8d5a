/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies of optional texts: see text.h.
 */
#include "base/text.h"

#include <errno.h>
#include <string.h>

int text_copy(const char *text, char **ret_copy)
{
    *ret_copy = text ? strdup(text) : NULL;
    return text && !*ret_copy ? -ENOMEM : 0;
}
