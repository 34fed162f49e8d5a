/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the JSON parser and its getters over a whole document, and that the strings and
 * numbers that it reads are written as JSON again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_value(struct buffer *out, const struct json *value)
{
    switch (json_type_of(value)) {
    case JSON_TYPE_STRING:
        json_write_bytes(out, json_get_string(value, ""), json_length(value));
        break;
    case JSON_TYPE_LARGE:
        buffer_printf(out, "%" PRIu64, json_get_unsigned(value, 0));
        break;
    case JSON_TYPE_INTEGER:
        json_write_integer(out, json_get_integer(value, 0));
        break;
    case JSON_TYPE_REAL:
        json_write_float(out, (float)json_get_number(value, 0.0));
        buffer_append_char(out, ',');
        json_write_double(out, json_get_number(value, 0.0));
        break;
    default:
        buffer_append_text(out, json_get_bool(value, false) ? "true" : "null");
        break;
    }
    buffer_append_char(out, ',');
}

static int visit(void *context, const char *key, const struct json *value)
{
    json_write_string(context, key);
    buffer_append_char(context, ',');
    write_value(context, value);
    for (size_t i = 0; i < json_length(value) && i < 64; i++) {
        write_value(context, json_element(value, i));
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    struct json *root = NULL;
    if (json_parse_large((const char *)data, size, "input", &root, &error) < 0) {
        return 0;
    }
    cleanup_buffer struct buffer out = BUFFER_INIT;
    buffer_append_char(&out, '[');
    (void)json_each_member(root, visit, &out);
    for (size_t i = 0; json_type_of(root) == JSON_TYPE_ARRAY && i < json_length(root); i++) {
        write_value(&out, json_element(root, i));
    }
    json_free(root);
    buffer_append_text(&out, "null]");
    struct json *again = NULL;
    if (json_parse_large(out.data, out.size, "what was written", &again, &error) < 0) {
        (void)fprintf(stderr, "%s\n", error.message);
        abort();
    }
    json_free(again);
    return 0;
}
