/* SPDX-License-Identifier: Apache-2.0
 *
 * Result objects from outcomes. Runs on lane threads, right after the run.
 */
#include "daemon/answer.h"

#include <stdlib.h>

#include "daemon/postprocess.h"
#include "wire/result_line.h"

static void write_error(struct buffer *out, const struct infer_item *item, const char *object)
{
    struct result result = {.object = object,
                            .kind = RESULT_ERROR,
                            .error_code = item->error.code,
                            .error_message = item->error.message};
    result_write_json(out, &result);
}

static void write_classes(struct buffer *out, struct infer_item *item, const char *object,
                          const struct answer_options *options)
{
    const struct model *model = item->request->model;
    struct result_class classes[LIMIT_TOP];
    struct result result = {.object = object, .kind = RESULT_CLASSES, .classes = classes};
    float *values = NULL;
    size_t count = 0;
    if (postprocess_row(&item->outputs[0], 0, &values, &count, &item->error) < 0) {
        write_error(out, item, object);
        return;
    }
    postprocess_classes(values, count, postprocess_wants_softmax(model, item->outputs[0].index),
                        options->top, classes, &result.class_count);
    free(values);
    for (size_t i = 0; options->labels && i < result.class_count; i++) {
        if (classes[i].index < model->spec->label_count) {
            classes[i].label = model->spec->labels[classes[i].index];
        }
    }
    result_write_json(out, &result);
}

static void write_embedding(struct buffer *out, struct infer_item *item, const char *object)
{
    float *values = NULL;
    struct result result = {.object = object, .kind = RESULT_EMBEDDING};
    if (postprocess_row(&item->outputs[0], 0, &values, &result.embedding_size, &item->error) < 0) {
        write_error(out, item, object);
        return;
    }
    if (item->request->model->spec->normalize_embedding) {
        postprocess_normalize(values, result.embedding_size);
    }
    result.embedding = values;
    result_write_json(out, &result);
    free(values);
}

static void write_outputs(struct buffer *out, const struct infer_item *item, const char *object)
{
    struct result_output outputs[LIMIT_MODEL_TENSORS];
    const struct worker_facts *facts = &item->request->model->runtime.facts;
    for (uint32_t i = 0; i < item->output_count; i++) {
        const struct item_output *output = &item->outputs[i];
        outputs[i] = (struct result_output){.name = facts->outputs[output->index].name,
                                            .datatype = output->datatype,
                                            .shape = output->shape,
                                            .data = output->data,
                                            .size_bytes = output->size_bytes};
    }
    struct result result = {.object = object,
                            .kind = RESULT_OUTPUTS,
                            .outputs = outputs,
                            .output_count = item->output_count};
    result_write_json(out, &result);
}

void answer_write(struct buffer *out, struct infer_item *item, const char *object,
                  const struct answer_options *options)
{
    if (item->error.code == ERROR_NONE && item->output_count == 0) {
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
        write_embedding(out, item, object);
        break;
    case MODEL_TENSOR:
        write_outputs(out, item, object);
        break;
    }
}
