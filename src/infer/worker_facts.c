/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies of a worker's facts.
 */
#include "infer/worker_facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void *copy_array(const void *array, size_t count, size_t size)
{
    void *copy = calloc(count > 0 ? count : 1, size);
    if (copy && count > 0) {
        memcpy(copy, array, count * size);
    }
    return copy;
}

int worker_facts_copy(const struct worker_facts *facts, struct worker_facts *ret_copy)
{
    struct worker_facts copy = *facts;
    copy.inputs = copy_array(facts->inputs, facts->input_count, sizeof *copy.inputs);
    copy.outputs = copy_array(facts->outputs, facts->output_count, sizeof *copy.outputs);
    copy.seen = copy_array(facts->seen, facts->output_count, sizeof *copy.seen);
    if (!copy.inputs || !copy.outputs || !copy.seen) {
        worker_facts_done(&copy);
        return -ENOMEM;
    }
    *ret_copy = copy;
    return 0;
}

void worker_facts_done(struct worker_facts *facts)
{
    free(facts->inputs);
    free(facts->outputs);
    free(facts->seen);
    facts->inputs = facts->outputs = NULL;
    facts->seen = NULL;
    facts->input_count = facts->output_count = 0;
}

static bool same_tensors(const struct tensor_info *a, const struct tensor_info *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const size_t dims = a[i].shape.rank * sizeof a[i].shape.dims[0];
        if (strcmp(a[i].name, b[i].name) != 0 || a[i].datatype != b[i].datatype ||
            a[i].shape.rank != b[i].shape.rank ||
            memcmp(a[i].shape.dims, b[i].shape.dims, dims) != 0) {
            return false;
        }
    }
    return true;
}

bool worker_facts_same(const struct worker_facts *a, const struct worker_facts *b)
{
    return a->input_count == b->input_count && a->output_count == b->output_count &&
           same_tensors(a->inputs, b->inputs, a->input_count) &&
           same_tensors(a->outputs, b->outputs, a->output_count);
}
