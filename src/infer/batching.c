/* SPDX-License-Identifier: Apache-2.0
 *
 * The first dimension of a model's tensors.
 */
#include "infer/batching.h"

#include <stdbool.h>

static bool all_begin_with(const struct tensor_info *tensors, uint32_t count, int64_t dim)
{
    for (uint32_t i = 0; i < count; i++) {
        if (tensors[i].shape.rank == 0 || tensors[i].shape.dims[0] != dim) {
            return false;
        }
    }
    return true;
}

uint32_t batching_limit(const struct model *model)
{
    const struct worker_facts *facts = &model->runtime.facts;
    if (facts->input_count == 0 || facts->inputs[0].shape.rank == 0) {
        return 0;
    }
    int64_t first = facts->inputs[0].shape.dims[0];
    bool open = first < 0;
    if ((!open && model->spec->task == MODEL_TENSOR) || first == 0 ||
        !all_begin_with(facts->inputs, facts->input_count, first)) {
        return 0;
    }
    /* Exporters leave the outputs' open where the input's is fixed, and the other way round. */
    bool outputs = all_begin_with(facts->outputs, facts->output_count, first) ||
                   (model->spec->task != MODEL_TENSOR &&
                    all_begin_with(facts->outputs, facts->output_count, -1));
    if (!outputs) {
        return 0;
    }
    return open || first > LIMIT_REQUEST_OBJECTS ? LIMIT_REQUEST_OBJECTS : (uint32_t)first;
}
