/* SPDX-License-Identifier: Apache-2.0
 *
 * A lane at work on one item, and which CPUs there are for lanes. Runs on the dispatcher's lane
 * threads.
 */
#include "daemon/lanes.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "daemon/cgroup.h"
#include "wire/npy.h"

enum { ALIGNMENT = 64 };

static int take_in_stored(struct infer_item *item, struct worker_process *worker, uint32_t lane,
                          struct message_run *run, struct metrics *metrics)
{
    int64_t start = clock_now_ns();
    struct object_identity identity;
    size_t size = 0;
    int result = store_read(item->store, item->key, worker_process_input(worker, lane),
                            LIMIT_LANE_INPUT_BYTES, &size, &identity, &item->error);
    metrics_observe(metrics, STAGE_READ, clock_now_ns() - start);
    if (result == 0) {
        item->read_bytes = size;
        run->input_size = size;
        atomic_fetch_add_explicit(&metrics->object_bytes, size, memory_order_relaxed);
    }
    return result;
}

static int take_in_bytes(struct infer_item *item, struct worker_process *worker, uint32_t lane,
                         struct message_run *run)
{
    if (item->size_bytes > LIMIT_LANE_INPUT_BYTES) {
        return error_set(&item->error, ERROR_TOO_LARGE, "the image is larger than %llu bytes",
                         (unsigned long long)LIMIT_LANE_INPUT_BYTES);
    }
    memcpy(worker_process_input(worker, lane), item->bytes, item->size_bytes);
    run->input_size = item->size_bytes;
    return 0;
}

/* A tensor that lies in a store, as .npy: read to `start` of the area, used where it lies. */
static int take_in_npy(struct infer_item *item, const struct item_tensor *tensor, char *area,
                       size_t start, struct tensor_ref *ret_ref, struct metrics *metrics)
{
    struct object_identity identity;
    struct npy npy;
    size_t size = 0;
    int64_t began = clock_now_ns();
    int result = store_read(tensor->store, tensor->key, area + start,
                            LIMIT_LANE_INPUT_BYTES - start, &size, &identity, &item->error);
    metrics_observe(metrics, STAGE_READ, clock_now_ns() - began);
    if (result == 0) {
        item->read_bytes += size;
        atomic_fetch_add_explicit(&metrics->object_bytes, size, memory_order_relaxed);
        result = npy_parse(area + start, size, &npy, &item->error);
    }
    if (result == 0) {
        *ret_ref = (struct tensor_ref){.index = tensor->index,
                                       .datatype = npy.datatype,
                                       .shape = npy.shape,
                                       .offset = start + npy.data_offset,
                                       .size_bytes = npy.data_size};
    }
    return result;
}

