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

int postprocess_row(const struct item_output *output, size_t row, float **ret_values,
                    size_t *ret_count, struct error *error)
{
    size_t count = 0;
    size_t element = datatype_size(output->datatype);
    if (element == 0 || tensor_shape_count(&output->shape, &count) < 0 || count == 0 ||
        count * element != output->size_bytes) {
        return error_set(error, ERROR_UNFIT, "the model's output is empty or not of numbers");
    }
    size_t rows = output->shape.rank > 0 ? (size_t)output->shape.dims[0] : 1;
    if (row >= rows) {
        return error_set(error, ERROR_UNFIT, "the model's output has %zu rows, row %zu is asked",
                         rows, row);
    }
    count /= rows;
    float *values = malloc(count * sizeof *values);
    if (!values) {
        return error_set(error, ERROR_MEMORY, "out of memory");
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
    if (model->spec->apply_softmax >= 0) {
        return model->spec->apply_softmax;
    }
    return !(model->runtime.facts.probabilities & (1u << output));
}
