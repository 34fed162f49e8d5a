/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers of tensor models: the outputs as they are.
 */
#include "base/utf8.h"
#include "data/tensor_bytes.h"
#include "infer/answer_maker.h"

static int check_strings(const struct tensor *output, struct error *error)
{
    struct tensor_bytes left = {output->data, output->size_bytes};
    const char *data = NULL;
    size_t size = 0;
    while (output->datatype == DATATYPE_BYTES && tensor_bytes_next(&left, &data, &size)) {
        if (!utf8_valid(data, size)) {
            return error_set(error, ERROR_UNFIT,
                             "output '%s' has strings that are not UTF-8, which JSON cannot have: "
                             "ask for binary data under /v2",
                             output->name);
        }
    }
    return 0;
}

/* Strings that JSON cannot have make the whole outcome an error. */
static int make(const struct infer_item *item, size_t top, struct answer *answer,
                struct error *error)
{
    (void)top;
    for (uint32_t i = 0; i < item->output_count; i++) {
        int r = check_strings(&item->outputs[i], error);
        if (r < 0) {
            return r;
        }
    }
    answer->tensors = item->outputs;
    answer->tensor_count = item->output_count;
    return 0;
}

static const char *const outputs[] = {"logits", NULL};

const struct answer_maker answer_maker_tensors = {
    .kind = &answer_tensors, .outputs = outputs, .all_outputs = true, .make = make};
