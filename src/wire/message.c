/* SPDX-License-Identifier: Apache-2.0
 *
 * Lengths and checks of daemon<->worker messages. Pure; has a fuzz target.
 */
#include "wire/message.h"

#include <string.h>

#include "base/utf8.h"
#include "data/tensor_bytes.h"

static int malformed(struct error *error, const char *what)
{
    return error_set(error, ERROR_MALFORMED, "message between situd and situ-worker: %s", what);
}

size_t message_size(const union message *message)
{
    switch (message->header.type) {
    case MESSAGE_READY:
        return sizeof message->ready;
    case MESSAGE_LANE:
        return sizeof message->lane;
    case MESSAGE_FILE:
        return sizeof message->file;
    case MESSAGE_LOAD:
        return sizeof message->load;
    case MESSAGE_LOADED:
        return sizeof message->loaded;
    case MESSAGE_TENSORS:
        return offsetof(struct message_tensors, tensors) +
               (size_t)message->tensors.count * sizeof(struct message_tensor);
    case MESSAGE_VIOLATION:
        return sizeof message->violation;
    case MESSAGE_RUN:
        return offsetof(struct message_run, inputs) +
               (size_t)message->run.input_count * sizeof(struct tensor_ref);
    case MESSAGE_DONE:
        return offsetof(struct message_done, outputs) +
               (size_t)message->done.output_count * sizeof(struct tensor_ref);
    default:
        return sizeof message->header;
    }
}

static size_t smallest_size(uint32_t type)
{
    switch (type) {
    case MESSAGE_READY:
        return sizeof(struct message_ready);
    case MESSAGE_LANE:
        return sizeof(struct message_lane);
    case MESSAGE_FILE:
        return sizeof(struct message_file);
    case MESSAGE_LOAD:
        return sizeof(struct message_load);
    case MESSAGE_LOADED:
        return sizeof(struct message_loaded);
    case MESSAGE_TENSORS:
        return offsetof(struct message_tensors, tensors);
    case MESSAGE_VIOLATION:
        return sizeof(struct message_violation);
    case MESSAGE_RUN:
        return offsetof(struct message_run, inputs);
    case MESSAGE_DONE:
        return offsetof(struct message_done, outputs);
    default:
        return 0;
    }
}

