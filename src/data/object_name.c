/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of objects, to JSON and back.
 */
#include "data/object_name.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"

bool object_name_is_text(const char *name)
{
    return !name || utf8_valid(name, strlen(name));
}

/* ---- writing ---- */

/* The bytes at `p` that make one character to be shown as it is; 0: the byte is to be encoded. */
static size_t plain_length(const char *p, size_t left)
{
    unsigned char lead = (unsigned char)*p;
    if (lead < 0x80) {
        return lead >= 0x20 && lead != 0x7f && lead != '%' ? 1 : 0;
    }
    size_t length = utf8_length(p, left);
    bool control = length == 2 && lead == 0xc2 && (unsigned char)p[1] < 0xa0; /* U+0080 to U+009F */
    return control ? 0 : length;
}

void object_name_encode(struct buffer *out, const char *name)
{
    size_t size = strlen(name);
    for (size_t at = 0; at < size;) {
        size_t length = plain_length(name + at, size - at);
        if (length > 0) {
            buffer_append(out, name + at, length);
            at += length;
        } else {
            buffer_printf(out, "%%%02X", (unsigned char)name[at++]);
        }
    }
}

void object_name_put_value(struct json_writer *w, const char *member, const char *name,
                           bool encoded)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    if (!encoded) {
        json_put_string(w, member, name);
        return;
    }
    object_name_encode(&text, name);
    json_put_bytes(w, member, text.data, text.size);
    w->out->failed |= text.failed;
}

void object_name_put(struct json_writer *w, const char *member, const char *name)
{
    bool encoded = !object_name_is_text(name);
    object_name_put_value(w, member, name, encoded);
    if (encoded) {
        json_put_bool(w, "encoded", true);
    }
}

/* ---- reading ---- */

static int read_string(const struct json *node, bool encoded, struct pool *pool,
                       const char **ret_name)
{
    const char *text = json_get_string(node, NULL);
    if (!text || !encoded) {
        *ret_name = text;
        return 0;
    }
    size_t size = json_length(node);
    char *name = pool_take(pool, size + 1);
    if (!name) {
        return -ENOMEM;
    }
    memcpy(name, text, size + 1);
    int r = object_name_decode(name);
    if (r == 0) {
        *ret_name = name;
    }
    return r;
}

int object_name_read(const struct json *object, const char *member, struct pool *pool,
                     const char **ret_name)
{
    return read_string(json_member(object, member),
                       json_get_bool(json_member(object, "encoded"), false), pool, ret_name);
}

int object_name_read_element(const struct json *element, bool encoded, struct pool *pool,
                             const char **ret_name)
{
    return json_type_of(element) == JSON_TYPE_OBJECT
               ? object_name_read(element, "object", pool, ret_name)
               : read_string(element, encoded, pool, ret_name);
}
