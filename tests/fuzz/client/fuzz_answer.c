/* SPDX-License-Identifier: Apache-2.0
 *
 * A result line of an array that lies: what the library makes of it keeps the promises of situ.h,
 * and written as JSON it is a line that can be read again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/answer.h"
#include "client/selection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

static void look(const struct situ_result *result)
{
    require(result->object && result->message && result->classes && result->classes[0].label);
    for (size_t i = 0; i < result->class_count; i++) {
        require(result->classes[i].label != NULL);
    }
    for (size_t i = 0; i < result->output_count; i++) {
        const struct situ_tensor *tensor = &result->outputs[i];
        for (size_t k = 0; k <= tensor->count; k++) {
            (void)situ_tensor_value(tensor, k);
        }
    }
    char *text = NULL;
    struct json *root = NULL;
    struct error error;
    require(situ_result_json(result, &text) == 0 && text);
    require(json_parse(text, strlen(text), "written", &root, &error) == 0);
    json_free(root);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const labels[] = {"a", "b"};
    static const struct situ_label_table table = {.labels = labels, .count = 2, .json = ""};
    struct selection selection;
    struct answer answer = {0};
    struct json *root = NULL;
    struct error error;
    struct situ_error fault;

    require(selection_of_prefix(&selection, "s/", &fault) == 0);
    if (json_parse((const char *)data, size, "line", &root, &error) == 0 &&
        answer_take(&answer, root, &table, &fault) == 0) {
        look(&answer.result);
        bool failed = answer.result.code != SITU_OK;
        require(selection_advance(&selection, answer.result.object, failed, &fault) == 1);
        struct buffer out = BUFFER_INIT;
        selection_write(&selection, &out);
        require(buffer_ok(&out) == 0);
        (void)selection_advance(&selection, answer.result.object, failed, &fault);
        buffer_done(&out);
    }
    answer_done(&answer);
    selection_done(&selection);
    return 0;
}
