/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes tensors of image files and prints them, for the tests that hold them against Pillow and
 * numpy:
 *
 *   tensor_dump [--isa NAME] [KEY=VALUE...]
 *
 * Each line of stdin is `FILE [KEY=VALUE...]`, separated by tabs; its settings are added to those
 * of the command line. A line of stdout `ok HEIGHT WIDTH BYTES` is followed by the bytes, one
 * `error CODE MESSAGE` stands alone. Keys:
 *
 *   rgb=WxH (FILE holds raw RGB rows)  resize=none|exact|shortest|longest  size=WxH  resample=0..5
 *   crop=WxH  round=1  pad=R,G,B  rescale=FACTOR  offset=VALUE  mean=A,B,C  std=A,B,C  twice=1
 *   flip=1  layout=nchw|nhwc  type=FP32|FP16|UINT8  exif=1  fast=1  room=BYTES
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "media/kernels.h"
#include "media/media.h"

enum { LINE_SIZE = 4096, FLAG_WORDS = 4, LARGE_ROOM = 64 << 20 };

struct order {
    const char *path; /* borrowed */
    uint32_t rgb_width, rgb_height;
    size_t room;
    void *large; /* borrowed; LARGE_ROOM bytes, for tensors whose size is not known in advance */
    struct pipeline pipeline;
};

struct file {
    uint8_t *bytes; /* owned */
    size_t size;
};

static void file_done(struct file *file)
{
    free(file->bytes);
}

/* With room after it, as raw rows need it; exactly as large for encoded images, so that a sanitizer
 * detects a read past them. */
static int file_read(const char *path, size_t padding, struct file *ret)
{
    FILE *stream = fopen(path, "rbe");
    if (!stream) {
        return -errno;
    }
    int r = -EIO;
    if (fseek(stream, 0, SEEK_END) == 0) {
        long size = ftell(stream);
        rewind(stream);
        uint8_t *bytes = size >= 0 ? calloc(1, (size_t)size + padding + (size == 0)) : NULL;
        if (bytes && fread(bytes, 1, (size_t)size, stream) == (size_t)size) {
            *ret = (struct file){take_ptr(bytes), (size_t)size};
            r = 0;
        }
        free(bytes);
    }
    (void)fclose(stream);
    return r;
}

static bool parse_size(const char *text, uint32_t *width, uint32_t *height)
{
    char *end;
    *width = (uint32_t)strtoul(text, &end, 10);
    if (*end != 'x') {
        return false;
    }
    *height = (uint32_t)strtoul(end + 1, &end, 10);
    return *end == '\0';
}

static bool parse_numbers(const char *text, double numbers[3])
{
    for (int i = 0; i < 3; i++) {
        char *end;
        numbers[i] = strtod(text, &end);
        if (*end != (i < 2 ? ',' : '\0')) {
            return false;
        }
        text = end + 1;
    }
    return true;
}

