/* SPDX-License-Identifier: Apache-2.0
 *
 * Optional texts. Any thread.
 */
#ifndef SITU_BASE_TEXT_H
#define SITU_BASE_TEXT_H

#include <stdbool.h>

#include "base/cleanup.h"

/* *ret_copy is owned by the caller (free); NULL if `text` is NULL. -ENOMEM. */
must_check int text_copy(const char *text, char **ret_copy);

/* Equal, or both NULL. */
bool text_is_same(const char *a, const char *b);

#endif
