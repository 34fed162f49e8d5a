/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of engines' facts.
 */
#include "data/engine_facts.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"

static const char *const onnxruntime_calls[] = {"getcpu", "pread64", "sched_yield", NULL};
static const char *const no_calls[] = {NULL};

static const struct engine_facts rows[] = {
    {
        .name = "onnxruntime",
        .help = "ONNX models on the CPUs",
        .platform = "onnxruntime_onnx",
        .kind = "KIND_CPU",
        .memory_base = 1024 * MIB,
        .model_copies = 8, /* the file, its tensors, their packed form, an all-cores session */
        .lanes_max = LIMIT_LANES,
        .all_cores = true,
        .environment = {"ORT_DISABLE_TELEMETRY=1"},
        .system_calls = onnxruntime_calls,
    },
    {
        .name = "null",
        .help = "for tests",
        .platform = "onnxruntime_onnx", /* it stands in for it */
        .kind = "KIND_CPU",
        .memory_base = 1024 * MIB,
        .model_copies = 8,
        .lanes_max = LIMIT_LANES,
        .all_cores = true,
        .system_calls = no_calls,
    },
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

const struct engine_facts *engine_facts_at(size_t index)
{
    return index < ROW_COUNT ? &rows[index] : NULL;
}

const struct engine_facts *engine_facts_find(const char *name)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

int engine_facts_unknown(const char *name, struct error *error)
{
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        int length = snprintf(names + used, sizeof names - used, "%s%s (%s)", i > 0 ? ", " : "",
                              rows[i].name, rows[i].help);
        used += length > 0 && (size_t)length < sizeof names - used ? (size_t)length : 0;
    }
    return error_set(error, ERROR_MALFORMED, "no engine '%.100s'; there are: %s", name, names);
}

uint64_t engine_facts_memory(const struct engine_facts *facts, uint64_t model_bytes,
                             uint64_t lane_bytes)
{
    return facts->memory_base > 0
               ? facts->memory_base + facts->model_copies * model_bytes + lane_bytes
               : 0;
}
