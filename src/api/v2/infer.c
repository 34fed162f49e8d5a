/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /v2/models/M/infer: the Open Inference Protocol over stored objects, images in the request,
 * or the model's own tensors. One item per image; the last one to complete builds the answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "api/piece_stream.h"
#include "api/v2/v2.h"
#include "data/tensor_bytes.h"
#include "infer/answer_makers/classes.h"
#include "infer/row.h"
#include "wire/v2_request.h"
#include "wire/v2_response.h"

static const char image_input[] = "image";

enum { SMALL_BODY_BYTES = 256 << 10 };

struct wanted {
    uint32_t output; /* index of the model's output */
    uint32_t classification;
    bool binary;
};

/* The memory of one output of the answer, until it is sent. */
struct output_memory {
    void *data;          /* owned */
    size_t budget_bytes; /* taken from the budget of all answers for it */
    struct buffer text;  /* of a classification, in the form of tensor_bytes.h */
};

struct v2_call {
    struct v2_request *body; /* owned */
    struct infer_request request;
    struct infer_item *items;  /* owned */
    struct item_input *inputs; /* owned; of a model that takes tensors */
    atomic_size_t remaining;
    struct wanted *wanted; /* owned */
    size_t wanted_count;
    struct output_memory *memory; /* owned; one for each wanted output */
    bool stored;
};

static void drop_outcomes(struct v2_call *v2)
{
    for (size_t i = 0; v2->items && i < v2->request.item_count; i++) {
        infer_item_reset(&v2->items[i]);
    }
}

static void drop_memory(struct v2_call *v2)
{
    for (size_t i = 0; i < v2->wanted_count; i++) {
        struct output_memory *memory = &v2->memory[i];
        free(memory->data);
        buffer_done(&memory->text);
        if (memory->budget_bytes > 0) {
            budget_give(v2->request.answers, memory->budget_bytes);
        }
        *memory = (struct output_memory){0};
    }
}

static void free_v2(void *state)
{
    struct v2_call *v2 = state;
    drop_outcomes(v2);
    drop_memory(v2);
    free(v2->items);
    free(v2->inputs);
    free(v2->wanted);
    free(v2->memory);
    v2_request_free(v2->body);
    free(v2);
}

/* ---- the answer ---- */

static const struct tensor *find_output(const struct infer_item *item, uint32_t index)
{
    for (uint32_t i = 0; i < item->output_count; i++) {
        if (item->outputs[i].index == index) {
            return &item->outputs[i];
        }
    }
    return NULL;
}

/* The output of the first item that did not fail, which has shape and type. */
static const struct tensor *model_output(const struct v2_call *v2, uint32_t index)
{
    for (size_t i = 0; i < v2->request.item_count; i++) {
        const struct tensor *output = find_output(&v2->items[i], index);
        if (output) {
            return output;
        }
    }
    return NULL;
}

static bool same_form(const struct tensor *a, const struct tensor *b)
{
    return a->datatype == b->datatype && tensor_shape_matches(&a->shape, &b->shape) &&
           tensor_shape_matches(&b->shape, &a->shape);
}

static int differs(const char *name, struct error *error)
{
    return error_set(error, ERROR_UNFIT,
                     "output '%s' differs in shape between objects: ask for one at a time", name);
}

/* The bytes that an item adds to the joined rows: its output, or zeros (empty strings) if it
 * failed. */
static size_t row_bytes(const struct tensor *output, const struct tensor *sample)
{
    size_t count = 0;
    if (output) {
        return output->size_bytes;
    }
    return sample->datatype == DATATYPE_BYTES && tensor_shape_count(&sample->shape, &count) == 0
               ? count * TENSOR_BYTES_HEAD
               : sample->size_bytes;
}

/* Copies the rows one after the other into memory of their own. With the last wanted output each
 * item frees its outputs as soon as they are copied, so that there are never two copies of all. */
