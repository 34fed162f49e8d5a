/* SPDX-License-Identifier: Apache-2.0
 *
 * The check of names.
 */
#include "base/name.h"

#include <string.h>

#include "base/limits.h"

bool name_is_word(const char *text)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    return text[strspn(text, allowed)] == '\0';
}

int name_check(const char *name, const char *what, struct error *error)
{
    size_t length = name ? strlen(name) : 0;
    if (length == 0 || length > LIMIT_MODEL_NAME || name[0] == '.' || !name_is_word(name)) {
        return error_set(error, ERROR_MALFORMED,
                         "%s has 1 to %u of A-Z a-z 0-9 . _ - and does not begin with a dot", what,
                         LIMIT_MODEL_NAME);
    }
    return 0;
}
