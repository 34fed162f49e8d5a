/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the JSON files of a package. The input is up to five files in sequence, each after a
 * line `@FILE`; a line `@preset NAME` selects a preset. An accepted package must have a pipeline
 * that the worker would accept.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The place for the text after a line `@name`; NULL for a preset. */
static struct model_text *find_text(struct model_texts *texts, const char *name)
{
    if (strcmp(name, FILE_PROCESSOR) == 0) {
        return &texts->processor;
    }
    if (strcmp(name, FILE_CONFIG) == 0) {
        return &texts->config;
    }
    if (strcmp(name, FILE_SITU) == 0) {
        return &texts->situ;
    }
    if (strcmp(name, FILE_OPENCLIP_CONFIG) == 0) {
        return &texts->openclip_config;
    }
    return strcmp(name, FILE_OPENCLIP_PREPROCESS) == 0 ? &texts->openclip_preprocess : NULL;
}

/* Splits the input, a writable NUL-terminated copy, at its `@` lines. */
static void split(char *input, size_t size, struct model_texts *texts, const char **preset)
{
    struct model_text *current = NULL;
    size_t start = 0;
    while (start < size) {
        char *line = input + start;
        char *end = memchr(line, '\n', size - start);
        size_t length = end ? (size_t)(end - line) : size - start;
        start += length + 1;
        if (line[0] == '@') {
            line[length] = '\0';
            current = find_text(texts, line + 1);
            if (!current && strncmp(line, "@preset ", 8) == 0) {
                *preset = line + 8;
            }
        } else if (current && !current->text) {
            *current = (struct model_text){line, length};
        } else if (current) {
            current->size = (size_t)(line + length - current->text);
        }
    }
}

static void check(const struct model_spec *spec)
{
    if (spec->task != MODEL_TENSOR && pipeline_check(&spec->pipeline) < 0) {
        abort();
    }
    if (!spec->family || spec->label_count > LIMIT_LABELS) {
        abort();
    }
    for (size_t i = 0; i < spec->label_count; i++) {
        if (!spec->labels[i] || strlen(spec->labels[i]) > LIMIT_LABEL_BYTES) {
            abort();
        }
    }
    if (spec->onnx_path && !package_path_ok(spec->onnx_path)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    struct model_texts texts = {0};
    const char *preset = NULL;
    char *input = malloc(size + 1);
    struct model_spec *spec = calloc(1, sizeof *spec);
    if (input && spec) {
        memcpy(input, data, size);
        input[size] = '\0';
        split(input, size, &texts, &preset);
        if (model_parse(&texts, preset, spec, &error) == 0) {
            check(spec);
        } else if (error.code == ERROR_NONE || error.code == ERROR_INTERNAL) {
            abort();
        }
    }
    model_spec_free(spec);
    free(input);
    return 0;
}
