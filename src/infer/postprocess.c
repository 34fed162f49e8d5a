/* SPDX-License-Identifier: Apache-2.0
 *
 * Softmax, top-k and normalisation.
 */
#include "infer/postprocess.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int find_output(const struct worker_facts *facts, const char *const *names)
{
    for (; *names; names++) {
        for (uint32_t i = 0; i < facts->output_count; i++) {
            if (strcmp(facts->outputs[i].name, *names) == 0) {
                return (int)i;
            }
        }
    }
    return -1;
}

uint32_t postprocess_primary_output(const struct model_spec *spec, const struct worker_facts *facts)
{
    static const char *const class_names[] = {"logits", NULL};
    static const char *const feature_names[] = {"image_embeds", "pooler_output", "embeddings",
                                                "sentence_embedding", NULL};
    int found =
        find_output(facts, spec->task == MODEL_FEATURE_EXTRACTION ? feature_names : class_names);
    if (found >= 0) {
        return (uint32_t)found;
    }
    for (uint32_t i = 0; spec->task == MODEL_FEATURE_EXTRACTION && i < facts->output_count; i++) {
        if (facts->outputs[i].shape.rank == 2) {
            return i;
        }
    }
    return 0;
}

size_t postprocess_rows(const struct tensor_shape *shape)
{
    return shape->rank > 1 ? (size_t)shape->dims[0] : 1;
}

int postprocess_check_classes(const char *name, const struct tensor_shape *shape,
                              struct error *error)
{
    uint32_t wide = 0;
    for (uint32_t i = 1; i < shape->rank; i++) {
        wide += shape->dims[i] > 1;
    }
    if (wide > 1) {
        char text[128];
        return error_set(error, ERROR_UNFIT,
                         "output '%s' is %s: classes are one dimension beside the batch; add the "
                         "model with task 'feature-extraction' or 'tensor' for its raw outputs",
                         name, tensor_shape_text(shape, text, sizeof text));
    }
    return 0;
}

/* A softmax of one value is 1, whatever the value. */
static int one_class(const char *name, struct error *error)
{
    return error_set(error, ERROR_UNFIT,
                     "output '%s' is one value for each image, and the softmax of one value is "
                     "always 1; where it is a score, say {\"softmax\": false} in situ.json",
                     name);
}

static bool tells_softmax(const struct model_spec *spec, const struct worker_facts *facts,
                          uint32_t output)
{
    return spec->apply_softmax >= 0 ? spec->apply_softmax != 0
                                    : !tensor_set_has(&facts->probabilities, output);
}

/* What the trial run saw, where it had any values to see; otherwise what the model declares. */
static const struct tensor_shape *known_shape(const struct worker_facts *facts, uint32_t output)
{
    const struct tensor_shape *seen = facts->seen ? &facts->seen[output] : NULL;
    size_t count = 0;
    bool useful = seen && !facts->untried && tensor_shape_count(seen, &count) == 0 && count > 0;
    return useful ? seen : &facts->outputs[output].shape;
}

/* A declared shape of rank 0 may be one that the model does not state; one that was seen is a
 * single value. */
int postprocess_check(const struct model_spec *spec, const struct worker_facts *facts,
                      struct error *error)
{
    if (spec->task != MODEL_IMAGE_CLASSIFICATION || facts->output_count == 0 ||
        facts->input_count == 0) {
        return 0;
    }
    uint32_t primary = postprocess_primary_output(spec, facts);
    const struct tensor_info *output = &facts->outputs[primary];
    const struct tensor_shape *shape = known_shape(facts, primary);
    if (output->datatype == DATATYPE_BYTES) {
        return error_set(
            error, ERROR_UNFIT,
            "output '%s' is of strings: name the one that classes are made of 'logits', "
            "or add the model with task 'tensor'",
            output->name);
    }
    int64_t batch = facts->inputs[0].shape.dims[0] > 0 ? facts->inputs[0].shape.dims[0] : 1;
    bool has_rows = shape->rank > 1 || batch > 1;
    bool stated = shape->rank > 0 || shape != &output->shape;
    if (stated && has_rows &&
        (shape->rank == 0 || (shape->dims[0] >= 0 && shape->dims[0] != batch))) {
        char text[128];
        return error_set(error, ERROR_UNFIT,
                         "output '%s' is %s, and the batch is %lld: its first dimension must be "
                         "the batch, so that each image has a row of classes",
                         output->name, tensor_shape_text(shape, text, sizeof text),
                         (long long)batch);
    }
    struct tensor_shape row = *shape;
    size_t count = 0;
    if (row.rank > 0 && has_rows) {
        row.dims[0] = 1;
    }
    if (stated && tensor_shape_count(&row, &count) == 0 && count == 1 &&
        tells_softmax(spec, facts, primary)) {
        return one_class(output->name, error);
    }
    return postprocess_check_classes(output->name, shape, error);
}

int postprocess_image_row(const struct model *model, const struct tensor *output,
                          float **ret_values, size_t *ret_count, struct error *error)
{
    const char *name = model->runtime.facts.outputs[output->index].name;
    bool classes = model->spec->task == MODEL_IMAGE_CLASSIFICATION;
    if (postprocess_rows(&output->shape) != 1) {
        char text[128];
        return error_set(error, ERROR_UNFIT,
                         "output '%s' is %s for one image: its first dimension is not the batch",
                         name, tensor_shape_text(&output->shape, text, sizeof text));
    }
    int r = classes ? postprocess_check_classes(name, &output->shape, error) : 0;
    if (r == 0) {
        r = postprocess_row(output, 0, ret_values, ret_count, error);
    }
    if (r == 0 && classes && *ret_count == 1 && postprocess_wants_softmax(model, output->index)) {
        free(*ret_values);
        *ret_values = NULL;
        r = one_class(name, error);
    }
    return r;
}

