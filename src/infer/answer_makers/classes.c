/* SPDX-License-Identifier: Apache-2.0
 *
 * Classes: a softmax where the primary output is logits, and the best of them.
 */
#include "infer/answer_makers/classes.h"

#include <math.h>
#include <stdlib.h>

#include "infer/answer_maker.h"
#include "infer/row.h"

/* ---- scores and the best of them ---- */

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
static bool is_worse(const struct answer_class *a, const struct answer_class *b)
{
    return a->score < b->score || (!(a->score > b->score) && a->index > b->index);
}

static void swap(struct answer_class *a, struct answer_class *b)
{
    struct answer_class kept = *a;
    *a = *b;
    *b = kept;
}

/* A heap with the worst class on top; the one at `place` may be too good for it. */
static void sink(struct answer_class *heap, size_t count, size_t place)
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

static struct answer_class class_of(const float *values, size_t i)
{
    return (struct answer_class){.index = (uint32_t)i,
                                 .score = isnan(values[i]) ? -INFINITY : values[i]};
}

/* A heap, so that no order of values makes many millions of them cost more than some comparisons
 * each. */
void classes_best(float *values, size_t count, bool apply_softmax, size_t top,
                  struct answer_class *ret_classes, size_t *ret_count)
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

/* ---- outputs that can be classes ---- */

/* Beside the outermost dimension at most one is above 1 (-1 is an open one). */
static int check_shape(const char *name, const struct tensor_shape *shape, struct error *error)
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
static int check(const struct model_spec *spec, const struct worker_facts *facts,
                 struct error *error)
{
    if (facts->output_count == 0 || facts->input_count == 0) {
        return 0;
    }
    uint32_t primary = answer_primary_output(spec, facts);
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
    return check_shape(output->name, shape, error);
}

bool classes_need_softmax(const struct model *model, uint32_t output)
{
    return tells_softmax(model->spec, &model->runtime.facts, output);
}

int classes_read_image(const struct model *model, const struct tensor *output, float **ret_values,
                       size_t *ret_count, struct error *error)
{
    bool one_row = row_count(&output->shape) == 1;
    int r = one_row ? check_shape(output->name, &output->shape, error) : 0;
    if (r < 0) {
        return r;
    }
    float *values = NULL;
    size_t count = 0;
    r = row_read_image(output, &values, &count, error);
    if (r < 0) {
        return r;
    }
    if (count == 1 && classes_need_softmax(model, output->index)) {
        free(values);
        return one_class(output->name, error);
    }
    *ret_values = values;
    *ret_count = count;
    return 0;
}

/* ---- the maker ---- */

static int make(const struct infer_item *item, size_t top, struct answer *answer,
                struct error *error)
{
    const struct model *model = item->request->model;
    const struct tensor *output = &item->outputs[0];
    struct answer_class *classes = answer->few;
    cleanup_free float *values = NULL;
    size_t count = 0;
    int r = classes_read_image(model, output, &values, &count, error);
    if (r < 0) {
        return r;
    }
    size_t room = top < count ? top : count;
    if (room > ANSWER_CLASSES_KEPT) {
        classes = malloc(room * sizeof *classes);
        if (!classes) {
            return error_memory(error, NULL);
        }
        answer->classes = classes;
        answer->memory = classes;
    }
    classes_best(values, count, classes_need_softmax(model, output->index), top, classes,
                 &answer->class_count);
    return 0;
}

static const char *const outputs[] = {"logits", NULL};

const struct answer_maker answer_maker_classes = {
    .kind = &answer_classes, .outputs = outputs, .check = check, .make = make};
