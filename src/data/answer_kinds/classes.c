/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers of image classification: the best classes, each an index with a score.
 */
#include <errno.h>
#include <math.h>

#include "data/answer_kinds/parts.h"

enum { CLASS_SIZE = 8 };

static int encode(struct buffer *out, const struct answer *answer, size_t *ret_count)
{
    const struct answer_class *classes = answer_class_list(answer);
    if (answer->class_count == 0 || answer->class_count > ANSWER_CLASSES_KEPT) {
        return -EINVAL;
    }
    for (size_t i = 0; i < answer->class_count; i++) {
        append_u32(out, classes[i].index);
        append_float(out, classes[i].score);
    }
    *ret_count = answer->class_count;
    return 0;
}

static int decode(const uint8_t *bytes, size_t size, size_t count, struct answer *answer)
{
    if (count == 0 || count > ANSWER_CLASSES_KEPT || size != count * CLASS_SIZE) {
        return -EBADMSG;
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = bytes + i * CLASS_SIZE;
        answer->few[i] =
            (struct answer_class){.index = bytes_get_u32(at), .score = get_float(at + 4)};
    }
    answer->class_count = count;
    return 0;
}

/* Six significant digits are all that a score has. */
static void put_score(struct json_writer *w, float score)
{
    if (isfinite(score) && score != 0) {
        buffer_printf(json_put_raw(w, "score"), "%.6g", (double)score);
    } else {
        json_put_float(w, "score", score);
    }
}

static void write_json(struct json_writer *w, const struct answer *answer,
                       const struct answer_form *form)
{
    const struct answer_class *classes = answer_class_list(answer);
    bool all = form->top == 0 || form->top > answer->class_count;
    size_t count = all ? answer->class_count : form->top;
    json_begin_array(w, answer_classes.name);
    for (size_t i = 0; i < count; i++) {
        uint32_t index = classes[i].index;
        const char *label = answer->class_labels ? answer->class_labels[i] : NULL;
        if (!label && index < form->label_count) {
            label = form->labels[index];
        }
        json_begin_object(w, NULL);
        json_put_unsigned(w, "index", index);
        if (label) {
            json_put_string(w, "label", label);
        }
        put_score(w, classes[i].score);
        json_end_object(w);
    }
    json_end_array(w);
}

static int parse_class(const struct json *value, struct answer_class *ret_class,
                       const char **ret_label)
{
    int64_t index = json_get_integer(json_member(value, "index"), -1);
    if (index < 0 || index > UINT32_MAX ||
        !parse_float(json_member(value, "score"), &ret_class->score)) {
        return -EBADMSG;
    }
    ret_class->index = (uint32_t)index;
    *ret_label = json_get_string(json_member(value, "label"), NULL);
    return 0;
}

static int parse_json(struct pool *pool, const struct json *value, struct answer *answer,
                      struct error *error)
{
    if (json_type_of(value) != JSON_TYPE_ARRAY) {
        return malformed("classes are no array", error);
    }
    size_t count = json_length(value);
    struct answer_class *classes = pool_take(pool, count * sizeof *classes);
    const char **labels = pool_take(pool, count * sizeof *labels);
    if (!classes || !labels) {
        return out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        if (parse_class(json_element(value, i), &classes[i], &labels[i]) < 0) {
            return malformed("classes have no index or no score", error);
        }
    }
    answer->classes = classes;
    answer->class_labels = labels;
    answer->class_count = count;
    return 0;
}

const struct answer_kind answer_classes = {
    .name = "classes",
    .task = "image-classification",
    .code = 1,
    .encode = encode,
    .decode = decode,
    .write_json = write_json,
    .parse_json = parse_json,
};
