/* SPDX-License-Identifier: Apache-2.0
 *
 * struct model_spec: its strings, notes and labels, how it is freed, and the names of tasks.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/answer.h"
#include "model/parse.h"

int spec_set_text(char **field, const char *text, struct error *error)
{
    char *copy = strdup(text);
    if (!copy) {
        return error_memory(error, "a model package");
    }
    free(*field);
    *field = copy;
    return 0;
}

int spec_note(struct model_spec *spec, struct error *error, const char *format, ...)
{
    char **notes = realloc(spec->notes, (spec->note_count + 1) * sizeof *notes);
    if (!notes) {
        return error_memory(error, "a model package");
    }
    spec->notes = notes;
    va_list arguments;
    va_start(arguments, format);
    char *note = NULL;
    int length = vasprintf(&note, format, arguments);
    va_end(arguments);
    if (length < 0) {
        return error_memory(error, "a model package");
    }
    spec->notes[spec->note_count++] = note;
    return 0;
}

int spec_labels_reserve(struct model_spec *spec, size_t count, const char *file,
                        struct error *error)
{
    if (count > LIMIT_LABELS) {
        return error_set(error, ERROR_TOO_LARGE, "%s: %zu labels are above the limit of %u", file,
                         count, LIMIT_LABELS);
    }
    if (count <= spec->label_count) {
        return 0;
    }
    char **labels = reallocarray(spec->labels, count, sizeof *labels);
    if (!labels) {
        return error_memory(error, "a model package");
    }
    memset(labels + spec->label_count, 0, (count - spec->label_count) * sizeof *labels);
    spec->labels = labels;
    spec->label_count = count;
    return 0;
}

int spec_label_set(struct model_spec *spec, size_t index, const char *text, const char *file,
                   struct error *error)
{
    if (index >= spec->label_count) {
        return error_set(error, ERROR_INTERNAL, "%s: label %zu has no place", file, index);
    }
    if (strlen(text) > LIMIT_LABEL_BYTES) {
        return error_set(error, ERROR_TOO_LARGE, "%s: label %zu is longer than %u bytes", file,
                         index, LIMIT_LABEL_BYTES);
    }
    return spec_set_text(&spec->labels[index], text, error);
}

int spec_labels_fill(struct model_spec *spec, struct error *error)
{
    for (size_t i = 0; i < spec->label_count; i++) {
        if (!spec->labels[i] && asprintf(&spec->labels[i], "LABEL_%zu", i) < 0) {
            spec->labels[i] = NULL;
            return error_memory(error, "a model package");
        }
    }
    return 0;
}

void model_spec_free(struct model_spec *spec)
{
    if (!spec) {
        return;
    }
    for (size_t i = 0; i < spec->label_count; i++) {
        free(spec->labels[i]);
    }
    for (size_t i = 0; i < spec->file_count; i++) {
        free(spec->files[i].path);
    }
    for (size_t i = 0; i < spec->note_count; i++) {
        free(spec->notes[i]);
    }
    free(spec->labels);
    free(spec->files);
    free(spec->notes);
    free(spec->family);
    free(spec->onnx_path);
    free(spec);
}

void model_digest_hex(const uint8_t digest[MODEL_DIGEST_SIZE], char ret_hex[MODEL_DIGEST_HEX])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < MODEL_DIGEST_SIZE; i++) {
        ret_hex[2 * i] = digits[digest[i] >> 4];
        ret_hex[2 * i + 1] = digits[digest[i] & 15];
    }
    ret_hex[MODEL_DIGEST_HEX - 1] = '\0';
}

const char *model_task_name(enum model_task task)
{
    return answer_kinds[task]->task;
}
