/* SPDX-License-Identifier: Apache-2.0
 *
 * The model's own inputs: tensors that came with the request, or are stored as .npy.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "infer/input_kind.h"
#include "wire/npy.h"

enum { ALIGNMENT = 64 };

/* A tensor that lies in a store, as .npy: read to `start` of the area, used where it lies. */
static int read_npy(const struct lane_context *context, struct infer_item *item,
                    const struct item_input *input, char *area, struct tensor_ref *ret_ref)
{
    size_t start = (size_t)ret_ref->offset;
    struct input_reading reading = {.bytes = area + start,
                                    .capacity = LIMIT_LANE_INPUT_BYTES - start};
    struct npy npy;
    int r = input->hidden
                ? store_hide(input->store, input->key, &item->error)
                : input_read_object(context, input->store, input->key, &reading, &item->error);
    if (r < 0) {
        return r;
    }
    item->read_bytes += reading.size;
    r = npy_parse(area + start, reading.size, &npy, &item->error);
    if (r < 0) {
        return r;
    }
    *ret_ref = (struct tensor_ref){.index = input->tensor.index,
                                   .datatype = npy.datatype,
                                   .shape = npy.shape,
                                   .offset = start + npy.data_offset,
                                   .size_bytes = npy.data_size};
    return 0;
}

static int read_tensors(const struct lane_context *context, struct infer_item *item, char *area,
                        struct message_run *run)
{
    size_t used = 0;
    for (uint32_t i = 0; i < item->input_count; i++) {
        const struct item_input *input = &item->inputs[i];
        const struct tensor *tensor = &input->tensor;
        struct tensor_ref *ref = &run->inputs[i];
        size_t start = bytes_align(used, ALIGNMENT);
        if (start > LIMIT_LANE_INPUT_BYTES || tensor->size_bytes > LIMIT_LANE_INPUT_BYTES - start) {
            return error_set(&item->error, ERROR_TOO_LARGE,
                             "the tensors are larger than %llu bytes",
                             (unsigned long long)LIMIT_LANE_INPUT_BYTES);
        }
        if (input->store) {
            ref->offset = start;
            int r = read_npy(context, item, input, area, ref);
            if (r < 0) {
                return r;
            }
        } else {
            memcpy(area + start, tensor->data, tensor->size_bytes);
            *ref = tensor_ref_of(tensor, start);
        }
        used = (size_t)(ref->offset + ref->size_bytes);
    }
    run->input_size = used;
    return 0;
}

static void prepare(const struct infer_item *item, struct message_run *run)
{
    run->kind = RUN_TENSORS;
    run->input_count = item->input_count;
}

const struct input_kind input_tensors = {
    .name = "tensors", .read = read_tensors, .prepare = prepare};