static int take_in_tensors(struct infer_item *item, struct worker_process *worker, uint32_t lane,
                           struct message_run *run, struct metrics *metrics)
{
    size_t used = 0;
    char *area = worker_process_input(worker, lane);
    run->kind = RUN_TENSORS;
    run->input_count = item->tensor_count;
    for (uint32_t i = 0; i < item->tensor_count; i++) {
        const struct item_tensor *tensor = &item->tensors[i];
        struct tensor_ref *ref = &run->inputs[i];
        size_t start = (used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        if (start > LIMIT_LANE_INPUT_BYTES || tensor->size_bytes > LIMIT_LANE_INPUT_BYTES - start) {
            return error_set(&item->error, ERROR_TOO_LARGE,
                             "the tensors are larger than %llu bytes",
                             (unsigned long long)LIMIT_LANE_INPUT_BYTES);
        }
        if (tensor->store) {
            int result = take_in_npy(item, tensor, area, start, ref, metrics);
            if (result < 0) {
                return result;
            }
        } else {
            memcpy(area + start, tensor->data, tensor->size_bytes);
            *ref = (struct tensor_ref){.index = tensor->index,
                                       .datatype = tensor->datatype,
                                       .shape = tensor->shape,
                                       .offset = start,
                                       .size_bytes = tensor->size_bytes};
        }
        used = (size_t)(ref->offset + ref->size_bytes);
    }
    run->input_size = used;
    return 0;
}

/* Out of shared memory into memory that only the daemon writes. */
static void copy_outputs(struct infer_item *item, const struct message_done *done, const char *area,
                         uint64_t *ret_used)
{
    size_t total = done->output_count * sizeof *item->outputs;
    total = (total + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    size_t start = total;
    for (uint32_t i = 0; i < done->output_count; i++) {
        total += ((size_t)done->outputs[i].size_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    item->output_bytes = total;
    if (atomic_fetch_add(&item->request->output_bytes, total) + total > LIMIT_OUTPUT_BYTES) {
        (void)error_set(&item->error, ERROR_TOO_LARGE,
                        "the outputs of one request are above %llu bytes: ask for fewer objects",
                        (unsigned long long)LIMIT_OUTPUT_BYTES);
        return;
    }
    char *memory = malloc(total ? total : 1);
    if (!memory) {
        (void)error_set(&item->error, ERROR_MEMORY, "out of memory");
        return;
    }
    item->outputs = (struct item_output *)(void *)memory;
    item->output_count = done->output_count;
    for (uint32_t i = 0; i < done->output_count; i++) {
        const struct tensor_ref *ref = &done->outputs[i];
        item->outputs[i] = (struct item_output){.index = ref->index,
                                                .datatype = (enum datatype)ref->datatype,
                                                .shape = ref->shape,
                                                .data = memory + start,
                                                .size_bytes = (size_t)ref->size_bytes};
        memcpy(memory + start, area + ref->offset, (size_t)ref->size_bytes);
        start += ((size_t)ref->size_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        if (ref->offset + ref->size_bytes > *ret_used) {
            *ret_used = ref->offset + ref->size_bytes;
        }
    }
}

static uint32_t wanted_outputs(const struct infer_item *item)
{
    const struct infer_request *request = item->request;
    if (request->output_mask != 0) {
        return request->output_mask;
    }
    const struct model *model = request->model;
    return model->spec->task == MODEL_TENSOR
               ? (uint32_t)((UINT64_C(1) << model->runtime.facts.output_count) - 1)
               : 1u << model->runtime.primary_output;
}

enum lane_outcome lane_carry(struct infer_item *item, struct worker_process *worker, uint32_t lane,
                             bool all_cores, struct metrics *metrics)
{
    struct message_run run = {.kind = RUN_IMAGE, .all_cores = all_cores};
    int result = 0;
    item->error = (struct error){0};
    run.output_mask = wanted_outputs(item);
    if (item->kind == ITEM_STORED) {
        result = take_in_stored(item, worker, lane, &run, metrics);
    } else if (item->kind == ITEM_BYTES) {
        result = take_in_bytes(item, worker, lane, &run);
    } else {
        result = take_in_tensors(item, worker, lane, &run, metrics);
    }
    if (result < 0) {
        return LANE_DONE;
    }
    const struct message_done *done = NULL;
    const char *area = NULL;
    uint64_t output_used = 0;
    enum lane_outcome outcome = LANE_DONE;
    if (worker_process_run(worker, lane, &run, &done, &area, &item->error) == 0) {
        metrics_observe(metrics, STAGE_DECODE, done->decode_ns);
        metrics_observe(metrics, STAGE_RUN, done->run_ns);
        copy_outputs(item, done, area, &output_used);
    } else if (item->error.code == ERROR_WORKER_CRASHED) {
        outcome = worker_process_was_killed(worker) ? LANE_KILLED : LANE_CRASHED;
    } else if (item->error.code == ERROR_DEADLINE) {
        outcome = LANE_HUNG;
    }
    worker_process_trim(worker, lane, run.input_size, output_used);
    return outcome;
}

void infer_item_reset(struct infer_item *item)
{
    if (item->output_bytes > 0) {
        atomic_fetch_sub(&item->request->output_bytes, item->output_bytes);
        item->output_bytes = 0;
    }
    free(item->outputs);
    item->outputs = NULL;
    item->output_count = 0;
    item->read_bytes = 0;
    item->alone = false;
    item->kills = 0;
    item->state = ITEM_IDLE;
    item->error = (struct error){0};
}

uint32_t lanes_cpus(int *ret_cpus, uint32_t limit)
{
    cpu_set_t set;
    uint32_t count = 0;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        for (int cpu = 0; cpu < CPU_SETSIZE && count < limit; cpu++) {
            if (CPU_ISSET((size_t)cpu, &set)) {
                ret_cpus[count++] = cpu;
            }
        }
    }
    if (count == 0) {
        ret_cpus[count++] = -1;
    }
    uint32_t quota = cgroup_cpus("/sys/fs/cgroup", "/proc/self/cgroup", count);
    if (quota < count) {
        /* The quota bounds the time of all CPUs together: fewer lanes, none bound to a CPU. */
        count = quota;
        for (uint32_t i = 0; i < count; i++) {
            ret_cpus[i] = -1;
        }
    }
    return count;
}

void lane_pin(int cpu)
{
    if (cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)cpu, &set);
        (void)sched_setaffinity(0, sizeof set, &set); /* only a matter of speed */
    }
}
