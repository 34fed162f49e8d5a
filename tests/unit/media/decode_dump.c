/* SPDX-License-Identifier: Apache-2.0
 *
 * Decodes image files with the project's decoders and prints what they give, for the tests that
 * hold it against Pillow:
 *
 *   decode_dump FILE [LEFT TOP RIGHT BOTTOM]     RGB rows of the window to stdout
 *   decode_dump --scale EIGHTHS FILE             RGB rows of the image at EIGHTHS/8
 *   decode_dump --list [--repeat N]              a line of stdin `FILE [LEFT TOP RIGHT BOTTOM
 *                                                [EIGHTHS]]` gives a line of stdout
 *                                                `ok WIDTH HEIGHT ORIENTATION CRC32 [MILLISECONDS]`
 *                                                or `error CODE MESSAGE`
 *
 * Fields are separated by tabs; CRC32 is zlib's, over the rows.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "media/decoder.h"

enum { LINE_SIZE = 4096, FIELD_COUNT = 6, READ_ROWS = 37 };

struct order {
    const char *path; /* borrowed */
    bool has_window;
    struct image_window window;
    unsigned eighths; /* 0: as it is */
};

struct picture {
    struct image_info info;
    uint32_t width, height; /* of the window */
    uint8_t *rows;          /* owned, kept between images */
    size_t capacity;
};

struct file {
    uint8_t *bytes; /* owned */
    size_t size;
};

static int read_file(const char *path, struct file *ret_file)
{
    FILE *file = fopen(path, "rbe");
    if (!file) {
        return -errno;
    }
    int r = -EIO;
    uint8_t *bytes = NULL;
    if (fseek(file, 0, SEEK_END) == 0) {
        long size = ftell(file);
        rewind(file);
        /* Exactly as large as the file, so that a sanitizer detects a read past its end. */
        bytes = malloc(size > 0 ? (size_t)size : 1);
        if (bytes && size >= 0 && fread(bytes, 1, (size_t)size, file) == (size_t)size) {
            *ret_file = (struct file){take_ptr(bytes), (size_t)size};
            r = 0;
        }
    }
    free(bytes);
    (void)fclose(file);
    return r;
}

static int decode_rows(struct decoder *decoder, struct picture *picture, struct error *error)
{
    size_t stride = (size_t)picture->width * 3;
    size_t size = stride * picture->height;
    if (size > picture->capacity) {
        free(picture->rows);
        picture->capacity = 0;
        picture->rows = malloc(size);
        if (!picture->rows) {
            return error_set(error, ERROR_MEMORY, "no memory");
        }
        picture->capacity = size;
    }
    uint32_t row = 0;
    while (row < picture->height) {
        uint32_t left = picture->height - row;
        uint32_t count = left < READ_ROWS ? left : READ_ROWS;
        int r = decoder_read(decoder, picture->rows + row * stride, stride, count, error);
        if (r < 0) {
            return r;
        }
        row += count;
    }
    return decoder_finish(decoder, error);
}

static int decode_image(struct decoder *decoder, const struct order *order, const struct file *file,
                        struct picture *picture, struct error *error)
{
    struct image_info *info = &picture->info;
    int r = decoder_open(decoder, file->bytes, file->size, info, error);
    if (r == 0 && order->eighths) {
        r = decoder_scale(decoder, order->eighths, info, error);
    }
    if (r < 0) {
        return r;
    }
    struct image_window window = {0, 0, info->width, info->height};
    if (order->has_window) {
        window = order->window;
    }
    picture->width = window.right - window.left;
    picture->height = window.bottom - window.top;
    r = decoder_start(decoder, &window, error);
    return r < 0 ? r : decode_rows(decoder, picture, error);
}

static bool parse_window(char *const *words, struct image_window *window)
{
    uint32_t *edges[4] = {&window->left, &window->top, &window->right, &window->bottom};
    for (unsigned i = 0; i < 4; i++) {
        char *end = NULL;
        unsigned long value = strtoul(words[i], &end, 10);
        if (*end || end == words[i] || value > UINT32_MAX) {
            return false;
        }
        *edges[i] = (uint32_t)value;
    }
    return true;
}

