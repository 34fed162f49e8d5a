/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the JSON parser and its getters over a whole document; the strings and numbers read
 * are written as JSON again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_value(struct json_writer *w, const struct json *value)
{
    switch (json_type_of(value)) {
    case JSON_TYPE_STRING:
        json_put_bytes(w, NULL, json_get_string(value, ""), json_length(value));
        break;
    case JSON_TYPE_LARGE:
        json_put_unsigned(w, NULL, json_get_unsigned(value, 0));
        break;
    case JSON_TYPE_INTEGER:
        json_put_integer(w, NULL, json_get_integer(value, 0));
        break;
    case JSON_TYPE_REAL:
        json_put_float(w, NULL, (float)json_get_number(value, 0.0));
        json_put_double(w, NULL, json_get_number(value, 0.0));
        break;
    case JSON_TYPE_BOOL:
        json_put_bool(w, NULL, json_get_bool(value, false));
        break;
    default:
        json_put_null(w, NULL);
        break;
    }
}

static int visit(void *context, const char *key, const struct json *value)
{
    json_put_string(context, NULL, key);
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
    struct json_writer w = JSON_WRITER(&out);
    json_begin_array(&w, NULL);
    (void)json_each_member(root, visit, &w);
    for (size_t i = 0; json_type_of(root) == JSON_TYPE_ARRAY && i < json_length(root); i++) {
        write_value(&w, json_element(root, i));
    }
    json_end_array(&w);
    json_free(root);
    struct json *again = NULL;
    if (json_parse_large(out.data, out.size, "what was written", &again, &error) < 0) {
        (void)fprintf(stderr, "%s\n", error.message);
        abort();
    }
    json_free(again);
    return 0;
}
