/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that people give to models, stores, indexes and tokens: words of A-Z a-z 0-9 . _ - of
 * limited length. Names of objects are in data/object_name.h. Pure.
 */
#ifndef SITU_BASE_NAME_H
#define SITU_BASE_NAME_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"

/* Whether the text has those characters only; true for "". */
bool name_is_word(const char *text);

/* 0, or ERROR_MALFORMED unless the name is a word of 1 to LIMIT_MODEL_NAME characters that does not
 * begin with a dot; NULL counts as "". `what` begins the message: "a model name". */
must_check int name_check(const char *name, const char *what, struct error *error);

#endif
