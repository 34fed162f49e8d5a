/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages between situd and a malicious worker, in both directions: any bytes of any length.
 * Accepted messages must stay inside the received bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "data/tensor_bytes.h"
#include "wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { AREA_BYTES = 4096 };

/* Reads each byte of each tensor, as a copy would. */
static void check_refs(const struct tensor_ref *refs, uint32_t count)
{
    static char area[AREA_BYTES];
    struct error error = {0};
    if (message_check_tensors(refs, count, LIMIT_MODEL_TENSORS, AREA_BYTES, &error) < 0) {
        return;
    }
    unsigned sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        char text[64];
        size_t elements = 0;
        const struct tensor_ref *ref = &refs[i];
        bool strings = ref->datatype == DATATYPE_BYTES;
        if (ref->index >= LIMIT_MODEL_TENSORS || tensor_shape_count(&ref->shape, &elements) < 0 ||
            (!strings &&
             elements * datatype_size((enum datatype)ref->datatype) != ref->size_bytes)) {
            abort();
        }
        (void)tensor_bytes_valid(area + ref->offset, ref->size_bytes, elements);
        (void)tensor_shape_text(&ref->shape, text, sizeof text);
        for (uint64_t b = 0; b < ref->size_bytes; b++) {
            sum += (unsigned char)area[ref->offset + b];
        }
    }
    if (sum != 0) { /* the area is all zeros */
        abort();
    }
}

static void check_thumbnail(const struct message_done *done)
{
    struct error error = {0};
    if (message_check_thumbnail(done, AREA_BYTES, &error) == 0 &&
        (done->output_count != 1 || done->outputs[0].size_bytes == 0)) {
        abort();
    }
}

static void check_loaded(const struct message_loaded *loaded)
{
    if (loaded->untried > 1 || strlen(loaded->left_out) >= sizeof loaded->left_out) {
        abort();
    }
}

static void check_told(const struct message_tensors *told)
{
    for (uint32_t i = 0; i < told->count; i++) {
        char text[64];
        const struct tensor_info *info = &told->tensors[i].info;
        if (strlen(info->name) > LIMIT_TENSOR_NAME || !datatype_name(info->datatype)) {
            abort();
        }
        (void)tensor_shape_text(&info->shape, text, sizeof text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    /* Of exactly that size, so that a read past the end is detected; a receiver has a whole union.
     */
    size_t kept = size < sizeof(union message) ? size : sizeof(union message);
    union message *message = malloc(kept ? kept : 1);
    if (!message) {
        return 0;
    }
    memcpy(message, data, kept);
    if (message_check(message, size, &error) == 0) {
        if (size > sizeof *message || error.code != ERROR_NONE) {
            abort();
        }
        switch (message->header.type) {
        case MESSAGE_LOADED:
            check_loaded(&message->loaded);
            break;
        case MESSAGE_TENSORS:
            check_told(&message->tensors);
            break;
        case MESSAGE_RUN:
            check_refs(message->run.inputs, message->run.input_count);
            break;
        case MESSAGE_DONE:
            check_refs(message->done.outputs, message->done.output_count);
            check_thumbnail(&message->done);
            break;
        default:
            break;
        }
        if (message_size(message) > size) {
            abort();
        }
    }
    free(message);
    return 0;
}