static bool terminated(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static int check_loaded(const struct message_loaded *loaded, size_t size, struct error *error)
{
    if (loaded->code >= ERROR_CODE_COUNT || !terminated(loaded->text, sizeof loaded->text) ||
        !terminated(loaded->left_out, sizeof loaded->left_out)) {
        return malformed(error, "bad outcome of a load");
    }
    if (loaded->input_count > LIMIT_MODEL_TENSORS || loaded->output_count > LIMIT_MODEL_TENSORS) {
        return malformed(error, "too many tensors");
    }
    if (loaded->untried > 1) {
        return malformed(error, "bad outcome of a trial");
    }
    return size == sizeof *loaded ? 0 : malformed(error, "wrong length");
}

static int check_told(const struct message_tensors *told, size_t size, struct error *error)
{
    if (told->count == 0 || told->count > MESSAGE_TENSORS_MAX ||
        told->first > 2 * LIMIT_MODEL_TENSORS - told->count) {
        return malformed(error, "too many tensors");
    }
    if (size != offsetof(struct message_tensors, tensors) +
                    (size_t)told->count * sizeof(struct message_tensor)) {
        return malformed(error, "wrong length");
    }
    for (uint32_t i = 0; i < told->count; i++) {
        const struct tensor_info *info = &told->tensors[i].info;
        const struct tensor_shape *seen = &told->tensors[i].seen;
        size_t elements = 0;
        if (!terminated(info->name, sizeof info->name) ||
            !utf8_valid(info->name, strlen(info->name)) || info->shape.rank > LIMIT_TENSOR_RANK ||
            (unsigned)info->datatype >= DATATYPE_COUNT || tensor_shape_count(seen, &elements) < 0) {
            return malformed(error, "bad tensor description");
        }
    }
    return 0;
}

static int check_run(const struct message_run *run, size_t size, struct error *error)
{
    if (run->kind > RUN_THUMBNAIL || run->input_count > LIMIT_MODEL_TENSORS) {
        return malformed(error, "bad run request");
    }
    bool thumbnail = run->kind == RUN_THUMBNAIL;
    if (thumbnail ? run->edge < LIMIT_THUMBNAIL_EDGE_LEAST || run->edge > LIMIT_THUMBNAIL_EDGE
                  : run->edge != 0) {
        return malformed(error, "bad edge of a thumbnail");
    }
    if (size != offsetof(struct message_run, inputs) +
                    (size_t)run->input_count * sizeof(struct tensor_ref)) {
        return malformed(error, "wrong length");
    }
    return 0;
}

static int check_done(const struct message_done *done, size_t size, struct error *error)
{
    if (done->code >= ERROR_CODE_COUNT || done->output_count > LIMIT_MODEL_TENSORS ||
        !terminated(done->text, sizeof done->text)) {
        return malformed(error, "bad outcome of a run");
    }
    if (size != offsetof(struct message_done, outputs) +
                    (size_t)done->output_count * sizeof(struct tensor_ref)) {
        return malformed(error, "wrong length");
    }
    return 0;
}

int message_check(const union message *message, size_t size, struct error *error)
{
    if (size < sizeof message->header || message->header.version != MESSAGE_VERSION) {
        return malformed(error, "other version; situd and situ-worker must be of one build");
    }
    size_t smallest = smallest_size(message->header.type);
    if (smallest == 0 || size < smallest || size > sizeof *message) {
        return malformed(error, "unknown type or wrong length");
    }
    switch (message->header.type) {
    case MESSAGE_FILE:
        return terminated(message->file.path, sizeof message->file.path)
                   ? 0
                   : malformed(error, "file name without end");
    case MESSAGE_LANE:
        return message->lane.index < LIMIT_LANES &&
                       message->lane.input_bytes <= LIMIT_LANE_INPUT_BYTES &&
                       message->lane.output_bytes <= LIMIT_LANE_OUTPUT_BYTES
                   ? 0
                   : malformed(error, "bad lane");
    case MESSAGE_LOADED:
        return check_loaded(&message->loaded, size, error);
    case MESSAGE_TENSORS:
        return check_told(&message->tensors, size, error);
    case MESSAGE_VIOLATION:
        return terminated(message->violation.name, sizeof message->violation.name)
                   ? 0
                   : malformed(error, "system call name without end");
    case MESSAGE_RUN:
        return check_run(&message->run, size, error);
    case MESSAGE_DONE:
        return check_done(&message->done, size, error);
    default:
        return 0;
    }
}

struct tensor_ref tensor_ref_of(const struct tensor *tensor, uint64_t offset)
{
    return (struct tensor_ref){.index = tensor->index,
                               .datatype = tensor->datatype,
                               .shape = tensor->shape,
                               .offset = offset,
                               .size_bytes = tensor->size_bytes};
}

struct tensor message_tensor_of_ref(const struct tensor_ref *ref, const void *data)
{
    return (struct tensor){.index = ref->index,
                           .datatype = (enum datatype)ref->datatype,
                           .shape = ref->shape,
                           .data = data,
                           .size_bytes = (size_t)ref->size_bytes};
}

static bool has_size(const struct tensor_ref *ref, size_t elements)
{
    return ref->datatype == DATATYPE_BYTES
               ? elements <= ref->size_bytes / TENSOR_BYTES_HEAD
               : elements * datatype_size((enum datatype)ref->datatype) == ref->size_bytes;
}

int message_check_tensors(const struct tensor_ref *refs, uint32_t count, uint32_t index_limit,
                          uint64_t area_bytes, struct error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct tensor_ref *ref = &refs[i];
        size_t elements = 0;
        if (ref->index >= index_limit || ref->datatype == DATATYPE_NONE ||
            ref->datatype >= DATATYPE_COUNT) {
            return malformed(error, "tensor of unknown index or type");
        }
        if (tensor_shape_count(&ref->shape, &elements) < 0 || !has_size(ref, elements)) {
            return malformed(error, "tensor whose size is not its shape's");
        }
        if (ref->offset > area_bytes || ref->size_bytes > area_bytes - ref->offset) {
            return malformed(error, "tensor outside its buffer");
        }
    }
    return 0;
}

int message_check_thumbnail(const struct message_done *done, uint64_t area_bytes,
                            struct error *error)
{
    const struct tensor_ref *ref = &done->outputs[0];
    int r = message_check_tensors(done->outputs, done->output_count, 1, area_bytes, error);
    if (r < 0) {
        return r;
    }
    if (done->output_count != 1 || ref->datatype != DATATYPE_UINT8 || ref->shape.rank != 1 ||
        ref->size_bytes == 0 || ref->size_bytes > LIMIT_THUMBNAIL_BYTES) {
        return malformed(error, "bad thumbnail");
    }
    return 0;
}