static int copy_rows(struct v2_call *v2, const struct wanted *wanted, const struct tensor *first,
                     struct output_memory *memory, struct tensor *ret_output, struct error *error)
{
    const struct tensor copy = *first; /* `first` is an item's, and may be freed with it */
    const struct tensor *sample = &copy;
    bool last = wanted == &v2->wanted[v2->wanted_count - 1];
    size_t total = 0;
    for (size_t i = 0; i < v2->request.item_count; i++) {
        const struct tensor *output = find_output(&v2->items[i], wanted->output);
        if (output && !same_form(output, sample)) {
            return differs(ret_output->name, error);
        }
        total += row_bytes(output, sample);
    }
    if (total > LIMIT_OUTPUT_BYTES) {
        return error_set(error, ERROR_TOO_LARGE, "output '%s' is above %llu bytes for all objects",
                         ret_output->name, (unsigned long long)LIMIT_OUTPUT_BYTES);
    }
    memory->data = calloc(total ? total : 1, 1);
    if (!memory->data) {
        return error_memory(error, NULL);
    }
    ret_output->data = memory->data;
    ret_output->size_bytes = total;
    char *at = memory->data;
    for (size_t i = 0; i < v2->request.item_count; i++) {
        const struct tensor *output = find_output(&v2->items[i], wanted->output);
        size_t size = row_bytes(output, sample);
        if (!budget_take(v2->request.answers, size, total)) {
            return error_set(error, ERROR_UNAVAILABLE,
                             "the answers that wait to be sent are at their limit; try again");
        }
        memory->budget_bytes += size;
        if (output) {
            memcpy(at, output->data, output->size_bytes);
        }
        if (output && last) { /* a failed one still has its error to report */
            infer_item_reset(&v2->items[i]);
        }
        at += size;
    }
    return 0;
}

static int join_rows(struct v2_call *v2, const struct wanted *wanted, const struct tensor *sample,
                     struct output_memory *memory, struct tensor *ret_output, struct error *error)
{
    size_t count = v2->request.item_count;
    ret_output->datatype = sample->datatype;
    ret_output->shape = sample->shape;
    if (count == 1) {
        ret_output->data = sample->data;
        ret_output->size_bytes = sample->size_bytes;
        return 0;
    }
    /* A vector of one image has no batch dimension, unless it has one value. */
    if (sample->shape.rank == 0 || (sample->shape.rank == 1 && sample->shape.dims[0] != 1)) {
        return error_set(error, ERROR_UNFIT,
                         "output '%s' has no batch dimension: ask for one object",
                         ret_output->name);
    }
    if (__builtin_mul_overflow(sample->shape.dims[0], (int64_t)count, &ret_output->shape.dims[0])) {
        return error_set(error, ERROR_UNFIT, "output '%s' has a shape without sense",
                         ret_output->name);
    }
    return copy_rows(v2, wanted, sample, memory, ret_output, error);
}

/* Rows of a classification that are written as text, one element after the other. */
struct classification {
    const struct model *model;
    uint32_t output;
    size_t top;
    const char *name;
    const struct tensor *sample; /* NULL if all items have answers */
    struct buffer *text;
};

/* An answer has the classes of the only row of the primary output. */
static bool has_answer(const struct infer_item *item)
{
    return tensor_set_is_empty(&item->request->outputs) && item->answer.kind == &answer_classes;
}

static int row_classes(const struct classification *c, const struct infer_item *item, size_t row,
                       struct answer_class *ret_classes, size_t *ret_count, struct error *error)
{
    if (has_answer(item) && row == 0) {
        const struct answer *answer = &item->answer;
        *ret_count = c->top < answer->class_count ? c->top : answer->class_count;
        memcpy(ret_classes, answer_class_list(answer), *ret_count * sizeof *ret_classes);
        return 0;
    }
    const struct tensor *output = find_output(item, c->output);
    if (!output || !c->sample || !same_form(output, c->sample)) {
        return differs(c->name, error);
    }
    struct tensor named = *output; /* out of the result cache it has no name */
    named.name = c->name;
    cleanup_free float *values = NULL;
    size_t count = 0;
    bool image = item->kind != ITEM_TENSORS && c->output == c->model->runtime.primary_output;
    bool classes = c->model->spec->task == MODEL_IMAGE_CLASSIFICATION;
    int r = 0;
    if (image && classes) {
        r = classes_read_image(c->model, &named, &values, &count, error);
    } else if (image) {
        r = row_read_image(&named, &values, &count, error);
    } else {
        r = row_read(&named, row, &values, &count, error);
    }
    if (r == 0) {
        bool softmax = classes && classes_need_softmax(c->model, c->output);
        classes_best(values, count, softmax, c->top, ret_classes, ret_count);
    }
    return r;
}

