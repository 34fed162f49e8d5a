/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of back ends: a row for each, in the order of data/engine_facts.c.
 */
#include "engine/engine.h"

#include <string.h>

static const struct engine_ops *const rows[] = {
    &engine_onnxruntime,
    &engine_null,
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

const struct engine_ops *engine_at(size_t index)
{
    return index < ROW_COUNT ? rows[index] : NULL;
}

const struct engine_ops *engine_find(const char *name)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strcmp(rows[i]->name, name) == 0) {
            return rows[i];
        }
    }
    return NULL;
}
