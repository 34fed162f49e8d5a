/* SPDX-License-Identifier: Apache-2.0
 *
 * Typed reading of JSON fields.
 */
#include "model/fields.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "wire/pipeline.h"

static int wrong_type(const struct fields *from, const char *key, const char *wanted,
                      const struct json *node, struct error *error)
{
    return error_set(error, ERROR_MALFORMED, "%s: '%s' wants %s, not %s", from->file, key, wanted,
                     json_type_name(json_type_of(node)));
}

const struct json *field_node(const struct fields *from, const char *key)
{
    const struct json *node = json_member(from->object, key);
    return json_type_of(node) == JSON_TYPE_NULL ? NULL : node;
}

int field_bool(const struct fields *from, const char *key, bool *value, struct error *error)
{
    const struct json *node = field_node(from, key);
    if (!node) {
        return 0;
    }
    if (json_type_of(node) != JSON_TYPE_BOOL) {
        return wrong_type(from, key, "true or false", node, error);
    }
    *value = json_get_bool(node, false);
    return 1;
}

int field_string(const struct fields *from, const char *key, const char **value,
                 struct error *error)
{
    const struct json *node = field_node(from, key);
    if (!node) {
        return 0;
    }
    if (json_type_of(node) != JSON_TYPE_STRING) {
        return wrong_type(from, key, "a string", node, error);
    }
    *value = json_get_string(node, "");
    return 1;
}

static bool is_number(const struct json *node)
{
    enum json_type type = json_type_of(node);
    return (type == JSON_TYPE_INTEGER || type == JSON_TYPE_REAL) &&
           isfinite(json_get_number(node, 0.0));
}

int field_number(const struct fields *from, const char *key, double *value, struct error *error)
{
    const struct json *node = field_node(from, key);
    if (!node) {
        return 0;
    }
    if (!is_number(node)) {
        return wrong_type(from, key, "a number", node, error);
    }
    *value = json_get_number(node, 0.0);
    return 1;
}

static int read_edge(const struct fields *from, const char *key, const struct json *node,
                     uint32_t *ret_edge, struct error *error)
{
    if (json_type_of(node) != JSON_TYPE_INTEGER) {
        return wrong_type(from, key, "a whole number of pixels", node, error);
    }
    int64_t edge = json_get_integer(node, 0);
    if (edge < 1) {
        return error_set(error, ERROR_MALFORMED, "%s: '%s' must be at least 1 pixel", from->file,
                         key);
    }
    if (edge > PIPELINE_EDGE_MAX) {
        return error_set(error, ERROR_TOO_LARGE, "%s: '%s' is above the limit of %d pixels",
                         from->file, key, PIPELINE_EDGE_MAX);
    }
    *ret_edge = (uint32_t)edge;
    return 0;
}

int field_edge(const struct fields *from, const char *key, uint32_t *value, struct error *error)
{
    const struct json *node = field_node(from, key);
    if (!node) {
        return 0;
    }
    int r = read_edge(from, key, node, value, error);
    return r < 0 ? r : 1;
}

int field_edge_pair(const struct fields *from, const char *key, const struct json *node,
                    uint32_t ret_pair[2], struct error *error)
{
    uint32_t pair[2] = {0, 0};
    bool list = json_type_of(node) == JSON_TYPE_ARRAY;
    if (list && json_length(node) != 2) {
        return error_set(error, ERROR_MALFORMED,
                         "%s: '%s' wants two numbers, height and width, not %zu", from->file, key,
                         json_length(node));
    }
    for (size_t i = 0; i < 2; i++) {
        const struct json *edge = list ? json_element(node, i) : node;
        int r = read_edge(from, key, edge, &pair[i], error);
        if (r < 0) {
            return r;
        }
    }
    ret_pair[0] = pair[0];
    ret_pair[1] = pair[1];
    return 0;
}

int field_triple(const struct fields *from, const char *key, double value[3], struct error *error)
{
    const struct json *node = field_node(from, key);
    if (!node) {
        return 0;
    }
    bool list = json_type_of(node) == JSON_TYPE_ARRAY;
    if (list && json_length(node) != 3) {
        return error_set(error, ERROR_UNFIT,
                         "%s: '%s' has %zu numbers; images have 3 channels here", from->file, key,
                         json_length(node));
    }
    double triple[3];
    for (size_t c = 0; c < 3; c++) {
        const struct json *number = list ? json_element(node, c) : node;
        if (!is_number(number)) {
            return wrong_type(from, key, "three finite numbers", number, error);
        }
        triple[c] = json_get_number(number, 0.0);
    }
    memcpy(value, triple, sizeof triple);
    return 1;
}

int field_std(const struct fields *from, const char *key, double value[3], struct error *error)
{
    double triple[3] = {1.0, 1.0, 1.0};
    int r = field_triple(from, key, triple, error);
    if (r <= 0) {
        return r;
    }
    /* The kernels work in float32: division by a subnormal would give infinities. */
    for (int c = 0; c < 3; c++) {
        if (!(fabs(triple[c]) >= 1e-30)) {
            return error_set(error, ERROR_MALFORMED, "%s: '%s' must not be 0", from->file, key);
        }
    }
    memcpy(value, triple, sizeof triple);
    return 1;
}

struct known_search {
    const struct fields *from;
    const char *const *known;
    struct error *error;
};

static int check_member(void *context, const char *key, const struct json *value)
{
    const struct known_search *search = context;
    for (const char *const *known = search->known; *known; known++) {
        if (strcmp(*known, key) == 0) {
            return 0;
        }
    }
    enum json_type type = json_type_of(value);
    if (type == JSON_TYPE_NULL || (type == JSON_TYPE_BOOL && !json_get_bool(value, true))) {
        return 0;
    }
    return error_set(search->error, ERROR_UNFIT,
                     "%s: unknown field '%.100s', which may change the numbers; remove it if it "
                     "does not",
                     search->from->file, key);
}

int fields_check_known(const struct fields *from, const char *const *known, struct error *error)
{
    struct known_search search = {from, known, error};
    return json_each_member(from->object, check_member, &search);
}

int fields_parse_resample(const char *name)
{
    static const struct {
        const char *name;
        enum resample resample;
    } names[] = {
        {"nearest", RESAMPLE_NEAREST},   {"lanczos", RESAMPLE_LANCZOS},
        {"bilinear", RESAMPLE_BILINEAR}, {"bicubic", RESAMPLE_BICUBIC},
        {"box", RESAMPLE_BOX},           {"hamming", RESAMPLE_HAMMING},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i].name, name) == 0) {
            return (int)names[i].resample;
        }
    }
    return -EINVAL;
}
