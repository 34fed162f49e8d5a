/* SPDX-License-Identifier: Apache-2.0
 *
 * A lane's thread in the worker: decode, preprocess and run one object at a time, on one core; or
 * make a thumbnail of it.
 */
#include "worker/lane.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "data/tensor_bytes.h"
#include "media/media.h"
#include "media/thumbnail.h"
#include "worker/channel.h"

enum { TENSOR_ALIGNMENT = 64 };

struct lane {
    uint32_t index;
    int cpu;
    int socket;   /* owned */
    char *input;  /* mapped shared buffer, input area */
    char *output; /* the same, output area */
    size_t input_bytes;
    size_t output_bytes;
    struct media *media;     /* owned */
    char *tensor;            /* owned; one batch of the image input */
    struct program *program; /* borrowed */
    struct tensor inputs[LIMIT_MODEL_TENSORS];
    struct engine_run engine_run; /* the current one */
    union message request;
    union message answer;
};

int lane_new(const struct message_lane *message, int socket, int buffer, struct lane **ret_lane)
{
    cleanup_fd int owned_socket = socket;
    cleanup_fd int owned_buffer = buffer;
    struct lane *lane = calloc(1, sizeof *lane);
    if (!lane) {
        return -ENOMEM;
    }
    size_t size = (size_t)message->input_bytes + (size_t)message->output_bytes;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, owned_buffer, 0);
    if (memory == MAP_FAILED) {
        free(lane);
        return -ENOMEM;
    }
    lane->index = message->index;
    lane->cpu = message->cpu;
    lane->input = memory;
    lane->output = (char *)memory + message->input_bytes;
    lane->input_bytes = (size_t)message->input_bytes;
    lane->output_bytes = (size_t)message->output_bytes;
    lane->socket = take_fd(&owned_socket);
    *ret_lane = lane;
    return 0;
}

/* Numbers must be aligned, and strings as many as the shape says. */
static int check_input_data(const struct lane *lane, const struct tensor_ref *ref, const char *name,
                            struct error *error)
{
    size_t count = 0;
    if (ref->datatype == DATATYPE_BYTES) {
        return tensor_shape_count(&ref->shape, &count) == 0 &&
                       tensor_bytes_valid(lane->input + ref->offset, ref->size_bytes, count)
                   ? 0
                   : error_set(error, ERROR_MALFORMED,
                               "input '%s' has not as many elements as its shape says", name);
    }
    return ref->offset % datatype_size((enum datatype)ref->datatype) == 0
               ? 0
               : error_set(error, ERROR_MALFORMED, "input '%s' is not aligned", name);
}

static int check_inputs(const struct lane *lane, const struct message_run *run, struct error *error)
{
    const struct engine_signature *signature = lane->program->signature;
    if (run->input_count > signature->input_count) {
        return error_set(error, ERROR_UNFIT, "the model takes %u inputs, not %u",
                         signature->input_count, run->input_count);
    }
    int r = message_check_tensors(run->inputs, run->input_count, signature->input_count,
                                  lane->input_bytes, error);
    if (r < 0) {
        return r;
    }
    struct tensor_set seen = {{0}};
    for (uint32_t i = 0; i < run->input_count; i++) {
        const struct tensor_ref *ref = &run->inputs[i];
        const struct tensor_info *info = &signature->inputs[ref->index];
        if (ref->datatype != info->datatype || !tensor_shape_matches(&info->shape, &ref->shape)) {
            char wants[128];
            char has[128];
            return error_set(error, ERROR_UNFIT, "input '%s' wants %s %s, the request has %s %s",
                             info->name, datatype_name(info->datatype),
                             tensor_shape_text(&info->shape, wants, sizeof wants),
                             datatype_name((enum datatype)ref->datatype),
                             tensor_shape_text(&ref->shape, has, sizeof has));
        }
        r = check_input_data(lane, ref, info->name, error);
        if (r < 0) {
            return r;
        }
        tensor_set_add(&seen, ref->index);
    }
    for (uint32_t i = 0; i < signature->input_count; i++) {
        if (!tensor_set_has(&seen, i)) {
            return error_set(error, ERROR_UNFIT, "input '%s' is missing",
                             signature->inputs[i].name);
        }
    }
    return run->input_count == signature->input_count
               ? 0
               : error_set(error, ERROR_UNFIT, "an input is given twice");
}