/* What is appended between these two is one element of a BYTES tensor. */
static size_t begin_string(struct buffer *text)
{
    size_t start = text->size;
    buffer_append(text, "\0\0\0", TENSOR_BYTES_HEAD);
    return start;
}

static void end_string(struct buffer *text, size_t start)
{
    if (buffer_ok(text) == 0) {
        tensor_bytes_put(text->data + start, (uint32_t)(text->size - start - TENSOR_BYTES_HEAD));
    }
}

static int classify_row(const struct classification *c, const struct infer_item *item, size_t row,
                        struct error *error)
{
    struct answer_class classes[LIMIT_TOP];
    const struct model_spec *spec = c->model->spec;
    size_t used = 0;
    int r = row_classes(c, item, row, classes, &used, error);
    if (r < 0) {
        return r;
    }
    if (used != c->top) {
        return differs(c->name, error);
    }
    for (size_t i = 0; i < used; i++) {
        const char *label =
            classes[i].index < spec->label_count ? spec->labels[classes[i].index] : NULL;
        size_t start = begin_string(c->text);
        v2_response_write_classification(c->text, classes[i].score, classes[i].index, label);
        end_string(c->text, start);
    }
    return 0;
}

/* The number of rows, and of classes in each, from the first item that did not fail. */
static int measure(const struct v2_call *v2, const struct wanted *wanted, const char *name,
                   size_t *ret_rows, size_t *ret_classes, struct error *error)
{
    for (size_t i = 0; i < v2->request.item_count; i++) {
        if (has_answer(&v2->items[i])) {
            *ret_rows = 1;
            *ret_classes = v2->items[i].answer.class_count;
            return 0;
        }
    }
    const struct tensor *sample = model_output(v2, wanted->output);
    if (!sample) {
        return error_set(error, ERROR_INTERNAL, "the worker gave no output '%s'", name);
    }
    const struct tensor_shape *shape = &sample->shape;
    size_t count = 0;
    bool known = tensor_shape_count(shape, &count) == 0 && count > 0;
    *ret_rows = known ? row_count(shape) : 1;
    *ret_classes = known ? count / *ret_rows : 0;
    return 0;
}

static int classify(const struct call *call, const struct wanted *wanted,
                    struct output_memory *memory, struct tensor *ret_output, struct error *error)
{
    const struct v2_call *v2 = call->state;
    size_t rows = 0;
    size_t per_row = 0;
    int r = measure(v2, wanted, ret_output->name, &rows, &per_row, error);
    if (r < 0) {
        return r;
    }
    size_t top = wanted->classification < per_row ? wanted->classification : per_row;
    if (top == 0) {
        return error_set(error, ERROR_UNFIT, "output '%s' is empty", ret_output->name);
    }
    if (rows > LIMIT_JSON_VALUES / top / v2->request.item_count) {
        return error_set(error, ERROR_TOO_LARGE, "output '%s' has more than %llu classes to tell",
                         ret_output->name, (unsigned long long)LIMIT_JSON_VALUES);
    }
    struct classification classification = {.model = call->model,
                                            .output = wanted->output,
                                            .top = top,
                                            .name = ret_output->name,
                                            .sample = model_output(v2, wanted->output),
                                            .text = &memory->text};
    for (size_t i = 0; i < v2->request.item_count; i++) {
        const struct infer_item *item = &v2->items[i];
        bool there = has_answer(item) || find_output(item, wanted->output);
        for (size_t row = 0; there && row < rows; row++) {
            r = classify_row(&classification, item, row, error);
            if (r < 0) {
                return r;
            }
        }
        for (size_t k = 0; !there && k < rows * top; k++) { /* empty strings */
            end_string(&memory->text, begin_string(&memory->text));
        }
    }
    ret_output->datatype = DATATYPE_BYTES;
    ret_output->data = memory->text.data;
    ret_output->size_bytes = memory->text.size;
    ret_output->shape =
        (struct tensor_shape){2, {(int64_t)(v2->request.item_count * rows), (int64_t)top}};
    return buffer_ok(&memory->text) < 0 ? error_memory(error, NULL) : 0;
}

