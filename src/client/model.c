/* SPDX-License-Identifier: Apache-2.0
 *
 * Models of the array: list, show, remove.
 */
#include <errno.h>

#include "client/model_object.h"
#include "client/name_check.h"

static int fill(struct document *document, struct situ_error *error)
{
    struct situ_models *models = document_public(document);
    const struct json *nodes;
    int r = document_list(document, "models", &nodes, error);
    if (r) {
        return r;
    }
    size_t count = json_length(nodes);
    const struct situ_model **list = document_alloc(document, count, sizeof(struct situ_model *));
    struct situ_model *memory = document_alloc(document, count, sizeof *memory);
    if (!list || !memory) {
        return client_fail_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        if (model_fill(&memory[i], document, json_element(nodes, i))) {
            return client_fail_memory(error);
        }
        list[i] = &memory[i];
    }
    *models = (struct situ_models){.models = list, .count = count, .json = document_text(document)};
    return 0;
}

int situ_model_list(struct situ *array, struct situ_models **ret_models, struct situ_error *error)
{
    static const struct document_form form = {sizeof(struct situ_models), fill};
    return document_show(array, "/v1/models", &form, ret_models, error);
}

void situ_models_free(struct situ_models *models)
{
    document_free_public(models);
}

int situ_model_show(struct situ *array, const char *model, struct situ_model **ret_model,
                    struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    struct model_name name;
    if (ret_model) {
        *ret_model = NULL;
    }
    if (!array || !ret_model) {
        return -EINVAL;
    }
    int r = model_name_parse(model, &name, error);
    if (r) {
        return r;
    }
    model_target(&target, &name, "");
    struct request request = request_of("GET", &target);
    return model_fetch(array, &request, ret_model, error);
}

int situ_model_remove(struct situ *array, const char *model, struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    cleanup_buffer struct buffer answer = BUFFER_INIT;
    struct model_name name;
    if (!array) {
        return -EINVAL;
    }
    int r = model_name_parse(model, &name, error);
    if (r) {
        return r;
    }
    model_target(&target, &name, "");
    struct request request = request_of("DELETE", &target);
    return request_perform(array, &request, &answer, error);
}
