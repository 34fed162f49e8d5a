/* SPDX-License-Identifier: Apache-2.0
 *
 * Our own reader of Huffman-coded JPEG data, in place of libjpeg's, which takes more than half of
 * the time from a photo to a tensor. It reads what usual files hold, sequential data in one scan
 * that is whole in memory, and gives the same coefficients. Unusual data (a damaged code, a marker
 * too early or missing, an end without EOI) it only reports; the image must then be decoded again
 * with libjpeg's own reader, so that damage has the same effect as elsewhere.
 *
 * Runs on the worker's lane threads; one reader for each decoder.
 */
#ifndef SITU_MEDIA_JPEG_HUFFMAN_H
#define SITU_MEDIA_JPEG_HUFFMAN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jpeglib.h>

struct jpeg_huffman;

/* Called for data that this reader leaves to libjpeg's; must not return. */
typedef void (*jpeg_huffman_unusual)(j_decompress_ptr cinfo);

/* Whether this reader may be used: true unless the self-test has found it incompatible with the
 * libjpeg of this process (see media_self_test). Any thread. */
bool jpeg_huffman_is_allowed(void);
void jpeg_huffman_allow(bool allowed);

/* A reader, to be freed with free(). NULL: no memory. */
struct jpeg_huffman *jpeg_huffman_new(void);

/* Replaces libjpeg's reader for an image; call it directly after jpeg_start_decompress(). `huffman`
 * must live until the image is closed. False: this kind of image is left to libjpeg; nothing was
 * changed. */
bool jpeg_huffman_take_over(struct jpeg_huffman *huffman, j_decompress_ptr cinfo,
                            jpeg_huffman_unusual unusual);

#endif
