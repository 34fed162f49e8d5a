/* SPDX-License-Identifier: Apache-2.0
 *
 * Times the path from encoded photo to tensor on one core: ImageNet's usual pipeline (shortest edge
 * 256, bilinear, crop 224, mean and std, float32 NCHW) over all files of a directory.
 *
 *   media_bench [--isa NAME] [--rounds N] DIRECTORY
 *
 * Prints one JSON line per round: CPU milliseconds per photo from bytes to tensor, and from decoded
 * RGB to tensor. Files are read and decoded once before; bind it to a core with taskset.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "media/kernels.h"
#include "media/media.h"

enum { PHOTOS_MAX = 1024, ROUNDS_MAX = 1000, CROP = 224 };

struct photo {
    uint8_t *bytes; /* owned; the file */
    size_t size;
    uint8_t *rgb; /* owned; its pixels, padded */
    uint32_t width, height;
};

struct bench {
    struct media *media;  /* owned */
    struct photo *photos; /* owned */
    size_t count;
    struct pipeline pipeline;
    struct media_tensor tensor; /* memory owned */
};

static double cpu_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int read_photo(const char *directory, const char *name, struct photo *photo)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "rbe");
    if (!file) {
        return -errno;
    }
    int r = -EIO;
    if (fseek(file, 0, SEEK_END) == 0) {
        long size = ftell(file);
        rewind(file);
        photo->bytes = size > 0 ? malloc((size_t)size) : NULL;
        photo->size = size > 0 ? (size_t)size : 0;
        if (photo->bytes && fread(photo->bytes, 1, photo->size, file) == photo->size) {
            r = 0;
        }
    }
    (void)fclose(file);
    return r;
}

/* The unchanged pixels of the photo. */
static int decode_photo(struct media *media, struct photo *photo)
{
    const struct pipeline plain = {.layout = LAYOUT_NHWC, .datatype = DATATYPE_UINT8};
    const size_t room = (size_t)64 << 20;
    uint8_t *rgb = malloc(room);
    struct error error;
    if (!rgb) {
        return -ENOMEM;
    }
    int r = media_image_to_tensor(media, &plain, photo->bytes, photo->size, rgb, room,
                                  &photo->height, &photo->width, &error);
    if (r < 0) {
        (void)fprintf(stderr, "media_bench: %s\n", error.message);
        free(rgb);
        return r;
    }
    size_t size = (size_t)photo->height * photo->width * 3 + KERNEL_ROW_PADDING;
    uint8_t *shorter = realloc(rgb, size);
    photo->rgb = shorter ? shorter : rgb;
    return 0;
}

static int load(struct bench *bench, const char *directory)
{
    struct dirent **names;
    int found = scandir(directory, &names, NULL, alphasort);
    if (found < 0) {
        return -errno;
    }
    int r = 0;
    for (int i = 0; i < found; i++) {
        if (r == 0 && names[i]->d_name[0] != '.' && bench->count < PHOTOS_MAX) {
            struct photo *photo = &bench->photos[bench->count++];
            r = read_photo(directory, names[i]->d_name, photo);
            r = r < 0 ? r : decode_photo(bench->media, photo);
        }
        free(names[i]);
    }
    free(names);
    return r < 0 || bench->count > 0 ? r : -ENOENT;
}

static int run_round(struct bench *bench, double *ret_decode_ms, double *ret_pixels_ms)
{
    struct error error;
    double start = cpu_ms();
    for (size_t i = 0; i < bench->count; i++) {
        struct photo *photo = &bench->photos[i];
        struct media_tensor *to = &bench->tensor;
        int r = media_image_to_tensor(bench->media, &bench->pipeline, photo->bytes, photo->size,
                                      to->data, to->size, &to->height, &to->width, &error);
        if (r < 0) {
            return r;
        }
    }
    double middle = cpu_ms();
    for (size_t i = 0; i < bench->count; i++) {
        struct photo *photo = &bench->photos[i];
        const struct media_pixels pixels = {photo->rgb, photo->width, photo->height,
                                            (size_t)photo->width * 3};
        int r =
            media_pixels_to_tensor(bench->media, &bench->pipeline, &pixels, &bench->tensor, &error);
        if (r < 0) {
            return r;
        }
    }
    *ret_decode_ms = (middle - start) / (double)bench->count;
    *ret_pixels_ms = (cpu_ms() - middle) / (double)bench->count;
    return 0;
}

static void bench_done(struct bench *bench)
{
    for (size_t i = 0; bench->photos && i < bench->count; i++) {
        free(bench->photos[i].bytes);
        free(bench->photos[i].rgb);
    }
    free(bench->photos);
    free(bench->tensor.data);
    media_free(bench->media);
}

static int run(struct bench *bench, const char *directory, long rounds)
{
    bench->photos = calloc(PHOTOS_MAX, sizeof(*bench->photos));
    bench->tensor.size = sizeof(float) * 3 * CROP * CROP;
    bench->tensor.data = malloc(bench->tensor.size);
    if (!bench->photos || !bench->tensor.data || media_new(&bench->media) < 0) {
        return -ENOMEM;
    }
    int r = load(bench, directory);
    for (long i = 0; r == 0 && i < rounds; i++) {
        double decode_ms, pixels_ms;
        r = run_round(bench, &decode_ms, &pixels_ms);
        if (r == 0) {
            printf("{\"isa\":\"%s\",\"photos\":%zu,\"decode_to_tensor_ms\":%.4f,"
                   "\"resample_normalize_ms\":%.4f}\n",
                   media_isa(), bench->count, decode_ms, pixels_ms);
        }
    }
    return r;
}

int main(int argc, char **argv)
{
    const char *directory = NULL;
    long rounds = 5;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--isa") == 0 && i + 1 < argc) {
            if (media_select_isa(argv[++i]) < 0) {
                (void)fprintf(stderr, "media_bench: this CPU has no %s\n", argv[i]);
                return 77;
            }
        } else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
            rounds = strtol(argv[++i], NULL, 10);
        } else {
            directory = argv[i];
        }
    }
    if (!directory || rounds < 1 || rounds > ROUNDS_MAX) {
        (void)fprintf(stderr, "usage: media_bench [--isa NAME] [--rounds N] DIRECTORY\n");
        return 2;
    }
    struct bench bench = {.pipeline = {.resize = RESIZE_SHORTEST_EDGE,
                                       .resize_height = 256,
                                       .resample = RESAMPLE_BILINEAR,
                                       .center_crop = true,
                                       .crop_height = CROP,
                                       .crop_width = CROP,
                                       .rescale = true,
                                       .rescale_factor = 1.0 / 255.0,
                                       .normalize = true,
                                       .mean = {0.485, 0.456, 0.406},
                                       .std = {0.229, 0.224, 0.225},
                                       .datatype = DATATYPE_FP32}};
    int r = run(&bench, directory, rounds);
    bench_done(&bench);
    return r < 0 ? 1 : 0;
}
