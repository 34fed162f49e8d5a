/* SPDX-License-Identifier: Apache-2.0
 *
 * Members of JSON objects, with what they mean in the library.
 */
#include "client/reply.h"

#include <errno.h>

#include "data/object_name.h"

const char *reply_text(const struct json *object, const char *key)
{
    return json_get_string(json_member(object, key), "");
}

uint64_t reply_count(const struct json *object, const char *key)
{
    return json_get_unsigned(json_member(object, key), 0);
}

bool reply_flag(const struct json *object, const char *key, bool fallback)
{
    return json_get_bool(json_member(object, key), fallback);
}

enum situ_code reply_code(const struct json *fault)
{
    return client_code_parse(reply_text(fault, "code"));
}

int reply_reason(const struct json *reason)
{
    return json_type_of(json_member(reason, "code")) == JSON_TYPE_STRING ? (int)reply_code(reason)
                                                                         : SITU_OK;
}

int reply_fail(const struct json *fault, const char *message, struct situ_error *error)
{
    return client_fail(error, reply_code(fault), "%s",
                       json_get_string(json_member(fault, "message"), message));
}

int reply_name(const struct json *object, const char *key, struct pool *pool, const char **ret_name,
               struct situ_error *error)
{
    int r = object_name_read(object, key, pool, ret_name);
    if (r == -ENOMEM) {
        return client_fail_memory(error);
    }
    return r ? client_fail(error, SITU_PROTOCOL, "the array gives a name that cannot be read") : 0;
}
