/* SPDX-License-Identifier: Apache-2.0
 *
 * From encoded image to the model's input tensor, equal to what Pillow and numpy make of it. Runs
 * in the worker (and in tests and the bench); touches hostile bytes, so every size is checked and
 * nothing here opens, maps or logs.
 */
#ifndef SITU_MEDIA_MEDIA_H
#define SITU_MEDIA_MEDIA_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "wire/pipeline.h"

/* Scratch memory and tables that one thread keeps between images (coefficient tables of the last
 * geometry, row buffers). Not shared between threads. */
struct media;

must_check int media_new(struct media **ret_media);
void media_free(struct media *media); /* for tests; NULL is fine */

/* Gives back scratch memory beyond what an image of usual size needs. */
void media_trim(struct media *media);

/* Decodes `bytes` and writes the tensor of one image: 3 x height x width (LAYOUT_NCHW) or height x
 * width x 3 (LAYOUT_NHWC) elements of pipeline->datatype. `tensor_size` is its room in bytes.
 * Without a fixed output size the tensor has the image's own; ret_height and ret_width tell.
 * Errors: ERROR_UNDECODABLE (no image, truncated, damaged, unsupported kind; says which),
 * ERROR_TOO_LARGE (limits of base/limits.h), ERROR_UNFIT (tensor does not fit its room). */
must_check int media_image_to_tensor(struct media *media, const struct pipeline *pipeline,
                                     const void *bytes, size_t size, void *tensor,
                                     size_t tensor_size, uint32_t *ret_height, uint32_t *ret_width,
                                     struct error *error);

/* RGB pixels in memory, 3 bytes each. */
struct media_pixels {
    const uint8_t *rgb; /* borrowed; 128 bytes behind the last row must be readable too */
    uint32_t width, height;
    size_t stride; /* bytes from row to row, at least 3 x width */
};

/* A tensor that is written: its memory, aligned for its elements, and what it got. */
struct media_tensor {
    void *data;             /* borrowed */
    size_t size;            /* room in bytes */
    uint32_t height, width; /* set on success */
};

/* The same from pixels that are decoded already; nothing of them is EXIF. For tests, the bench and
 * callers with images in hand. */
must_check int media_pixels_to_tensor(struct media *media, const struct pipeline *pipeline,
                                      const struct media_pixels *pixels,
                                      struct media_tensor *tensor, struct error *error);

/* An encoded image as people look at it: upright as its EXIF says, transparency on white, its
 * longer edge `edge` pixels (at least 1; a smaller image stays as it is), the other at least one.
 * RGB, 3 bytes a pixel, rows one after the other; room for 3 x edge x edge bytes is enough. A JPEG
 * that is much larger is decoded at a part of its size. Errors as above. */
must_check int media_image_to_pixels(struct media *media, uint32_t edge, const void *bytes,
                                     size_t size, struct media_tensor *pixels, struct error *error);

/* Tries what depends on the innards of a library: our reader of Huffman codes stands inside
 * libjpeg's decoder, whose shared library may be another than the one that situ was built with. A
 * small picture is decoded with it and without it; where the pixels differ, it is switched off for
 * this process, images are decoded by libjpeg alone, and ERROR_INTERNAL tells so. Call it once,
 * before images come; takes less than a millisecond. */
must_check int media_self_test(struct error *error);

/* What the inner loops run with: "avx512", "avx2", "neon" or "c". media_select_isa("c") and so on
 * forces one, for tests and the bench (-ENOTSUP where this CPU lacks it); call it before any
 * media_new. */
const char *media_isa(void);
must_check int media_select_isa(const char *name); /* for tests */

#endif