static bool parse_word(const char *text, const char *const words[FLAG_WORDS], int *ret)
{
    for (int i = 0; i < FLAG_WORDS && words[i]; i++) {
        if (strcmp(words[i], text) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static bool set_geometry(struct order *order, const char *key, const char *value)
{
    static const char *const resizes[FLAG_WORDS] = {"none", "exact", "shortest", "longest"};
    struct pipeline *p = &order->pipeline;
    int word;
    if (strcmp(key, "resize") == 0 && parse_word(value, resizes, &word)) {
        p->resize = (enum resize_mode)word;
    } else if (strcmp(key, "size") == 0) {
        return parse_size(value, &p->resize_width, &p->resize_height);
    } else if (strcmp(key, "resample") == 0) {
        p->resample = (enum resample)strtoul(value, NULL, 10);
    } else if (strcmp(key, "crop") == 0) {
        p->center_crop = true;
        return parse_size(value, &p->crop_width, &p->crop_height);
    } else if (strcmp(key, "round") == 0) {
        p->crop_rounding = CROP_ROUND;
    } else if (strcmp(key, "pad") == 0) {
        double colour[3] = {0};
        p->pad = parse_numbers(value, colour);
        for (int i = 0; i < 3; i++) {
            p->pad_value[i] = (uint8_t)colour[i];
        }
    } else if (strcmp(key, "exif") == 0) {
        p->exif_transpose = true;
    } else if (strcmp(key, "fast") == 0) {
        p->decode = DECODE_FAST;
    } else {
        return false;
    }
    return true;
}

static bool set_values(struct order *order, const char *key, const char *value)
{
    static const char *const layouts[FLAG_WORDS] = {"nchw", "nhwc"};
    struct pipeline *p = &order->pipeline;
    int word;
    if (strcmp(key, "rescale") == 0) {
        p->rescale = true;
        p->rescale_factor = strtod(value, NULL);
    } else if (strcmp(key, "offset") == 0) {
        p->rescale_offset = strtod(value, NULL);
    } else if (strcmp(key, "mean") == 0) {
        p->normalize = true;
        return parse_numbers(value, p->mean);
    } else if (strcmp(key, "std") == 0) {
        return parse_numbers(value, p->std);
    } else if (strcmp(key, "twice") == 0) {
        p->normalize_twice = true;
    } else if (strcmp(key, "flip") == 0) {
        p->flip_channels = true;
    } else if (strcmp(key, "layout") == 0 && parse_word(value, layouts, &word)) {
        p->layout = (enum layout)word;
    } else if (strcmp(key, "type") == 0) {
        p->datatype = datatype_parse(value);
    } else if (strcmp(key, "rgb") == 0) {
        return parse_size(value, &order->rgb_width, &order->rgb_height);
    } else if (strcmp(key, "room") == 0) {
        order->room = strtoul(value, NULL, 10);
    } else {
        return false;
    }
    return true;
}

static int set(struct order *order, char *setting)
{
    char *equals = strchr(setting, '=');
    if (!equals) {
        return -EINVAL;
    }
    *equals = '\0';
    if (!set_geometry(order, setting, equals + 1) && !set_values(order, setting, equals + 1)) {
        (void)fprintf(stderr, "tensor_dump: cannot take %s=%s\n", setting, equals + 1);
        return -EINVAL;
    }
    return 0;
}

static int convert(struct media *media, const struct order *order, const struct file *file,
                   struct media_tensor *tensor, struct error *error)
{
    if (order->rgb_width > 0) {
        const struct media_pixels pixels = {file->bytes, order->rgb_width, order->rgb_height,
                                            (size_t)order->rgb_width * 3};
        return media_pixels_to_tensor(media, &order->pipeline, &pixels, tensor, error);
    }
    return media_image_to_tensor(media, &order->pipeline, file->bytes, file->size, tensor->data,
                                 tensor->size, &tensor->height, &tensor->width, error);
}

static int run_order(struct media *media, const struct order *order)
{
    __attribute__((cleanup(file_done))) struct file file = {0};
    int r = file_read(order->path, order->rgb_width > 0 ? KERNEL_ROW_PADDING : 0, &file);
    if (r < 0) {
        (void)fprintf(stderr, "tensor_dump: cannot read %s\n", order->path);
        return r;
    }
    size_t room = order->room;
    uint32_t height, width;
    if (room == 0 && pipeline_output_size(&order->pipeline, &height, &width) == 0) {
        room = (size_t)height * width * 3 * datatype_size(order->pipeline.datatype);
    }
    /* Exactly as large as the tensor if that is known, so that a sanitizer detects more. */
    cleanup_free void *exact = room > 0 ? malloc(room) : NULL;
    void *memory = exact ? exact : order->large;
    struct media_tensor tensor = {.data = memory, .size = exact ? room : LARGE_ROOM};
    struct error error = {0};
    if (convert(media, order, &file, &tensor, &error) < 0) {
        printf("error %s %s\n", error_code_name(error.code), error.message);
        return fflush(stdout);
    }
    size_t size = (size_t)tensor.height * tensor.width * 3;
    size *= datatype_size(order->pipeline.datatype);
    printf("ok %" PRIu32 " %" PRIu32 " %zu\n", tensor.height, tensor.width, size);
    return fwrite(memory, 1, size, stdout) == size ? fflush(stdout) : -EIO;
}

static int run_line(struct media *media, const struct order *defaults, char *line)
{
    struct order order = *defaults;
    char *rest = line;
    line[strcspn(line, "\n")] = '\0';
    order.path = strsep(&rest, "\t");
    for (char *field = strsep(&rest, "\t"); field; field = strsep(&rest, "\t")) {
        if (set(&order, field) < 0) {
            return -EINVAL;
        }
    }
    return run_order(media, &order);
}

int main(int argc, char **argv)
{
    cleanup_free void *large = malloc(LARGE_ROOM);
    struct order defaults = {.large = large, .pipeline = {.datatype = DATATYPE_FP32}};
    if (!large) {
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--isa") == 0 && i + 1 < argc) {
            if (media_select_isa(argv[++i]) < 0) {
                (void)fprintf(stderr, "tensor_dump: this CPU has no %s\n", argv[i]);
                return 77;
            }
        } else if (set(&defaults, argv[i]) < 0) {
            return 2;
        }
    }
    struct media *media;
    if (media_new(&media) < 0) {
        return 1;
    }
    char line[LINE_SIZE];
    int r = 0;
    while (r == 0 && fgets(line, sizeof(line), stdin)) {
        r = run_line(media, &defaults, line);
    }
    media_free(media);
    return r == 0 ? 0 : 1;
}
