/* SPDX-License-Identifier: Apache-2.0
 *
 * Our own reader of Huffman-coded JPEG data, put in the place of libjpeg's: more than half of the
 * time that a photo takes to a tensor goes there. It reads what usual files hold, sequential data
 * in one scan that is whole in memory, and gives the same coefficients. Whatever is unusual (a
 * damaged code, a marker too early or missing, an end without EOI) it does not judge: it says so,
 * and the image must be decoded again with libjpeg's own reader, so that damage looks as it does
 * elsewhere.
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

/* Whether this reader may be used: true until a self-test has found that it does not get on with
 * the libjpeg of this process (see media_self_test). Any thread. */
bool jpeg_huffman_is_allowed(void);
void jpeg_huffman_allow(bool allowed);

/* A reader, to be freed with free(). NULL: no memory. */
struct jpeg_huffman *jpeg_huffman_new(void);

/* Takes over the reading of an image right after jpeg_start_decompress(). `huffman` must live until
 * the image is closed. False: this kind of image is left to libjpeg, nothing is changed. */
bool jpeg_huffman_take_over(struct jpeg_huffman *huffman, j_decompress_ptr cinfo,
                            jpeg_huffman_unusual unusual);

#endif
