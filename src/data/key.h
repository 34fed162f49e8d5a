/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys: what names an object within its store. 1 to LIMIT_KEY_BYTES bytes, any but NUL, in
 * components with `/` between them, none of them empty, `.` or `..`. Pure; any thread.
 *
 * A key is checked once, by whoever takes it from outside (stores_find_object() for requests, a
 * job's selection and log for jobs); functions that take a `key` rely on that.
 */
#ifndef SITU_DATA_KEY_H
#define SITU_DATA_KEY_H

#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

/* 0, or ERROR_MALFORMED with the reason. */
must_check int key_check(const char *key, struct error *error);

/* The key, not checked, in an object's name STORE/KEY, borrowed from it; NULL where there is no
 * slash. *ret_store_length is the length of the store's name before it. */
const char *key_in_object(const char *object, size_t *ret_store_length);

#endif
