/* SPDX-License-Identifier: Apache-2.0
 *
 * From encoded image to the model's input tensor, equal to what Pillow and numpy make of it. Runs
 * in the worker (and in tests and the bench); handles untrusted bytes, so every size is checked and
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

/* Frees scratch memory beyond what an image of usual size needs. */
void media_trim(struct media *media);

/* Decodes `bytes` and writes the tensor of one image: 3 x height x width (LAYOUT_NCHW) or height x
 * width x 3 (LAYOUT_NHWC) elements of pipeline->datatype. `tensor_size` is its room in bytes.
 * Without a fixed output size the tensor has the image's own size, returned in ret_height and
 * ret_width. Errors: ERROR_UNDECODABLE (no image, truncated, damaged, unsupported kind; says
 * which), ERROR_TOO_LARGE (limits of base/limits.h), ERROR_UNFIT (tensor does not fit its room). */
must_check int media_image_to_tensor(struct media *media, const struct pipeline *pipeline,
                                     const void *bytes, size_t size, void *tensor,
                                     size_t tensor_size, uint32_t *ret_height, uint32_t *ret_width,
                                     struct error *error);

/* RGB pixels in memory, 3 bytes each. */
struct media_pixels {
    const uint8_t *rgb; /* borrowed; 128 bytes after the last row must be readable too */
    uint32_t width, height;
    size_t stride; /* bytes from row to row, at least 3 x width */
};

/* A tensor to write: its memory, aligned for its elements, and its size once written. */
struct media_tensor {
    void *data;             /* borrowed */
    size_t size;            /* room in bytes */
    uint32_t height, width; /* set on success */
};

/* The same from decoded pixels, without EXIF. For tests, the bench and callers that have pixels. */
must_check int media_pixels_to_tensor(struct media *media, const struct pipeline *pipeline,
                                      const struct media_pixels *pixels,
                                      struct media_tensor *tensor, struct error *error);

/* An encoded image as people look at it: upright as its EXIF says, transparency on white, its
 * longer edge `edge` pixels (at least 1; a smaller image stays as it is), the other at least one.
 * RGB, 3 bytes a pixel, rows one after the other; 3 x edge x edge bytes are enough. A much larger
 * JPEG is decoded at a fraction of its size. Errors as above. */
must_check int media_image_to_pixels(struct media *media, uint32_t edge, const void *bytes,
                                     size_t size, struct media_tensor *pixels, struct error *error);

/* Tests what depends on a library's internals: our reader of Huffman codes runs inside libjpeg's
 * decoder, and the shared library may differ from the one that situ was built with. A small picture
 * is decoded with the reader and without it; where the pixels differ, the reader is disabled for
 * this process, libjpeg decodes images alone, and ERROR_INTERNAL is returned. Call it once, before
 * the first image; takes less than a millisecond. */
must_check int media_self_test(struct error *error);

/* The instruction set of the inner loops: "avx512", "avx2", "neon" or "c". media_select_isa("c")
 * and so on forces one, for tests and the bench (-ENOTSUP where this CPU lacks it); call it before
 * any media_new. */
const char *media_isa(void);
must_check int media_select_isa(const char *name); /* for tests */

#endif