static int make_output(const struct call *call, const struct wanted *wanted,
                       struct output_memory *memory, struct tensor *ret_output, struct error *error)
{
    struct v2_call *v2 = call->state;
    *ret_output = (struct tensor){.name = call->model->runtime.facts.outputs[wanted->output].name};
    if (wanted->classification > 0) {
        return classify(call, wanted, memory, ret_output, error);
    }
    const struct tensor *sample = model_output(v2, wanted->output);
    if (!sample) {
        return error_set(error, ERROR_INTERNAL, "the worker gave no output '%s'", ret_output->name);
    }
    return join_rows(v2, wanted, sample, memory, ret_output, error);
}

/* Whether the tensors are so large that they are written while the client receives them. */
static bool is_long(const struct v2_call *v2, const struct v2_output *outputs)
{
    size_t total = 0;
    for (size_t i = 0; i < v2->wanted_count; i++) {
        total += v2->wanted[i].classification > 0 ? 0 : outputs[i].tensor.size_bytes;
    }
    return total >= PIECE_STREAM_LEAST;
}

static void send_answer(struct call *call, const struct v2_response *response, bool later)
{
    struct pieces json = PIECES_INIT;
    struct pieces binary = PIECES_INIT;
    struct v2_output outputs[LIMIT_MODEL_TENSORS];
    struct v2_response own = *response;
    struct error error = {.code = ERROR_MEMORY, .message = "out of memory"};
    own.outputs = outputs;
    for (size_t i = 0; i < own.output_count; i++) {
        outputs[i] = response->outputs[i];
        outputs[i].later = !later ? NULL : outputs[i].binary ? &binary : &json;
    }
    if (v2_response_write(&own, &json.text, &binary.text, &error) < 0) {
        call_respond_error(call, &error);
    } else if (later) {
        piece_stream_send(call, &json, &binary);
    } else if (binary.text.size == 0) {
        call_respond_json(call, 200, &json.text);
    } else {
        char length[32];
        (void)snprintf(length, sizeof length, "%zu", json.text.size);
        const char *headers[] = {"Inference-Header-Content-Length", length, NULL};
        buffer_append(&json.text, binary.text.data, binary.text.size);
        call_respond(call, 200, "application/octet-stream", &json.text, headers);
    }
    pieces_done(&json);
    pieces_done(&binary);
}

static void answer(struct call *call, const struct v2_element_error *errors, size_t error_count)
{
    struct v2_call *v2 = call->state;
    struct v2_output outputs[LIMIT_MODEL_TENSORS];
    struct error error = {0};
    int r = 0;
    for (size_t i = 0; i < v2->wanted_count && r == 0; i++) {
        outputs[i] = (struct v2_output){.binary = v2->wanted[i].binary};
        r = make_output(call, &v2->wanted[i], &v2->memory[i], &outputs[i].tensor, &error);
    }
    if (r < 0) {
        call_respond_error(call, &error);
        return;
    }
    struct v2_response response = {.model_name = call->model->name,
                                   .model_version = call->model->version,
                                   .id = v2->body->id,
                                   .outputs = outputs,
                                   .output_count = v2->wanted_count,
                                   .errors = errors,
                                   .error_count = error_count};
    bool later = is_long(v2, outputs);
    send_answer(call, &response, later);
    if (!later) { /* the answer is a copy */
        drop_memory(v2);
    }
    if (!later || v2->request.item_count > 1) { /* or made of joined rows */
        drop_outcomes(v2);
    }
}

static const char *element_name(const struct v2_call *v2, size_t index)
{
    return v2->stored ? v2->body->inputs[0].elements[index].data : NULL;
}

