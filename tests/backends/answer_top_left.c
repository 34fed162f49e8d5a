/* SPDX-License-Identifier: Apache-2.0
 *
 * A kind of answer for tests: the top left pixel of a model's first output, one value for each
 * channel. It shows that a kind is a file and a row; a build with -Dtest_backends=true has it.
 */
#include <errno.h>
#include <stdlib.h>

#include "data/answer_kinds/parts.h"
#include "infer/answer_maker.h"

enum { CHANNELS_MAX = 4 };

struct top_left {
    size_t count;
    float values[CHANNELS_MAX];
};

extern const struct answer_kind answer_top_left;
extern const struct answer_maker answer_maker_top_left;

static int encode(struct buffer *out, const struct answer *answer, size_t *ret_count)
{
    const struct top_left *pixel = answer->own;
    for (size_t i = 0; i < pixel->count; i++) {
        append_float(out, pixel->values[i]);
    }
    *ret_count = pixel->count;
    return 0;
}

static int decode(const uint8_t *bytes, size_t size, size_t count, struct answer *answer)
{
    if (count > CHANNELS_MAX || size != count * sizeof(float)) {
        return -EBADMSG;
    }
    struct top_left *pixel = calloc(1, sizeof *pixel);
    if (!pixel) {
        return -ENOMEM;
    }
    pixel->count = count;
    for (size_t i = 0; i < count; i++) {
        pixel->values[i] = get_float(bytes + i * sizeof(float));
    }
    answer->own = pixel;
    answer->memory = pixel;
    return 0;
}

static void write_json(struct json_writer *w, const struct answer *answer,
                       const struct answer_form *form)
{
    (void)form;
    const struct top_left *pixel = answer->own;
    json_begin_array(w, answer_top_left.name);
    for (size_t i = 0; i < pixel->count; i++) {
        json_put_float(w, NULL, pixel->values[i]);
    }
    json_end_array(w);
}

static int parse_json(struct pool *pool, const struct json *value, struct answer *answer,
                      struct error *error)
{
    struct top_left *pixel = pool_take(pool, sizeof *pixel);
    if (!pixel) {
        return out_of_memory(error);
    }
    pixel->count = json_length(value);
    if (json_type_of(value) != JSON_TYPE_ARRAY || pixel->count > CHANNELS_MAX) {
        return malformed("top left pixel is no short array", error);
    }
    for (size_t i = 0; i < pixel->count; i++) {
        if (!parse_float(json_element(value, i), &pixel->values[i])) {
            return malformed("top left pixel holds something else than numbers", error);
        }
    }
    answer->own = pixel;
    return 0;
}

const struct answer_kind answer_top_left = {
    .name = "top_left",
    .task = "top-left",
    .code = 200,
    .encode = encode,
    .decode = decode,
    .write_json = write_json,
    .parse_json = parse_json,
};

static int make(const struct infer_item *item, size_t top, struct answer *answer,
                struct error *error)
{
    (void)top;
    const struct tensor *output = &item->outputs[0];
    int64_t channels = output->shape.rank >= 2 ? output->shape.dims[1] : 0;
    if (output->datatype != DATATYPE_FP32 || channels < 1 || channels > CHANNELS_MAX ||
        output->size_bytes < (size_t)channels * sizeof(float)) {
        return error_set(error, ERROR_UNFIT, "output '%s' has no channels", output->name);
    }
    struct top_left *pixel = calloc(1, sizeof *pixel);
    if (!pixel) {
        return error_memory(error, NULL);
    }
    pixel->count = (size_t)channels;
    size_t stride = output->size_bytes / pixel->count; /* of a channel: the batch is 1 */
    for (size_t i = 0; i < pixel->count; i++) {
        memcpy(&pixel->values[i], (const char *)output->data + i * stride, sizeof(float));
    }
    answer->own = pixel;
    answer->memory = pixel;
    return 0;
}

const struct answer_maker answer_maker_top_left = {.kind = &answer_top_left, .make = make};
