/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies of optional texts. Any thread.
 */
#ifndef SITU_BASE_TEXT_H
#define SITU_BASE_TEXT_H

#include "base/cleanup.h"

/* *ret_copy is owned by the caller (free); NULL if `text` is NULL. -ENOMEM. */
must_check int text_copy(const char *text, char **ret_copy);

#endif
