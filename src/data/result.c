/* SPDX-License-Identifier: Apache-2.0
 *
 * Result objects: a name, and an answer of one of the kinds. The reader does not trust the array:
 * every count is that of the JSON at hand.
 */
#include "data/result.h"

#include <errno.h>
#include <stdlib.h>

#include "base/pool.h"
#include "data/object_name.h"

struct result_memory {
    struct json *root; /* owned; NULL where the caller keeps the tree */
    struct pool pool;
};

void result_write_json(struct buffer *out, const struct result *result,
                       const struct answer_form *form)
{
    static const struct answer_form plain = {0};
    struct json_writer w = JSON_WRITER(out);
    json_begin_object(&w, NULL);
    if (result->object) {
        object_name_put(&w, "object", result->object);
    }
    result->answer.kind->write_json(&w, &result->answer, form ? form : &plain);
    json_end_object(&w);
}

static int malformed(const char *what, struct error *error)
{
    return error_set(error, ERROR_MALFORMED, "the array's answer has a result whose %s", what);
}

/* The kind whose member is there. A failure counts before all others. */
static const struct answer_kind *find_kind(const struct json *node)
{
    if (json_member(node, answer_failure.name)) {
        return &answer_failure;
    }
    const struct answer_kind *const *kind = answer_kinds;
    while (*kind && !json_member(node, (*kind)->name)) {
        kind++;
    }
    return *kind;
}

static int parse_node(struct pool *pool, const struct json *node, struct result *result,
                      struct error *error)
{
    if (json_type_of(node) != JSON_TYPE_OBJECT) {
        return malformed("line is no JSON object", error);
    }
    result->object_text = json_get_string(json_member(node, "object"), NULL);
    int r = object_name_read(node, "object", pool, &result->object);
    if (r == -ENOMEM) {
        return error_memory(error, "a result");
    }
    if (r < 0) {
        return malformed("object is marked as encoded, and cannot be decoded", error);
    }
    const struct answer_kind *kind = find_kind(node);
    if (!kind) {
        return malformed("object has neither classes, embedding, outputs nor error", error);
    }
    result->answer.kind = kind;
    return kind->parse_json(pool, json_member(node, kind->name), &result->answer, error);
}

/* Takes ownership of `root`, also on failure. */
static int parse_owned(struct json *root, const struct json *node, struct result *ret_result,
                       struct error *error)
{
    struct result result = {.memory = calloc(1, sizeof *result.memory)};
    if (!result.memory) {
        json_free(root);
        return error_memory(error, "a result");
    }
    result.memory->root = root;
    int r = parse_node(&result.memory->pool, node, &result, error);
    if (r < 0) {
        result_done(&result);
        return r;
    }
    *ret_result = result;
    return 0;
}

int result_parse(const char *line, size_t size, struct result *ret_result, struct error *error)
{
    struct json *root = NULL;
    int r = json_parse_large(line, size, "result", &root, error);
    return r < 0 ? r : parse_owned(root, root, ret_result, error);
}

int result_parse_node(const struct json *node, struct result *ret_result, struct error *error)
{
    return parse_owned(NULL, node, ret_result, error);
}

void result_done(struct result *result)
{
    if (result->memory) {
        json_free(result->memory->root);
        pool_done(&result->memory->pool);
        free(result->memory);
    }
    *result = (struct result){0};
}