/* A model of a fixed batch gets the image in every row; only the first row of its outputs is used.
 */
static int prepare_image(struct lane *lane, const struct message_run *run, struct error *error)
{
    const struct program *program = lane->program;
    uint32_t height = 0;
    uint32_t width = 0;
    if (!program->has_pipeline || run->input_size > lane->input_bytes) {
        return error_set(error, ERROR_UNFIT, "this model takes tensors, not images");
    }
    int r =
        media_image_to_tensor(lane->media, &program->pipeline, lane->input, (size_t)run->input_size,
                              lane->tensor, program->image_bytes, &height, &width, error);
    if (r < 0) {
        return r;
    }
    size_t batch = (size_t)program->image_shape.dims[0];
    for (size_t i = 1; i < batch; i++) {
        memcpy(lane->tensor + i * program->image_bytes, lane->tensor, program->image_bytes);
    }
    lane->inputs[0] = (struct tensor){.index = program->image_input,
                                      .datatype = program->pipeline.datatype,
                                      .shape = program->image_shape,
                                      .data = lane->tensor,
                                      .size_bytes = batch * program->image_bytes};
    lane->engine_run.input_count = 1;
    return 0;
}

static int prepare_tensors(struct lane *lane, const struct message_run *run, struct error *error)
{
    int r = check_inputs(lane, run, error);
    if (r < 0) {
        return r;
    }
    for (uint32_t i = 0; i < run->input_count; i++) {
        const struct tensor_ref *ref = &run->inputs[i];
        lane->inputs[i] = message_tensor_of_ref(ref, lane->input + ref->offset);
    }
    lane->engine_run.input_count = run->input_count;
    return 0;
}

/* The size of the first row of `batch`. */
static uint64_t row_size(const struct tensor *output, uint64_t batch)
{
    size_t count = 0;
    size_t used = 0;
    if (output->datatype != DATATYPE_BYTES) {
        return output->size_bytes / batch;
    }
    bool whole = tensor_shape_count(&output->shape, &count) == 0 &&
                 tensor_bytes_measure(output->data, output->size_bytes, count / batch, &used) == 0;
    return whole ? used : 0;
}

static void take_outputs(const struct lane *lane, const struct engine_run *run, bool first_only,
                         struct message_done *done)
{
    for (uint32_t i = 0; i < run->output_count; i++) {
        const struct tensor *output = &run->outputs[i];
        struct tensor_ref *ref = &done->outputs[i];
        *ref = tensor_ref_of(output, (uint64_t)((const char *)output->data - lane->output));
        int64_t batch = lane->program->has_pipeline ? lane->program->image_shape.dims[0] : 1;
        if (first_only && batch > 1 && ref->shape.rank > 0 && ref->shape.dims[0] == batch) {
            ref->shape.dims[0] = 1;
            ref->size_bytes = row_size(output, (uint64_t)batch);
        }
    }
    done->output_count = run->output_count;
}

