/* SPDX-License-Identifier: Apache-2.0
 *
 * Failures: why there is no answer. The result cache keeps those that are due to nothing but the
 * content; crashes and time-outs are never kept.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "data/answer_kinds/parts.h"

enum { CODE_SIZE = 4 };

static bool is_kept(uint32_t code)
{
    return code == ERROR_UNDECODABLE || code == ERROR_UNFIT;
}

static int encode(struct buffer *out, const struct answer *answer, size_t *ret_count)
{
    const char *message = answer->error_message ? answer->error_message : "";
    size_t size = strlen(message);
    if (!is_kept(answer->error_code) || size >= ERROR_MESSAGE_SIZE || !utf8_valid(message, size)) {
        return -EINVAL;
    }
    append_u32(out, answer->error_code);
    buffer_append(out, message, size);
    *ret_count = 0;
    return 0;
}

static int decode(const uint8_t *bytes, size_t size, size_t count, struct answer *answer)
{
    if (count != 0 || size < CODE_SIZE || size - CODE_SIZE >= ERROR_MESSAGE_SIZE ||
        !is_kept(bytes_get_u32(bytes))) {
        return -EBADMSG;
    }
    const char *text = (const char *)bytes + CODE_SIZE;
    size -= CODE_SIZE;
    if (memchr(text, '\0', size) || !utf8_valid(text, size)) {
        return -EBADMSG;
    }
    char *message = strndup(text, size);
    if (!message) {
        return -ENOMEM;
    }
    answer->error_code = (enum error_code)bytes_get_u32(bytes);
    answer->error_message = message;
    answer->memory = message;
    return 0;
}

static void write_json(struct json_writer *w, const struct answer *answer,
                       const struct answer_form *form)
{
    (void)form;
    json_begin_object(w, answer_failure.name);
    json_put_string(w, "code", error_code_name(answer->error_code));
    json_put_string(w, "message", answer->error_message ? answer->error_message : "");
    json_end_object(w);
}

static int parse_json(struct pool *pool, const struct json *value, struct answer *answer,
                      struct error *error)
{
    (void)pool;
    if (json_type_of(value) != JSON_TYPE_OBJECT) {
        return malformed("error is no object", error);
    }
    answer->error_code = error_code_parse(json_get_string(json_member(value, "code"), ""));
    answer->error_message = json_get_string(json_member(value, "message"), "");
    return 0;
}

const struct answer_kind answer_failure = {
    .name = "error",
    .code = 4,
    .encode = encode,
    .decode = decode,
    .write_json = write_json,
    .parse_json = parse_json,
};