static bool parse_line(char *line, struct order *order)
{
    char *words[FIELD_COUNT] = {NULL};
    unsigned count = 0;
    char *rest = NULL;
    line[strcspn(line, "\n")] = 0;
    for (char *word = strtok_r(line, "\t", &rest); word && count < FIELD_COUNT;
         word = strtok_r(NULL, "\t", &rest)) {
        words[count++] = word;
    }
    if (count != 1 && count < 5) {
        return false;
    }
    *order = (struct order){.path = words[0], .has_window = count >= 5};
    if (count == FIELD_COUNT) {
        order->eighths = (unsigned)strtoul(words[5], NULL, 10);
        order->has_window = strcmp(words[1], "-") != 0;
    }
    return !order->has_window || parse_window(words + 1, &order->window);
}

static void print_image(struct decoder *decoder, const struct order *order, unsigned repeat,
                        struct picture *picture)
{
    struct file file = {0};
    struct error error = {0};
    if (read_file(order->path, &file) < 0) {
        (void)printf("error\tunreadable\t%s\n", order->path);
        return;
    }
    int r = 0;
    int64_t begin = clock_now_ns();
    for (unsigned i = 0; i < (repeat ? repeat : 1) && r == 0; i++) {
        r = decode_image(decoder, order, &file, picture, &error);
    }
    double milliseconds = (double)(clock_now_ns() - begin) / (double)NS_PER_MS;
    free(file.bytes);
    if (r < 0) {
        (void)printf("error\t%s\t%s\n", error_code_name(error.code), error.message);
        return;
    }
    size_t total = (size_t)picture->width * 3 * picture->height;
    (void)printf("ok\t%u\t%u\t%u\t%08lx", picture->info.width, picture->info.height,
                 picture->info.orientation, crc32_z(0, picture->rows, total));
    if (repeat) {
        (void)printf("\t%.4f", milliseconds / repeat);
    }
    (void)printf("\n");
}

static int print_list(struct decoder *decoder, unsigned repeat)
{
    char line[LINE_SIZE];
    struct picture picture = {0};
    while (fgets(line, sizeof(line), stdin)) {
        struct order order;
        if (parse_line(line, &order)) {
            print_image(decoder, &order, repeat, &picture);
        } else {
            (void)printf("error\tmalformed\tline not understood\n");
        }
        (void)fflush(stdout);
    }
    free(picture.rows);
    return 0;
}

static int dump_file(struct decoder *decoder, const struct order *order)
{
    struct file file = {0};
    struct error error = {0};
    struct picture picture = {0};
    int r = read_file(order->path, &file);
    if (r < 0) {
        (void)fprintf(stderr, "decode_dump: %s cannot be read\n", order->path);
        return r;
    }
    r = decode_image(decoder, order, &file, &picture, &error);
    if (r < 0) {
        (void)fprintf(stderr, "decode_dump: %s\n", error.message);
    } else {
        (void)fwrite(picture.rows, (size_t)picture.width * 3, picture.height, stdout);
    }
    free(picture.rows);
    free(file.bytes);
    return r;
}

int main(int argc, char **argv)
{
    struct decoder *decoder = NULL;
    if (decoder_new(&decoder) < 0) {
        return EXIT_FAILURE;
    }
    int r = -EINVAL;
    if (argc >= 2 && strcmp(argv[1], "--list") == 0) {
        unsigned repeat = argc == 4 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
        r = print_list(decoder, repeat);
    } else if (argc == 2 || argc == 6) {
        struct order order = {.path = argv[1], .has_window = argc == 6};
        if (!order.has_window || parse_window(argv + 2, &order.window)) {
            r = dump_file(decoder, &order);
        }
    } else if (argc == 4 && strcmp(argv[1], "--scale") == 0) {
        struct order order = {.path = argv[3], .eighths = (unsigned)strtoul(argv[2], NULL, 10)};
        r = dump_file(decoder, &order);
    } else {
        (void)fprintf(stderr,
                      "usage: decode_dump FILE [LEFT TOP RIGHT BOTTOM] | --scale EIGHTHS FILE | "
                      "--list [--repeat N]\n");
    }
    decoder_free(decoder);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