static float load_value(const char *data, enum datatype datatype, size_t i)
{
    union {
        float f32;
        double f64;
        uint16_t u16;
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
        int16_t i16;
        int8_t i8;
        uint8_t u8;
    } value;
    size_t size = datatype_size(datatype);
    memcpy(&value, data + i * size, size);
    switch (datatype) {
    case DATATYPE_FP32:
        return value.f32;
    case DATATYPE_FP16:
        return half_to_float(value.u16);
    case DATATYPE_BF16:
        return bf16_to_float(value.u16);
    case DATATYPE_FP64:
        return (float)value.f64;
    case DATATYPE_UINT8:
    case DATATYPE_BOOL:
        return (float)value.u8;
    case DATATYPE_INT8:
        return (float)value.i8;
    case DATATYPE_UINT16:
        return (float)value.u16;
    case DATATYPE_INT16:
        return (float)value.i16;
    case DATATYPE_UINT32:
        return (float)value.u32;
    case DATATYPE_INT32:
        return (float)value.i32;
    case DATATYPE_UINT64:
        return (float)value.u64;
    case DATATYPE_INT64:
        return (float)value.i64;
    default:
        return 0;
    }
}

int postprocess_row(const struct tensor *output, size_t row, float **ret_values, size_t *ret_count,
                    struct error *error)
{
    size_t count = 0;
    size_t element = datatype_size(output->datatype);
    if (element == 0 || tensor_shape_count(&output->shape, &count) < 0 || count == 0 ||
        count * element != output->size_bytes) {
        return error_set(error, ERROR_UNFIT, "the model's output is empty or not of numbers");
    }
    size_t rows = postprocess_rows(&output->shape);
    if (row >= rows) {
        return error_set(error, ERROR_UNFIT, "the model's output has %zu rows, row %zu is asked",
                         rows, row);
    }
    count /= rows;
    float *values = malloc(count * sizeof *values);
    if (!values) {
        return error_memory(error, NULL);
    }
    const char *data = (const char *)output->data + row * count * element;
    if (output->datatype == DATATYPE_FP32) {
        memcpy(values, data, count * sizeof *values);
    } else {
        for (size_t i = 0; i < count; i++) {
            values[i] = load_value(data, output->datatype, i);
        }
    }
    *ret_values = values;
    *ret_count = count;
    return 0;
}

/* What is not a number stays one and takes no part; an infinity takes all. */
static void softmax(float *values, size_t count)
{
    float highest = -INFINITY;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        highest = values[i] > highest ? values[i] : highest;
    }
    for (size_t i = 0; i < count; i++) {
        if (!isnan(values[i])) {
            bool is_highest = !(values[i] < highest); /* also where both are infinite */
            double e = is_highest ? 1 : exp((double)values[i] - (double)highest);
            values[i] = (float)e;
            sum += e;
        }
    }
    for (size_t i = 0; i < count && sum > 0; i++) {
        values[i] = (float)((double)values[i] / sum);
    }
}

/* Does `a` come after `b`? */
static bool is_worse(const struct result_class *a, const struct result_class *b)
{
    return a->score < b->score || (!(a->score > b->score) && a->index > b->index);
}

static void swap(struct result_class *a, struct result_class *b)
{
    struct result_class kept = *a;
    *a = *b;
    *b = kept;
}

/* A heap with the worst class on top; the one at `place` may be too good for it. */
static void sink(struct result_class *heap, size_t count, size_t place)
{
    for (;;) {
        size_t worst = place;
        for (size_t child = 2 * place + 1; child <= 2 * place + 2 && child < count; child++) {
            worst = is_worse(&heap[child], &heap[worst]) ? child : worst;
        }
        if (worst == place) {
            return;
        }
        swap(&heap[place], &heap[worst]);
        place = worst;
    }
}

static struct result_class class_of(const float *values, size_t i)
{
    return (struct result_class){.index = (uint32_t)i,
                                 .score = isnan(values[i]) ? -INFINITY : values[i]};
}

/* A heap, so that no order of values makes many millions of them cost more than some comparisons
 * each. */
void postprocess_classes(float *values, size_t count, int apply_softmax, size_t top,
                         struct result_class *ret_classes, size_t *ret_count)
{
    if (apply_softmax) {
        softmax(values, count);
    }
    size_t used = top < count ? top : count;
    for (size_t i = 0; i < used; i++) {
        ret_classes[i] = class_of(values, i);
    }
    for (size_t start = used / 2; start-- > 0;) {
        sink(ret_classes, used, start);
    }
    for (size_t i = used; used > 0 && i < count; i++) {
        if (values[i] > ret_classes[0].score) { /* of equal ones the first stays */
            ret_classes[0] = class_of(values, i);
            sink(ret_classes, used, 0);
        }
    }
    for (size_t left = used; left-- > 1;) { /* the worst to the end, again and again */
        swap(&ret_classes[0], &ret_classes[left]);
        sink(ret_classes, left, 0);
    }
    *ret_count = used;
}

void postprocess_normalize(float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)values[i] * (double)values[i];
    }
    double scale = sum > 0 ? 1 / sqrt(sum) : 1;
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)((double)values[i] * scale);
    }
}

int postprocess_wants_softmax(const struct model *model, uint32_t output)
{
    return tells_softmax(model->spec, &model->runtime.facts, output);
}