static void respond_failure(struct call *call, size_t index)
{
    const struct v2_call *v2 = call->state;
    const struct infer_item *item = &v2->items[index];
    struct error error = {0};
    if (item->kind == ITEM_TENSORS) {
        error = item->error;
    } else if (v2->stored) {
        (void)error_set(&error, item->error.code, "object '%.200s': %.260s",
                        element_name(v2, index), item->error.message);
    } else {
        (void)error_set(&error, item->error.code, "image %zu: %.400s", index, item->error.message);
    }
    call_respond_error(call, &error);
}

static void all_done(struct call *call)
{
    const struct v2_call *v2 = call->state;
    size_t count = v2->request.item_count;
    cleanup_free struct v2_element_error *errors = calloc(count, sizeof *errors);
    size_t failed = 0;
    if (!errors) {
        call_respond_memory(call);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct infer_item *item = &v2->items[i];
        if (item->error.code != ERROR_NONE) {
            errors[failed++] = (struct v2_element_error){.index = i,
                                                         .object = element_name(v2, i),
                                                         .code = item->error.code,
                                                         .message = item->error.message};
        }
    }
    if (failed == count || (failed > 0 && !v2->body->partial)) {
        respond_failure(call, errors[0].index);
    } else {
        answer(call, errors, failed);
    }
}

static void v2_item_done(struct infer_request *request, struct infer_item *item)
{
    (void)item;
    struct call *call = request->owner;
    struct v2_call *v2 = call->state;
    if (atomic_fetch_sub(&v2->remaining, 1) == 1) {
        all_done(call);
        call_unref(call);
    }
}

/* ---- the request ---- */

static int choose_outputs(struct call *call, struct v2_call *v2, struct error *error)
{
    const struct worker_facts *facts = &call->model->runtime.facts;
    const struct v2_request *body = v2->body;
    size_t room = body->output_count > 0 ? body->output_count : facts->output_count;
    v2->wanted = calloc(room + 1, sizeof *v2->wanted);
    v2->memory = calloc(room + 1, sizeof *v2->memory);
    if (!v2->wanted || !v2->memory) {
        return error_memory(error, NULL);
    }
    for (uint32_t i = 0; body->output_count == 0 && i < facts->output_count; i++) {
        v2->wanted[v2->wanted_count++] = (struct wanted){i, 0, body->binary_output};
        tensor_set_add(&v2->request.outputs, i);
    }
    for (size_t i = 0; i < body->output_count; i++) {
        const struct v2_request_output *output = &body->outputs[i];
        uint32_t index = 0;
        while (index < facts->output_count &&
               strcmp(facts->outputs[index].name, output->name) != 0) {
            index++;
        }
        if (index == facts->output_count) {
            return error_set(error, ERROR_MALFORMED,
                             "model '%s' has no output '%.128s'; its first is '%s'",
                             call->model->name, output->name, facts->outputs[0].name);
        }
        v2->wanted[v2->wanted_count++] =
            (struct wanted){index, output->classification, output->binary};
        tensor_set_add(&v2->request.outputs, index);
    }
    return 0;
}

/* If the request is only for the top classes of the primary output, as under /v1, the answer has
 * them, and may be in the result cache; otherwise the outputs themselves are needed. */
static void prefer_answer(const struct call *call, struct v2_call *v2)
{
    const struct wanted *only = &v2->wanted[0];
    if (v2->wanted_count == 1 && call->model->spec->task == MODEL_IMAGE_CLASSIFICATION &&
        only->output == call->model->runtime.primary_output && only->classification > 0 &&
        only->classification <= ANSWER_CLASSES_KEPT) {
        v2->request.outputs = (struct tensor_set){{0}};
        v2->request.top = only->classification;
    }
}

static int make_items(struct v2_call *v2, size_t count, struct error *error)
{
    v2->items = calloc(count, sizeof *v2->items);
    if (!v2->items) {
        return error_memory(error, NULL);
    }
    infer_request_set_items(&v2->request, v2->items, count);
    atomic_store(&v2->remaining, count);
    return 0;
}

