/* SPDX-License-Identifier: Apache-2.0
 *
 * config.json of Hugging Face transformers: the task, from the name of the architecture, and the
 * labels, from id2label.
 */
#include <stdio.h>
#include <string.h>

#include "model/parse.h"

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text);
    size_t size = strlen(ending);
    return length >= size && strcmp(text + length - size, ending) == 0;
}

/* The task that the architecture's name implies; -1 if it implies none. */
static int architecture_task(const char *architecture)
{
    if (strstr(architecture, "ForImageClassification")) {
        return MODEL_IMAGE_CLASSIFICATION;
    }
    if (ends_with(architecture, "Model") || ends_with(architecture, "ModelWithProjection") ||
        ends_with(architecture, "Backbone")) {
        return MODEL_FEATURE_EXTRACTION;
    }
    return -1;
}

static int read_task(const struct fields *config, int fallback, struct model_spec *spec,
                     struct error *error)
{
    const struct json *list = field_node(config, "architectures");
    const char *architecture = json_get_string(json_element(list, 0), NULL);
    int task = -1;
    if (architecture) {
        task = architecture_task(architecture);
    } else if (field_node(config, "id2label")) {
        task = MODEL_IMAGE_CLASSIFICATION;
    }
    if (task < 0) {
        task = fallback;
    }
    if (task < 0 && architecture) {
        return error_set(error, ERROR_UNFIT,
                         "%s: architecture '%.80s' has no task here; state one in %s: {\"task\": "
                         "\"image-classification\", \"feature-extraction\" or \"tensor\"}",
                         config->file, architecture, FILE_SITU);
    }
    if (task < 0) {
        return error_set(error, ERROR_MALFORMED,
                         "%s: neither 'architectures' nor 'id2label' tells the task; state it in "
                         "%s: {\"task\": \"image-classification\" or \"feature-extraction\"}",
                         config->file, FILE_SITU);
    }
    spec->task = (enum model_task)task;
    return 0;
}

/* A class index as JSON keys write it: decimal, without sign or leading zeros. */
static bool parse_index(const char *key, size_t *ret_index)
{
    size_t length = strlen(key);
    if (length < 1 || length > 9 || strspn(key, "0123456789") != length ||
        (key[0] == '0' && length > 1)) {
        return false;
    }
    size_t index = 0;
    for (size_t i = 0; i < length; i++) {
        index = index * 10 + (size_t)(key[i] - '0');
    }
    *ret_index = index;
    return true;
}

struct label_reading {
    struct model_spec *spec;
    const char *file;
    size_t count; /* one more than the highest index */
    struct error *error;
};

static int count_label(void *context, const char *key, const struct json *value)
{
    struct label_reading *reading = context;
    size_t index = 0;
    if (!parse_index(key, &index)) {
        return error_set(reading->error, ERROR_MALFORMED,
                         "%s: 'id2label' has the key '%.40s', which is not a class index",
                         reading->file, key);
    }
    enum json_type type = json_type_of(value);
    if (type != JSON_TYPE_STRING && type != JSON_TYPE_INTEGER) {
        return error_set(reading->error, ERROR_MALFORMED,
                         "%s: 'id2label': label %zu is %s, not a string", reading->file, index,
                         json_type_name(type));
    }
    if (index >= LIMIT_LABELS) {
        return error_set(reading->error, ERROR_TOO_LARGE,
                         "%s: 'id2label': index %zu is above the limit of %u labels", reading->file,
                         index, LIMIT_LABELS);
    }
    if (index >= reading->count) {
        reading->count = index + 1;
    }
    return 0;
}

static int set_label(void *context, const char *key, const struct json *value)
{
    struct label_reading *reading = context;
    size_t index = 0;
    if (!parse_index(key, &index)) {
        return error_set(reading->error, ERROR_INTERNAL, "%s: a label changed", reading->file);
    }
    char number[24];
    int length = snprintf(number, sizeof number, "%lld", (long long)json_get_integer(value, 0));
    const char *text = json_get_string(value, length > 0 ? number : "");
    return spec_label_set(reading->spec, index, text, reading->file, reading->error);
}

static int read_labels(const struct fields *config, struct model_spec *spec, struct error *error)
{
    const struct json *labels = field_node(config, "id2label");
    if (!labels) {
        return 0;
    }
    if (json_type_of(labels) != JSON_TYPE_OBJECT) {
        return error_set(error, ERROR_MALFORMED, "%s: 'id2label' wants an object, not %s",
                         config->file, json_type_name(json_type_of(labels)));
    }
    struct label_reading reading = {spec, config->file, 0, error};
    int r = json_each_member(labels, count_label, &reading);
    if (r < 0) {
        return r;
    }
    int64_t stated = json_get_integer(field_node(config, "num_labels"), 0);
    if (stated > (int64_t)LIMIT_LABELS) {
        return error_set(error, ERROR_TOO_LARGE, "%s: 'num_labels' is above the limit of %u",
                         config->file, LIMIT_LABELS);
    }
    size_t holes = reading.count - json_length(labels);
    if (stated > (int64_t)reading.count) {
        holes += (size_t)stated - reading.count;
        reading.count = (size_t)stated;
    }
    r = spec_labels_reserve(spec, reading.count, config->file, error);
    if (r == 0) {
        r = json_each_member(labels, set_label, &reading);
    }
    if (r == 0 && holes > 0) {
        r = spec_note(spec, error,
                      "id2label: %zu of %zu labels are not in %s; LABEL_i stands "
                      "for them",
                      holes, reading.count, config->file);
    }
    return r < 0 ? r : spec_labels_fill(spec, error);
}

int hf_config_parse(const struct json *config, int stated, int fallback, struct model_spec *spec,
                    struct error *error)
{
    const struct fields fields = {FILE_CONFIG, config};
    int r = 0;
    if (stated >= 0) {
        spec->task = (enum model_task)stated;
    } else {
        r = read_task(&fields, fallback, spec, error);
    }
    if (r < 0) {
        return r;
    }
    if (spec->task != MODEL_IMAGE_CLASSIFICATION) {
        return 0;
    }
    const char *problem = json_get_string(field_node(&fields, "problem_type"), "");
    if (strcmp(problem, "multi_label_classification") == 0) {
        spec->apply_softmax = 0;
        r = spec_note(spec, error,
                      "problem_type: multi_label_classification in %s; scores are the "
                      "model's outputs as they are, no softmax over the classes",
                      FILE_CONFIG);
    }
    return r < 0 ? r : read_labels(&fields, spec, error);
}
