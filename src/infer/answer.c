/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers and result objects from outcomes. Runs on lane threads, right after the run, and where
 * jobs write their results.
 */
#include "infer/answer.h"

#include <stdlib.h>

#include "base/utf8.h"
#include "data/tensor_bytes.h"
#include "infer/postprocess.h"

static void write_error(struct buffer *out, const struct infer_item *item, const char *object)
{
    struct result result = {.object = object,
                            .kind = RESULT_ERROR,
                            .error_code = item->error.code,
                            .error_message = item->error.message};
    result_write_json(out, &result);
}

/* ---- answers ---- */

static int best_classes(const struct infer_item *item, size_t top, struct result_class *ret_classes,
                        size_t *ret_count, struct error *error)
{
    float *values = NULL;
    size_t count = 0;
    const struct model *model = item->request->model;
    int r = postprocess_image_row(model, &item->outputs[0], &values, &count, error);
    if (r == 0) {
        postprocess_classes(values, count, postprocess_wants_softmax(model, item->outputs[0].index),
                            top, ret_classes, ret_count);
        free(values);
    }
    return r;
}

static int make_embedding(const struct infer_item *item, float **ret_values, size_t *ret_count,
                          struct error *error)
{
    int r = postprocess_image_row(item->request->model, &item->outputs[0], ret_values, ret_count,
                                  error);
    if (r == 0 && item->request->model->spec->normalize_embedding) {
        postprocess_normalize(*ret_values, *ret_count);
    }
    return r;
}

void answer_make(struct infer_item *item)
{
    struct cache_value *answer = &item->answer;
    struct result_class classes[CACHE_CLASSES_MAX];
    float *values = NULL;
    if (item->output_count == 0) {
        return;
    }
    switch (item->request->model->spec->task) {
    case MODEL_IMAGE_CLASSIFICATION:
        if (best_classes(item, CACHE_CLASSES_MAX, classes, &answer->class_count, NULL) == 0) {
            answer->kind = CACHE_CLASSES;
        }
        for (size_t i = 0; i < answer->class_count; i++) {
            answer->classes[i] = (struct cache_class){classes[i].index, classes[i].score};
        }
        break;
    case MODEL_FEATURE_EXTRACTION:
        if (make_embedding(item, &values, &answer->embedding_size, NULL) == 0) {
            answer->kind = CACHE_EMBEDDING;
            answer->embedding = values;
            answer->memory = values;
        }
        break;
    case MODEL_TENSOR:
        break;
    }
}

bool answer_suffices(const struct cache_value *answer, size_t top)
{
    /* Fewer than could be kept: the model has no more. */
    return answer->kind == CACHE_CLASSES &&
           (top <= answer->class_count || answer->class_count < CACHE_CLASSES_MAX);
}

size_t answer_classes(const struct cache_value *answer, size_t top,
                      struct result_class *ret_classes)
{
    size_t count = top < answer->class_count ? top : answer->class_count;
    for (size_t i = 0; i < count; i++) {
        ret_classes[i] = (struct result_class){.index = answer->classes[i].index,
                                               .score = answer->classes[i].probability};
    }
    return count;
}

/* ---- result objects ---- */

static void write_classes(struct buffer *out, struct infer_item *item, const char *object,
                          const struct answer_options *options)
{
    const struct model_spec *spec = item->request->model->spec;
    struct result_class classes[LIMIT_TOP];
    struct result result = {.object = object, .kind = RESULT_CLASSES, .classes = classes};
    if (item->output_count == 0 || answer_suffices(&item->answer, options->top)) {
        result.class_count = answer_classes(&item->answer, options->top, classes);
    } else if (best_classes(item, options->top, classes, &result.class_count, &item->error) < 0) {
        write_error(out, item, object);
        return;
    }
    for (size_t i = 0; options->labels && i < result.class_count; i++) {
        if (classes[i].index < spec->label_count) {
            classes[i].label = spec->labels[classes[i].index];
        }
    }
    result_write_json(out, &result);
}

static void write_embedding(struct buffer *out, struct infer_item *item, const char *object,
                            const struct answer_options *options)
{
    cleanup_free float *values = NULL;
    struct result result = {.object = object,
                            .kind = RESULT_EMBEDDING,
                            .embedding_base64 = options->binary,
                            .embedding = item->answer.embedding,
                            .embedding_size = item->answer.embedding_size};
    if (item->answer.kind != CACHE_EMBEDDING) {
        if (make_embedding(item, &values, &result.embedding_size, &item->error) < 0) {
            write_error(out, item, object);
            return;
        }
        result.embedding = values;
    }
    result_write_json(out, &result);
}

/* Strings that JSON cannot have make the whole outcome an error. */
static bool check_strings(const struct tensor *output, struct error *error)
{
    struct tensor_bytes left = {output->data, output->size_bytes};
    const char *data = NULL;
    size_t size = 0;
    while (output->datatype == DATATYPE_BYTES && tensor_bytes_next(&left, &data, &size)) {
        if (!utf8_valid(data, size)) {
            (void)error_set(error, ERROR_UNFIT,
                            "output '%s' has strings that are not UTF-8, which JSON cannot have: "
                            "ask for binary data under /v2",
                            output->name);
            return false;
        }
    }
    return true;
}

static void write_outputs(struct buffer *out, struct infer_item *item, const char *object,
                          struct pieces *later)
{
    for (uint32_t i = 0; i < item->output_count; i++) {
        if (!check_strings(&item->outputs[i], &item->error)) {
            write_error(out, item, object);
            return;
        }
    }
    struct result result = {.object = object,
                            .kind = RESULT_OUTPUTS,
                            .outputs = item->outputs,
                            .output_count = item->output_count,
                            .later = later};
    result_write_json(out, &result);
}

void answer_write(struct buffer *out, struct infer_item *item, const char *object,
                  const struct answer_options *options)
{
    if (item->error.code == ERROR_NONE && item->output_count == 0 && item->answer.kind == 0) {
        (void)error_set(&item->error, ERROR_INTERNAL, "the worker gave no output");
    }
    if (item->error.code != ERROR_NONE) {
        write_error(out, item, object);
        return;
    }
    switch (item->request->model->spec->task) {
    case MODEL_IMAGE_CLASSIFICATION:
        write_classes(out, item, object, options);
        break;
    case MODEL_FEATURE_EXTRACTION:
        write_embedding(out, item, object, options);
        break;
    case MODEL_TENSOR:
        write_outputs(out, item, object, options->later);
        break;
    }
}