/* [n], or [n,1], which clients send for one element per batch entry. */
static bool is_column(const struct tensor_shape *shape)
{
    return shape->rank == 1 || (shape->rank == 2 && shape->dims[1] == 1);
}

static int take_images(struct call *call, struct v2_call *v2, struct error *error)
{
    const struct v2_input *input = &v2->body->inputs[0];
    if (input->count == 0 || !is_column(&input->tensor.shape)) {
        return error_set(error, ERROR_MALFORMED,
                         "input 'image' must have shape [n] or [n,1], n from 1 to %u",
                         LIMIT_REQUEST_OBJECTS);
    }
    int r = make_items(v2, input->count, error);
    v2->stored = input->stored_object;
    for (size_t i = 0; i < input->count && r == 0; i++) {
        struct infer_item *item = &v2->items[i];
        item->kind = input->stored_object ? ITEM_STORED : ITEM_BYTES;
        item->bytes = input->elements[i].data;
        item->size_bytes = input->elements[i].size;
        if (input->stored_object) {
            /* A bad name fails only its own element. */
            (void)!call_find_item(call, RIGHT_INFER, input->elements[i].data, item, &item->error);
        }
    }
    return r;
}

static int check_datatype(const struct v2_input *input, enum datatype wanted, struct error *error)
{
    return input->tensor.datatype == wanted
               ? 0
               : error_set(error, ERROR_UNFIT, "input '%s' wants %s, the request has %s",
                           input->tensor.name, datatype_name(wanted),
                           datatype_name(input->tensor.datatype));
}

/* An input that is stored as .npy; its type and shape are known once it was read. */
static int take_stored_tensor(struct call *call, const struct v2_input *input,
                              struct item_input *ret_input, struct error *error)
{
    if (input->count != 1) {
        return error_set(error, ERROR_MALFORMED, "input '%s': takes one stored object, not %zu",
                         input->tensor.name, input->count);
    }
    struct call_object object;
    int r = call_find_object(call, RIGHT_INFER, input->elements[0].data, &object, error);
    if (r == 0) {
        ret_input->store = object.store;
        ret_input->key = object.key;
        ret_input->hidden = object.hidden;
    }
    return r;
}

static int no_such_input(const struct call *call, const char *name, struct error *error)
{
    const struct worker_facts *facts = &call->model->runtime.facts;
    if (facts->input_count == 0) {
        return error_set(error, ERROR_MALFORMED,
                         "model '%s' has no input '%.128s'; it takes none at all",
                         call->model->name, name);
    }
    return error_set(
        error, ERROR_MALFORMED, "model '%s' has no input '%.128s'; %s'%s'", call->model->name, name,
        call->model->spec->task != MODEL_TENSOR ? "it takes 'image' or " : "its first is ",
        facts->inputs[0].name);
}

