/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of back ends.
 */
#include "engine/engine.h"

#include <string.h>

const struct engine_ops *engine_find(const char *name)
{
    static const struct engine_ops *const all[] = {
#ifdef SITU_HAVE_ONNXRUNTIME
        &engine_onnxruntime,
#endif
        &engine_null,
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i]->name, name) == 0) {
            return all[i];
        }
    }
    return NULL;
}
