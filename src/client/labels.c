/* SPDX-License-Identifier: Apache-2.0
 *
 * Fetching and keeping label tables.
 */
#include "client/labels.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/document.h"

struct table {
    struct situ_label_table public; /* first */
    struct document document;
};

static int fetch(struct situ *array, const struct model_name *model, struct table *table,
                 struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    buffer_append_text(&target, "/v1/models/");
    url_append(&target, model->name, false);
    buffer_append_text(&target, "/labels");
    if (model->version[0]) {
        url_append_query(&target, "version", model->version);
    }
    int result = document_get(&table->document, array, &target, error);
    if (result) {
        return result;
    }
    const struct json *labels = json_member(table->document.root, "labels");
    size_t count = json_length(labels);
    if (json_type_of(labels) != JSON_TYPE_ARRAY || count > LIMIT_LABELS) {
        return client_fail(error, SITU_PROTOCOL, "the array's labels of '%s' cannot be read",
                           model->name);
    }
    const char **texts = document_alloc(&table->document, count, sizeof *texts);
    if (!texts) {
        return client_fail_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        texts[i] = json_get_string(json_element(labels, i), "");
    }
    table->public = (struct situ_label_table){
        .labels = texts, .count = count, .json = document_text(&table->document)};
    return 0;
}

static int fetch_new(struct situ *array, const struct model_name *model,
                     struct situ_label_table **ret_table, struct situ_error *error)
{
    struct table *table = calloc(1, sizeof *table);
    if (!table) {
        return client_fail_memory(error);
    }
    int result = fetch(array, model, table, error);
    if (result) {
        situ_label_table_free(&table->public);
        return result;
    }
    *ret_table = &table->public;
    return 0;
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
    int result = model_name_parse(model, &name, error);
    return result ? result : fetch_new(array, &name, ret_table, error);
}

void situ_label_table_free(struct situ_label_table *table)
{
    if (table) {
        struct table *whole = (struct table *)(void *)table;
        document_done(&whole->document);
        free(whole);
    }
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

int labels_of(struct situ *array, struct model_name *model,
              const struct situ_label_table **ret_table, struct situ_error *error)
{
    *ret_table = NULL;
    char text[2 * LIMIT_MODEL_NAME + 2];
    (void)snprintf(text, sizeof text, "%s%s%s", model->name, model->version[0] ? "@" : "",
                   model->version);
    struct situ_model *shown = NULL;
    int result = situ_model_show(array, text, &shown, error);
    if (result) {
        return result;
    }
    struct known_labels *known = NULL;
    (void)snprintf(model->version, sizeof model->version, "%s", shown->version);
    if (shown->label_count > 0) {
        *ret_table = find(array, shown->digest);
    }
    if (shown->label_count > 0 && !*ret_table) {
        known = calloc(1, sizeof *known);
        result = known ? fetch_new(array, model, &known->table, error) : client_fail_memory(error);
    }
    if (result == 0 && known) {
        known->digest = strdup(shown->digest);
        if (!known->digest) {
            result = client_fail_memory(error);
        } else {
            HOLD(&array->labels_lock);
            known->next = array->labels;
            array->labels = known;
            *ret_table = known->table;
            known = NULL;
        }
    }
    known_labels_free(known);
    situ_model_free(shown);
    return result;
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
