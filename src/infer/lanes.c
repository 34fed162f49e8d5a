/* SPDX-License-Identifier: Apache-2.0
 *
 * A lane at work on one item, and which CPUs there are for lanes. Runs on the dispatcher's lane
 * threads.
 */
#include "infer/lanes.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/limits.h"
#include "data/tensor_bytes.h"
#include "infer/answer_maker.h"
#include "infer/cgroup.h"
#include "infer/input_kind.h"

enum { ALIGNMENT = 64 };

/* Outputs of one object that situd has no memory for are the object's matter above that size; below
 * it situd itself is short of memory. */
enum { LARGE_OUTPUT_BYTES = 1 << 20 };

/* The answer to an object that was seen before, without a byte being read; unless the item's owner
 * has looked already. Where stat fails, the read reports why. */
static bool find_unread(const struct lane_context *context, struct infer_item *item)
{
    struct error ignored;
    struct object_state state;
    if (item->looked_up || !reuse_covers(context->cache, item) ||
        store_stat(item->store, item->key, &state, &ignored) < 0 || item->hidden) {
        return false;
    }
    item->identity = state.identity;
    item->has_identity = true;
    return reuse_find(context->cache, item);
}

/* Checks our own copy. The sizes of numbers were compared with their shape before. */
static bool is_whole(const struct tensor *output)
{
    size_t count = 0;
    return output->datatype != DATATYPE_BYTES ||
           (tensor_shape_count(&output->shape, &count) == 0 &&
            tensor_bytes_valid(output->data, output->size_bytes, count));
}

/* NULL for a thumbnail of a model without outputs. */
static const char *output_name(const struct model *model, uint32_t index)
{
    const struct worker_facts *facts = &model->runtime.facts;
    return index < facts->output_count ? facts->outputs[index].name : NULL;
}

/* Out of shared memory into memory that only the daemon writes. */
static enum lane_outcome copy_outputs(struct infer_item *item, const struct message_done *done,
                                      const char *area, uint64_t *ret_used)
{
    size_t total = done->output_count * sizeof(struct tensor);
    total = bytes_align(total, ALIGNMENT);
    size_t start = total;
    for (uint32_t i = 0; i < done->output_count; i++) {
        total += bytes_align((size_t)done->outputs[i].size_bytes, ALIGNMENT);
    }
    item->output_bytes = total;
    size_t in_all = atomic_fetch_add(&item->request->output_bytes, total) + total;
    if (in_all > LIMIT_OUTPUT_BYTES) {
        (void)error_set(&item->error, ERROR_TOO_LARGE,
                        "the outputs of one request are above %llu bytes: ask for fewer objects",
                        (unsigned long long)LIMIT_OUTPUT_BYTES);
        return LANE_DONE;
    }
    struct budget *answers = item->request->answers;
    if (answers && !budget_take(answers, total, in_all)) {
        (void)error_set(&item->error, ERROR_UNAVAILABLE,
                        "the answers that wait to be sent are at their limit; try again");
        return LANE_DONE;
    }
    char *memory = malloc(total ? total : 1);
    if (!memory) {
        if (answers) {
            budget_give(answers, total);
        }
        (void)error_set(&item->error, ERROR_MEMORY, "out of memory for %zu bytes of outputs",
                        total);
        (void)atomic_fetch_sub(&item->request->output_bytes, total);
        item->output_bytes = 0; /* it may be tried again */
        return total > LARGE_OUTPUT_BYTES ? LANE_STARVED : LANE_DONE;
    }
    item->budget_bytes = answers ? total : 0;
    struct tensor *outputs = (struct tensor *)(void *)memory;
    item->output_memory = memory;
    item->outputs = outputs;
    item->output_count = done->output_count;
    for (uint32_t i = 0; i < done->output_count; i++) {
        const struct tensor_ref *ref = &done->outputs[i];
        outputs[i] = message_tensor_of_ref(ref, memory + start);
        outputs[i].name = output_name(item->request->model, ref->index);
        memcpy(memory + start, area + ref->offset, (size_t)ref->size_bytes);
        if (!is_whole(&outputs[i])) {
            (void)error_set(&item->error, ERROR_INTERNAL,
                            "the worker gave strings that are not what their tensor's shape says");
        }
        start += bytes_align((size_t)ref->size_bytes, ALIGNMENT);
        if (ref->offset + ref->size_bytes > *ret_used) {
            *ret_used = ref->offset + ref->size_bytes;
        }
    }
    return LANE_DONE;
}

