/* SPDX-License-Identifier: Apache-2.0
 *
 * situ.json, situ's own file in a package: the preset it was added with, and options that override
 * the other files.
 */
#include <string.h>

#include "data/answer.h"
#include "model/parse.h"

static const char *const known_fields[] = {
    "preset", "decode", "task", "softmax", "exif_transpose", "onnx", "use_test_input_size", NULL};

static int read_switch(const struct fields *situ, const char *key, int *option, struct error *error)
{
    bool value = false;
    int found = field_bool(situ, key, &value, error);
    if (found > 0) {
        *option = value ? 1 : 0;
    }
    return found < 0 ? found : 0;
}

static int read_decode(const struct fields *situ, int *option, struct error *error)
{
    const char *word = NULL;
    int found = field_string(situ, "decode", &word, error);
    if (found <= 0) {
        return found;
    }
    if (strcmp(word, "exact") != 0 && strcmp(word, "fast") != 0) {
        return error_set(error, ERROR_MALFORMED, "%s: 'decode' is \"exact\" or \"fast\"",
                         situ->file);
    }
    *option = strcmp(word, "fast") == 0 ? DECODE_FAST : DECODE_EXACT;
    return 0;
}

static int read_task(const struct fields *situ, int *option, struct error *error)
{
    const char *word = NULL;
    int found = field_string(situ, "task", &word, error);
    if (found <= 0) {
        return found;
    }
    for (int task = 0; answer_kinds[task]; task++) {
        if (answer_kinds[task]->task && strcmp(word, answer_kinds[task]->task) == 0) {
            *option = task;
            return 0;
        }
    }
    return error_set(error, ERROR_MALFORMED,
                     "%s: 'task' is \"image-classification\", \"feature-extraction\" or "
                     "\"tensor\", not '%.60s'",
                     situ->file, word);
}

int situ_options_parse(const struct fields *situ, struct situ_options *ret_options,
                       struct error *error)
{
    struct situ_options options = {.decode = -1, .task = -1, .softmax = -1, .exif_transpose = -1};
    int r = fields_check_known(situ, known_fields, error);
    r = r < 0 ? r : field_string(situ, "preset", &options.preset, error);
    r = r < 0 ? r : field_string(situ, "onnx", &options.onnx, error);
    r = r < 0 ? r : read_decode(situ, &options.decode, error);
    r = r < 0 ? r : read_task(situ, &options.task, error);
    r = r < 0 ? r : read_switch(situ, "softmax", &options.softmax, error);
    r = r < 0 ? r : read_switch(situ, "exif_transpose", &options.exif_transpose, error);
    r = r < 0 ? r : field_bool(situ, "use_test_input_size", &options.test_size, error);
    if (r < 0) {
        return r;
    }
    if (options.onnx && !package_path_ok(options.onnx)) {
        return error_set(error, ERROR_MALFORMED,
                         "%s: 'onnx' wants the path of a file inside the package", situ->file);
    }
    *ret_options = options;
    return 0;
}
