/* SPDX-License-Identifier: Apache-2.0
 *
 * Decimal points in any locale: between begin and end the calling thread formats numbers as JSON
 * requires.
 */
#ifndef SITU_CLIENT_PLAIN_NUMBERS_H
#define SITU_CLIENT_PLAIN_NUMBERS_H

#include <errno.h>
#include <locale.h>

#include "base/cleanup.h"

struct plain_numbers {
    locale_t plain;
    locale_t before;
};

/* -ENOMEM; then do not call plain_numbers_end. */
must_check static inline int plain_numbers_begin(struct plain_numbers *numbers)
{
    numbers->plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (!numbers->plain) {
        return -ENOMEM;
    }
    numbers->before = uselocale(numbers->plain);
    return 0;
}

static inline void plain_numbers_end(struct plain_numbers *numbers)
{
    (void)uselocale(numbers->before);
    freelocale(numbers->plain);
}

#endif