static int take_tensors(struct call *call, struct v2_call *v2, struct error *error)
{
    const struct worker_facts *facts = &call->model->runtime.facts;
    if (v2->body->input_count == 0 && facts->input_count > 0) {
        return error_set(error, ERROR_MALFORMED,
                         "request: inputs must name tensors; the first of model '%s' is '%s'",
                         call->model->name, facts->inputs[0].name);
    }
    int r = make_items(v2, 1, error);
    if (r < 0) {
        return r;
    }
    v2->inputs = calloc(v2->body->input_count + 1, sizeof *v2->inputs);
    if (!v2->inputs) {
        return error_memory(error, NULL);
    }
    v2->items[0].kind = ITEM_TENSORS;
    v2->items[0].inputs = v2->inputs;
    for (size_t i = 0; i < v2->body->input_count; i++) {
        const struct v2_input *input = &v2->body->inputs[i];
        uint32_t index = 0;
        while (index < facts->input_count &&
               strcmp(facts->inputs[index].name, input->tensor.name) != 0) {
            index++;
        }
        if (index == facts->input_count) {
            return no_such_input(call, input->tensor.name, error);
        }
        struct item_input *taken = &v2->inputs[v2->items[0].input_count++];
        if (input->stored_object) {
            taken->tensor.index = index;
            r = take_stored_tensor(call, input, taken, error);
        } else {
            taken->tensor = input->tensor;
            taken->tensor.index = index;
            r = check_datatype(input, facts->inputs[index].datatype, error);
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static void v2_gone(struct call *call)
{
    struct v2_call *v2 = call->state;
    dispatch_cancel(call->service->dispatch, &v2->request);
}

/* Items with a bad name have failed already; the others are queued together. */
static void submit(struct call *call, struct v2_call *v2)
{
    struct error error = {0};
    size_t good = 0;
    struct infer_item *items = v2->items;
    (void)call_ref(call);
    for (size_t i = 0; i < v2->request.item_count; i++) {
        if (items[i].error.code == ERROR_NONE) {
            good++;
        } else if (!v2->body->partial) {
            respond_failure(call, i);
            call_unref(call);
            return;
        }
    }
    atomic_store(&v2->remaining, good + 1);
    atomic_store(&call->client_gone, v2_gone);
    int r = 0;
    for (size_t i = 0; i < v2->request.item_count && r == 0;) {
        size_t end = i;
        while (end < v2->request.item_count && items[end].error.code == ERROR_NONE) {
            end++;
        }
        if (end > i) {
            r = dispatch_submit(call->service->dispatch, &v2->request, items + i, end - i, &error);
            good -= r == 0 ? end - i : 0;
        }
        i = end + 1;
    }
    if (r < 0) {
        call_respond_error(call,
                           &error); /* the first answer is sent, not that of the submitted items */
        dispatch_cancel(call->service->dispatch, &v2->request);
    }
    if (atomic_fetch_sub(&v2->remaining, good + 1) == good + 1) {
        if (r == 0) {
            all_done(call);
        }
        call_unref(call);
    }
}

static void infer(struct call *call)
{
    struct error error = {0};
    size_t size = 0;
    const void *body = http_request_body(call->request, &size);
    struct v2_call *v2 = call_new_state(call, sizeof *v2, free_v2);
    if (!v2) {
        return;
    }
    infer_request_init(&v2->request, call->model, QUEUE_INTERACTIVE,
                       call->service->config.request_ms, v2_item_done, call);
    v2->request.answers = &call->api->answers;
    int r = v2_request_parse(body, size,
                             http_request_header(call->request, "Inference-Header-Content-Length"),
                             call->model->spec->task == MODEL_TENSOR, &v2->body, &error);
    if (r == 0) {
        r = choose_outputs(call, v2, &error);
    }
    if (r == 0) {
        bool image = call->model->spec->task != MODEL_TENSOR && v2->body->input_count == 1 &&
                     strcmp(v2->body->inputs[0].tensor.name, image_input) == 0 &&
                     v2->body->inputs[0].tensor.datatype == DATATYPE_BYTES;
        if (image) {
            prefer_answer(call, v2);
        }
        v2->request.no_cache = v2->body->no_cache;
        r = image ? take_images(call, v2, &error) : take_tensors(call, v2, &error);
    }
    if (r < 0) {
        call_respond_error(call, &error);
        return;
    }
    submit(call, v2);
}

static void infer_on_task(void *argument)
{
    struct call *call = argument;
    infer(call);
    call_unref(call);
}

/* The first requests for a model wait until its inputs and outputs are known. Then each parses its
 * body; a large one is parsed on a task, since one thread notifies all of them. */
static void loaded(struct call *call, const struct error *error)
{
    size_t size = 0;
    (void)http_request_body(call->request, &size);
    if (error) {
        call_respond_error(call, error);
    } else if (size <= SMALL_BODY_BYTES) {
        infer(call);
    } else if (tasks_queue(call->service->transfers, infer_on_task, call_ref(call)) < 0) {
        call_respond_memory(call);
        call_unref(call);
    }
}

void v2_infer(struct call *call)
{
    if (!call_find_v2_model(call)) {
        return;
    }
    if (dispatch_facts_known(call->service->dispatch, call->model)) {
        infer(call);
    } else {
        call_when_loaded(call, loaded);
    }
}
