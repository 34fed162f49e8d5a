/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of answer makers, and what is the same for all of them.
 */
#include "infer/answer_maker.h"

#include <string.h>

#include "data/result.h"
#include "data/test_rows.h"

/* Those of tests, which a build with -Dtest_backends=true has. */
#define DECLARE(name) extern const struct answer_maker answer_maker_##name;
#define ROW(name) &answer_maker_##name,

ANSWER_TEST_ROWS(DECLARE)

const struct answer_maker *const answer_makers[] = {
    &answer_maker_classes,   /* image-classification */
    &answer_maker_embedding, /* feature-extraction */
    &answer_maker_tensors,   /* tensor */
    &answer_maker_failure,   /* of no task */
    ANSWER_TEST_ROWS(ROW) NULL,
};

static bool find_named(const struct worker_facts *facts, const char *name, uint32_t *ret_output)
{
    for (uint32_t i = 0; i < facts->output_count; i++) {
        if (strcmp(facts->outputs[i].name, name) == 0) {
            *ret_output = i;
            return true;
        }
    }
    return false;
}

uint32_t answer_primary_output(const struct model_spec *spec, const struct worker_facts *facts)
{
    const struct answer_maker *maker = answer_makers[spec->task];
    uint32_t found = 0;
    for (const char *const *name = maker->outputs; name && *name; name++) {
        if (find_named(facts, *name, &found)) {
            return found;
        }
    }
    for (uint32_t i = 0; maker->rank > 0 && i < facts->output_count; i++) {
        if (facts->outputs[i].shape.rank == maker->rank) {
            return i;
        }
    }
    return 0;
}

int answer_check(const struct model_spec *spec, const struct worker_facts *facts,
                 struct error *error)
{
    const struct answer_maker *maker = answer_makers[spec->task];
    return maker->check ? maker->check(spec, facts, error) : 0;
}

static int make(const struct infer_item *item, size_t top, struct answer *answer,
                struct error *error)
{
    const struct answer_maker *maker = answer_makers[item->request->model->spec->task];
    int r = maker->make(item, top, answer, error);
    if (r == 0) {
        answer->kind = maker->kind;
    }
    return r;
}

void answer_make(struct infer_item *item)
{
    if (item->output_count > 0) {
        (void)make(item, ANSWER_CLASSES_KEPT, &item->answer, NULL);
    }
}

bool answer_suffices(const struct answer *answer, size_t top)
{
    if (answer->kind != &answer_classes) {
        return answer->kind;
    }
    /* Fewer than could be kept: the model has no more. */
    return top <= answer->class_count || answer->class_count < ANSWER_CLASSES_KEPT;
}

void answer_write(struct buffer *out, struct infer_item *item, const char *object,
                  const struct answer_options *options)
{
    const struct model_spec *spec = item->request->model->spec;
    struct answer_form form = {
        .top = options->top, .base64 = options->binary, .later = options->later};
    struct answer made = {0};
    if (options->labels) {
        form.labels = spec->labels;
        form.label_count = spec->label_count;
    }
    if (item->error.code == ERROR_NONE && item->output_count == 0 && !item->answer.kind) {
        (void)error_set(&item->error, ERROR_INTERNAL, "the worker gave no output");
    }
    if (item->error.code == ERROR_NONE && item->output_count > 0 &&
        !answer_suffices(&item->answer, options->top)) {
        (void)make(item, options->top, &made, &item->error);
    }
    struct result result = {.object = object, .answer = made.kind ? made : item->answer};
    if (item->error.code != ERROR_NONE) {
        result.answer = (struct answer){.kind = &answer_failure,
                                        .error_code = item->error.code,
                                        .error_message = item->error.message};
    }
    result_write_json(out, &result, &form);
    answer_done(&made);
}
