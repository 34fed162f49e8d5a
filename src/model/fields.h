/* SPDX-License-Identifier: Apache-2.0
 *
 * Typed reading of the fields of a package's JSON file, with errors that name the file and the
 * field. Private to src/model. Any thread.
 *
 * The field_* readers return 1 if the field was read, 0 if it is absent or null (the value is
 * unchanged), and a negative errno if it has the wrong type or range.
 */
#ifndef SITU_MODEL_FIELDS_H
#define SITU_MODEL_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"

struct fields {
    const char *file;          /* borrowed; as messages name it: "config.json: pretrained_cfg" */
    const struct json *object; /* borrowed */
};

/* The member, or NULL if it is absent or null. */
const struct json *field_node(const struct fields *from, const char *key);

must_check int field_bool(const struct fields *from, const char *key, bool *value,
                          struct error *error);
must_check int field_string(const struct fields *from, const char *key, const char **value,
                            struct error *error);
/* Any finite number. */
must_check int field_number(const struct fields *from, const char *key, double *value,
                            struct error *error);
/* An edge in pixels, 1..PIPELINE_EDGE_MAX. */
must_check int field_edge(const struct fields *from, const char *key, uint32_t *value,
                          struct error *error);
/* Three finite numbers, or one for all three. */
must_check int field_triple(const struct fields *from, const char *key, double value[3],
                            struct error *error);
/* As field_triple, but none of them may be 0. */
must_check int field_std(const struct fields *from, const char *key, double value[3],
                         struct error *error);
/* `node`, the value of `key`: a square edge, or a list of height and width. */
must_check int field_edge_pair(const struct fields *from, const char *key, const struct json *node,
                               uint32_t ret_pair[2], struct error *error);

/* Refuses every member whose key is not in the NULL-terminated list, unless its value is null or
 * false, which has no effect. ERROR_UNFIT names the field. */
must_check int fields_check_known(const struct fields *from, const char *const *known,
                                  struct error *error);

/* The enum resample of a name as timm and OpenCLIP write it ("bicubic"); -EINVAL if unknown. */
int fields_parse_resample(const char *name);

#endif