static struct tensor_set wanted_outputs(const struct infer_item *item)
{
    const struct infer_request *request = item->request;
    if (!tensor_set_is_empty(&request->outputs)) {
        return request->outputs;
    }
    const struct model *model = request->model;
    return answer_makers[model->spec->task]->all_outputs
               ? tensor_set_first(model->runtime.facts.output_count)
               : tensor_set_of(model->runtime.primary_output);
}

static int take_in(const struct lane_context *context, struct infer_item *item,
                   struct worker_process *worker, struct message_run *run)
{
    const struct input_kind *kind = input_kinds[item->kind];
    int r = kind->read(context, item, worker_process_input(worker, context->lane), run);
    kind->prepare(item, run);
    return r;
}

/* Makes the answer where the request asks for one that fits, or the result cache can keep it. */
static void make_answer(struct infer_item *item)
{
    bool wanted = tensor_set_is_empty(&item->request->outputs) &&
                  (item->keep || item->request->top <= ANSWER_CLASSES_KEPT);
    if (wanted && item->error.code == ERROR_NONE) {
        answer_make(item);
    }
}

/* After an error that the worker reported for an object: is its content alone the cause? A run of
 * the model may also fail because memory is short. */
static bool is_contents_fault(const struct error *error, const struct message_done *done)
{
    return error->code == ERROR_UNDECODABLE || (error->code == ERROR_UNFIT && done->run_ns == 0);
}

enum lane_outcome lane_carry(const struct lane_context *context, struct infer_item *item,
                             struct worker_process *worker, bool all_cores)
{
    struct message_run run; /* only its head is cleared: the array of tensors is large */
    memset(&run, 0, offsetof(struct message_run, inputs));
    run.all_cores = all_cores;
    item->error = (struct error){0};
    item->keep = false;
    item->input_ns = item->run_ns = 0;
    if (find_unread(context, item)) {
        return LANE_DONE;
    }
    if (take_in(context, item, worker, &run) < 0) {
        return LANE_DONE;
    }
    const struct message_done *done = NULL;
    const char *area = NULL;
    uint64_t output_used = 0;
    enum lane_outcome outcome = LANE_DONE;
    run.outputs = wanted_outputs(item);
    item->input_ns = clock_now_ns() - item->began_ns;
    if (item->cached) {
        run.input_size = 0; /* nothing to run, nothing in the buffer */
    } else if (worker_process_run(worker, context->lane, &run, &done, &area, &item->error) == 0) {
        metrics_observe(context->metrics, STAGE_DECODE, done->decode_ns);
        item->input_ns += done->decode_ns;
        item->run_ns = done->run_ns;
        if (run.kind != RUN_THUMBNAIL) {
            metrics_observe(context->metrics, STAGE_RUN, done->run_ns);
        }
        outcome = copy_outputs(item, done, area, &output_used);
        item->keep = item->keep && item->error.code == ERROR_NONE; /* no fault of the content */
        make_answer(item);
    } else if (item->error.code == ERROR_WORKER_CRASHED) {
        outcome = worker_process_was_killed(worker) ? LANE_KILLED : LANE_CRASHED;
    } else if (item->error.code == ERROR_DEADLINE) {
        outcome = LANE_HUNG;
    } else if (item->error.code == ERROR_MEMORY) {
        outcome = LANE_STARVED;
        item->keep = false;
    } else {
        item->keep = item->keep && is_contents_fault(&item->error, done);
    }
    worker_process_trim(worker, context->lane, run.input_size, output_used);
    return outcome;
}

void *lane_room_new(void)
{
    void *room = mmap(NULL, LIMIT_LANE_INPUT_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return room == MAP_FAILED ? NULL : room;
}

void lane_room_free(void *room)
{
    if (room) {
        (void)munmap(room, LIMIT_LANE_INPUT_BYTES);
    }
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
        /* The quota limits the time of all CPUs together: fewer lanes, none bound to a CPU. */
        count = quota;
        for (uint32_t i = 0; i < count; i++) {
            ret_cpus[i] = -1;
        }
    }
    return count;
}
