/* SPDX-License-Identifier: Apache-2.0
 *
 * Members of the array's JSON objects. The array is not trusted: what is absent or of another type
 * reads as "", 0 or the fallback. Pure; any thread.
 */
#ifndef SITU_CLIENT_REPLY_H
#define SITU_CLIENT_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/pool.h"
#include "client/fail.h"

const char *reply_text(const struct json *object, const char *key);
uint64_t reply_count(const struct json *object, const char *key);
bool reply_flag(const struct json *object, const char *key, bool fallback);

/* The error code of `fault`, {"code":"...","message":"..."}; SITU_INTERNAL if it has none. */
enum situ_code reply_code(const struct json *fault);

/* The same; SITU_OK if `reason` is absent or has no code. */
int reply_reason(const struct json *reason);

/* Fails with the code and the message of `fault`, or with `message` if it has none. */
int reply_fail(const struct json *fault, const char *message, struct situ_error *error);

/* The bytes of the name that is a member, decoded into `pool` if it is encoded; *ret_name is NULL
 * if there is none. SITU_PROTOCOL, SITU_MEMORY. */
must_check int reply_name(const struct json *object, const char *key, struct pool *pool,
                          const char **ret_name, struct situ_error *error);

#endif
