/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes thumbnails of files for a test that compares them with Pillow. Reads lines
 * `EDGE<TAB>FILE<TAB>OUT` and writes OUT.ppm, the pixels before compression, and OUT.jpg; answers
 * `ok` or `error<TAB>CODE<TAB>MESSAGE`. One struct media for all, as in a lane. At the end it
 * prints `kept BYTES`: the memory that it holds more than after the first file.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "media/thumbnail.h"

enum { LINE_SIZE = 8192, FIELDS = 3, FILE_MAX = 64 << 20 };

struct file {
    unsigned char *bytes; /* owned */
    size_t size;
};

static int read_file(const char *path, struct file *file)
{
    FILE *stream = fopen(path, "rbe");
    file->bytes = malloc(FILE_MAX);
    if (!stream || !file->bytes) {
        return -ENOENT;
    }
    file->size = fread(file->bytes, 1, FILE_MAX, stream);
    (void)fclose(stream);
    return 0;
}

static int write_file(const char *base, const char *suffix, const char *head, const void *bytes,
                      size_t size)
{
    char path[LINE_SIZE];
    (void)snprintf(path, sizeof path, "%s%s", base, suffix);
    FILE *stream = fopen(path, "wbe");
    if (!stream) {
        return -EIO;
    }
    bool whole = fwrite(head, 1, strlen(head), stream) == strlen(head) &&
                 fwrite(bytes, 1, size, stream) == size;
    return fclose(stream) == 0 && whole ? 0 : -EIO;
}

static int make(struct media *media, uint32_t edge, const struct file *file, const char *out,
                struct error *error)
{
    struct media_tensor pixels = {.size = (size_t)3 * edge * edge};
    struct thumbnail thumbnail = {.room = LIMIT_THUMBNAIL_BYTES};
    char head[64];
    pixels.data = malloc(pixels.size);
    thumbnail.jpeg = malloc(thumbnail.room);
    if (!pixels.data || !thumbnail.jpeg) {
        abort();
    }
    int r = media_image_to_pixels(media, edge, file->bytes, file->size, &pixels, error);
    if (r == 0) {
        (void)snprintf(head, sizeof head, "P6\n%u %u\n255\n", pixels.width, pixels.height);
        r = write_file(out, ".ppm", head, pixels.data, (size_t)3 * pixels.width * pixels.height);
    }
    if (r == 0) {
        r = thumbnail_make(media, edge, file->bytes, file->size, &thumbnail, error);
    }
    if (r == 0) {
        r = write_file(out, ".jpg", "", thumbnail.jpeg, thumbnail.size);
    }
    free(pixels.data);
    free(thumbnail.jpeg);
    return r;
}

static size_t held(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

int main(void)
{
    char line[LINE_SIZE];
    struct media *media = NULL;
    size_t first = 0;
    if (media_new(&media) < 0) {
        return EXIT_FAILURE;
    }
    while (fgets(line, sizeof line, stdin)) {
        struct error error = {0};
        struct file file = {0};
        char *rest = line;
        const char *edge = strtok_r(rest, "\t", &rest);
        const char *path = strtok_r(rest, "\t", &rest);
        const char *out = strtok_r(rest, "\n", &rest);
        if (!edge || !path || !out || read_file(path, &file) < 0) {
            (void)printf("error\tmalformed\t%s\n", path ? path : "");
        } else if (make(media, (uint32_t)strtoul(edge, NULL, 10), &file, out, &error) < 0) {
            (void)printf("error\t%s\t%s\n", error_code_name(error.code), error.message);
        } else {
            (void)printf("ok\n");
        }
        free(file.bytes);
        first = first > 0 ? first : held();
    }
    media_trim(media);
    (void)printf("kept\t%zd\n", (ssize_t)(held() - first));
    media_free(media);
    return EXIT_SUCCESS;
}
