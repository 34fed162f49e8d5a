/* SPDX-License-Identifier: Apache-2.0
 *
 * Decodes a request's body with a Content-Encoding as it arrives: gzip, deflate (with or without
 * zlib's frame) and zstd with a window of at most 8 MiB. Output comes in blocks of limited size, so
 * that the caller can stop in time: a few bytes may decode to gigabytes. Not shared between
 * threads.
 */
#ifndef SITU_HTTP_BODY_DECODER_H
#define SITU_HTTP_BODY_DECODER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct http_decoder;

/* For the value of a Content-Encoding field. 0 with *ret_decoder NULL if there is none or it is
 * `identity`; -ENOTSUP: another coding, or several; -ENOMEM. */
must_check int http_decoder_new(const char *coding, struct http_decoder **ret_decoder);
void http_decoder_free(struct http_decoder *decoder); /* NULL is fine */

/* The decoded bytes that were not taken yet. */
const char *http_decoder_output(const struct http_decoder *decoder, size_t *ret_size);
void http_decoder_taken(struct http_decoder *decoder); /* all of it */

/* Continues, once all output was taken. *ret_used bytes of the input were used; there may be output
 * even without input. -EINVAL: malformed; -EFBIG: a zstd window above 8 MiB; -ENOMEM. */
must_check int http_decoder_put(struct http_decoder *decoder, const char *input, size_t size,
                                size_t *ret_used);

/* Whether the input may end here. */
bool http_decoder_is_whole(const struct http_decoder *decoder);

#endif