/* Does not use the model: images are decoded in a worker only. */
static int make_thumbnail(struct lane *lane, struct error *error)
{
    const struct message_run *run = &lane->request.run;
    struct message_done *done = &lane->answer.done;
    struct thumbnail thumbnail = {.jpeg = lane->output, .room = lane->output_bytes};
    if (thumbnail.room > LIMIT_THUMBNAIL_BYTES) {
        thumbnail.room = LIMIT_THUMBNAIL_BYTES;
    }
    if (run->input_size > lane->input_bytes) {
        return error_set(error, ERROR_MALFORMED, "the image is larger than its buffer");
    }
    int64_t start = clock_now_ns();
    int r = thumbnail_make(lane->media, run->edge, lane->input, (size_t)run->input_size, &thumbnail,
                           error);
    done->decode_ns = clock_now_ns() - start;
    if (r < 0) {
        return r;
    }
    done->outputs[0] = (struct tensor_ref){.datatype = DATATYPE_UINT8,
                                           .shape = {1, {(int64_t)thumbnail.size}},
                                           .size_bytes = thumbnail.size};
    done->output_count = 1;
    return 0;
}

static int handle_run(struct lane *lane, struct error *error)
{
    const struct message_run *run = &lane->request.run;
    struct message_done *done = &lane->answer.done;
    struct program *program = lane->program;
    struct engine_run *engine_run = &lane->engine_run;
    engine_run->inputs = lane->inputs;
    engine_run->wanted = run->outputs;
    engine_run->area = lane->output;
    engine_run->area_size = lane->output_bytes;
    int64_t start = clock_now_ns();
    int r = run->kind == RUN_IMAGE ? prepare_image(lane, run, error)
                                   : prepare_tensors(lane, run, error);
    int64_t prepared = clock_now_ns();
    done->decode_ns = prepared - start;
    if (r < 0) {
        return r;
    }
    struct engine_model *model = NULL;
    if (run->all_cores) {
        model = atomic_load(&program->all_cores);
    }
    r = program->engine->run(model ? model : program->model, engine_run, error);
    done->run_ns = clock_now_ns() - prepared;
    if (r < 0) {
        return r;
    }
    take_outputs(lane, engine_run, run->kind == RUN_IMAGE, done);
    return 0;
}

static void answer_request(struct lane *lane)
{
    struct message_done *done = &lane->answer.done;
    struct error error = {0};
    done->header = (struct message_header){MESSAGE_VERSION, MESSAGE_DONE};
    done->sequence = lane->request.run.sequence;
    done->decode_ns = done->run_ns = 0;
    done->output_count = 0;
    done->code = ERROR_NONE;
    done->text[0] = '\0';
    bool thumbnail = lane->request.run.kind == RUN_THUMBNAIL;
    if ((thumbnail ? make_thumbnail(lane, &error) : handle_run(lane, &error)) < 0) {
        done->code = error.code;
        (void)snprintf(done->text, sizeof done->text, "%.*s", (int)sizeof done->text - 1,
                       error.message);
    }
}

static void *lane_main(void *argument)
{
    struct lane *lane = argument;
    cpu_pin(lane->cpu);
    int fds[2];
    while (channel_receive(lane->socket, &lane->request, fds) > 0) {
        if (lane->request.header.type != MESSAGE_RUN || fds[0] >= 0) {
            break;
        }
        answer_request(lane);
        if (channel_send(lane->socket, &lane->answer) < 0) {
            break;
        }
        if (lane->request.run.input_size > LIMIT_LANE_RESIDENT_BYTES) {
            media_trim(lane->media);
        }
    }
    return NULL;
}

int lane_start(struct lane *lane, struct program *program)
{
    lane->program = program;
    int r = media_new(&lane->media);
    if (r < 0) {
        return r;
    }
    if (program->has_pipeline) {
        size_t bytes = (size_t)program->image_shape.dims[0] * program->image_bytes;
        size_t rounded = bytes_align(bytes + 1, TENSOR_ALIGNMENT);
        lane->tensor = aligned_alloc(TENSOR_ALIGNMENT, rounded);
        if (!lane->tensor) {
            return -ENOMEM;
        }
    }
    pthread_t thread;
    r = pthread_create(&thread, NULL, lane_main, lane);
    if (r == 0) {
        (void)pthread_detach(thread);
    }
    return -r;
}
