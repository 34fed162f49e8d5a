/* SPDX-License-Identifier: Apache-2.0
 *
 * Fetching and keeping label tables.
 */
#include "client/labels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/document.h"

static int fill(struct document *document, struct situ_error *error)
{
    struct situ_label_table *table = document_public(document);
    const struct json *labels = json_member(document->root, "labels");
    size_t count = json_length(labels);
    if (json_type_of(labels) != JSON_TYPE_ARRAY || count > LIMIT_LABELS) {
        return client_fail(error, SITU_PROTOCOL, "the array's labels cannot be read");
    }
    const char **texts = document_alloc(document, count, sizeof *texts);
    if (!texts) {
        return client_fail_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        texts[i] = json_get_string(json_element(labels, i), "");
    }
    *table =
        (struct situ_label_table){.labels = texts, .count = count, .json = document_text(document)};
    return 0;
}

static int fetch(struct situ *array, const struct model_name *model,
                 struct situ_label_table **ret_table, struct situ_error *error)
{
    static const struct document_form form = {sizeof(struct situ_label_table), fill};
    cleanup_buffer struct buffer target = BUFFER_INIT;
    struct document *document = NULL;
    model_target(&target, model, "/labels");
    int r = document_get(array, buffer_text(&target), &form, &document, error);
    *ret_table = document_public(document);
    return r;
}

int situ_labels(struct situ *array, const char *model, struct situ_label_table **ret_table,
                struct situ_error *error)
{
    if (!ret_table) {
        return client_fail(error, SITU_USAGE, "situ_labels: ret_table is NULL");
    }
    *ret_table = NULL;
    if (!array) {
        return -EINVAL;
    }
    struct model_name name;
    int r = model_name_parse(model, &name, error);
    return r ? r : fetch(array, &name, ret_table, error);
}

void situ_label_table_free(struct situ_label_table *table)
{
    document_free_public(table);
}

static const struct situ_label_table *find(struct situ *array, const char *digest)
{
    if (!digest[0]) {
        return NULL;
    }
    HOLD(&array->labels_lock);
    for (const struct known_labels *known = array->labels; known; known = known->next) {
        if (strcmp(known->digest, digest) == 0) {
            return known->table;
        }
    }
    return NULL;
}

/* 1 if the array has that version with that digest, otherwise 0. Uses the list, which loads no
 * model. */
static int is_there(struct situ *array, const struct model_name *model, const char *digest,
                    struct situ_error *error)
{
    struct situ_models *models = NULL;
    int r = situ_model_list(array, &models, error);
    for (size_t i = 0; r == 0 && i < models->count; i++) {
        const struct situ_model *one = models->models[i];
        if (strcmp(one->name, model->name) == 0 && strcmp(one->version, model->version) == 0 &&
            strcmp(one->digest, digest) == 0) {
            r = 1;
        }
    }
    situ_models_free(models);
    return r;
}

/* Adds a table to those of the handle; owns it, also after a failure. */
static int keep(struct situ *array, struct situ_label_table *table, const char *digest,
                struct situ_error *error)
{
    struct known_labels *known = calloc(1, sizeof *known);
    if (!known) {
        situ_label_table_free(table);
        return client_fail_memory(error);
    }
    known->table = table;
    known->digest = strdup(digest);
    if (!known->digest) {
        known_labels_free(known);
        return client_fail_memory(error);
    }
    HOLD(&array->labels_lock);
    known->next = array->labels;
    array->labels = known;
    return 0;
}

int labels_of(struct situ *array, const struct model_name *model, const char *digest, bool check,
              const struct situ_label_table **ret_table, struct situ_error *error)
{
    struct situ_label_table *table = NULL;
    struct situ_error fault;
    *ret_table = find(array, digest);
    if (*ret_table) {
        return 0;
    }
    if (check) {
        int there = is_there(array, model, digest, error);
        if (there <= 0) {
            return there;
        }
    }
    int r = fetch(array, model, &table, &fault);
    if (r == client_code_errno(SITU_NOT_FOUND)) {
        return 0;
    }
    if (r) {
        if (error) {
            *error = fault;
        }
        return r;
    }
    r = keep(array, table, digest, error);
    *ret_table = r == 0 ? table : NULL;
    return r;
}

void known_labels_free(struct known_labels *list)
{
    while (list) {
        struct known_labels *next = list->next;
        situ_label_table_free(list->table);
        free(list->digest);
        free(list);
        list = next;
    }
}
