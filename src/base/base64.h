/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64 (RFC 4648, section 4), encoded and strictly decoded: the standard alphabet, with padding,
 * no line breaks, no bits left over. Pure; any thread.
 */
#ifndef SITU_BASE_BASE64_H
#define SITU_BASE_BASE64_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/cleanup.h"

/* The most bytes that a text of this size can decode to. */
static inline size_t base64_room(size_t text_size)
{
    return text_size / 4 * 3;
}

/* Decodes into `bytes`, which has base64_room(text_size). -EINVAL if it is not base64. */
must_check int base64_decode(const char *text, size_t text_size, void *bytes, size_t *ret_size);

/* Appends the text of these bytes. */
void base64_write(struct buffer *out, const void *bytes, size_t size);

#endif
