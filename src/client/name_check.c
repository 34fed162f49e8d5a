/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks of names.
 */
#include "client/name_check.h"

#include <string.h>

#include "base/utf8.h"
#include "client/url.h"

static bool copy_part(char *out, const char *text, size_t length)
{
    if (length == 0 || length > LIMIT_MODEL_NAME) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= 0x20 || c == 0x7f || c == '/' || c == '@') {
            return false;
        }
    }
    memcpy(out, text, length);
    out[length] = '\0';
    return true;
}

int model_name_parse(const char *text, struct model_name *ret_name, struct situ_error *error)
{
    if (!text) {
        return client_fail(error, SITU_USAGE, "no model named");
    }
    struct model_name name = {.version = ""};
    size_t length = strcspn(text, "@");
    bool good = copy_part(name.name, text, length);
    if (good && text[length] == '@') {
        good = copy_part(name.version, text + length + 1, strlen(text + length + 1));
    }
    if (!good) {
        return client_fail(
            error, SITU_USAGE,
            "model '%.100s': give NAME or NAME@VERSION, each of 1 to %u bytes without "
            "blanks and slashes",
            text, LIMIT_MODEL_NAME);
    }
    *ret_name = name;
    return 0;
}

size_t name_check_split(const char *name, const char **ret_rest)
{
    size_t length = strcspn(name, "/");
    *ret_rest = name[length] ? name + length + 1 : name + length;
    return length;
}

bool name_check_is_utf8(const char *text)
{
    return utf8_valid(text, strlen(text));
}

int object_name_check(const char *object, struct situ_error *error)
{
    const char *key = "";
    if (object && name_check_split(object, &key) > 0 && key[0]) {
        return 0;
    }
    return client_fail(error, SITU_USAGE, "object '%.200s': give STORE/KEY", object ? object : "");
}

void model_target(struct buffer *target, const struct model_name *model, const char *tail)
{
    buffer_append_text(target, "/v1/models/");
    url_append(target, model->name, false);
    buffer_append_text(target, tail);
    if (model->version[0]) {
        url_append_query(target, "version", model->version);
    }
}
