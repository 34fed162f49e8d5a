/* SPDX-License-Identifier: Apache-2.0
 *
 * One step for each byte of framing; data is not examined.
 */
#include "http/body_chunks.h"

#include <errno.h>

#include "base/limits.h"

static int refuse(struct http_refusal *refusal, unsigned status, const char *message)
{
    *refusal = (struct http_refusal){status, message};
    return -EINVAL;
}

static int malformed(struct http_refusal *refusal)
{
    return refuse(refusal, 400, "the chunks of the body are malformed");
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int take_size(struct http_chunks *chunks, char c, struct http_refusal *refusal)
{
    int digit = hex_digit(c);
    if (digit >= 0) {
        if (++chunks->digits > 15) {
            return refuse(refusal, 413, "the body is larger than this request may be");
        }
        chunks->left = chunks->left * 16 + (uint64_t)digit;
        return 0;
    }
    if (chunks->digits == 0 || (c != ';' && c != '\r')) {
        return malformed(refusal);
    }
    chunks->extra = 0;
    chunks->state = c == ';' ? CHUNK_EXTENSION : CHUNK_LINE_FEED;
    return 0;
}

static int check_text(char c, struct http_refusal *refusal)
{
    unsigned char byte = (unsigned char)c;
    return (byte < 0x20 && c != '\t') || byte == 0x7f ? malformed(refusal) : 0;
}

static int take_extension(struct http_chunks *chunks, char c, struct http_refusal *refusal)
{
    if (c == '\r') {
        chunks->state = CHUNK_LINE_FEED;
        return 0;
    }
    if (++chunks->extra > LIMIT_CHUNK_EXTENSION_BYTES) {
        return refuse(refusal, 400, "a chunk extension is longer than 1 KiB");
    }
    return check_text(c, refusal);
}

static int take_trailer(struct http_chunks *chunks, char c, struct http_refusal *refusal)
{
    if (c == '\r') {
        chunks->state = CHUNK_TRAILER_LF;
        return chunks->line > 0 && !chunks->named ? malformed(refusal) : 0;
    }
    chunks->line++;
    if (++chunks->extra > LIMIT_HEAD_BYTES) {
        return refuse(refusal, 431, "the trailer of the body is larger than 16 KiB");
    }
    if (chunks->named) {
        return check_text(c, refusal);
    }
    chunks->named = c == ':' && chunks->line > 1;
    return chunks->named || http_head_is_token_byte(c) ? 0 : malformed(refusal);
}

/* After the line with the size: the data, or after size 0 the trailer. */
static void begin_data(struct http_chunks *chunks)
{
    chunks->state = chunks->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
    chunks->digits = 0;
    chunks->extra = 0;
    chunks->line = 0;
    chunks->named = false;
}

static int step(struct http_chunks *chunks, char c, struct http_refusal *refusal)
{
    switch (chunks->state) {
    case CHUNK_SIZE:
        return take_size(chunks, c, refusal);
    case CHUNK_EXTENSION:
        return take_extension(chunks, c, refusal);
    case CHUNK_TRAILER:
        return take_trailer(chunks, c, refusal);
    case CHUNK_DATA_CR:
        chunks->state = CHUNK_DATA_LF;
        return c == '\r' ? 0 : malformed(refusal);
    case CHUNK_LINE_FEED:
        begin_data(chunks);
        break;
    case CHUNK_DATA_LF:
        chunks->state = CHUNK_SIZE;
        break;
    case CHUNK_TRAILER_LF:
        chunks->state = chunks->line == 0 ? CHUNK_END : CHUNK_TRAILER;
        chunks->line = 0;
        chunks->named = false;
        break;
    case CHUNK_DATA:
    case CHUNK_END:
        break;
    }
    return c == '\n' ? 0 : malformed(refusal);
}

ptrdiff_t http_chunks_skip(struct http_chunks *chunks, const char *bytes, size_t size,
                           struct http_refusal *ret_refusal)
{
    size_t used = 0;
    while (used < size && chunks->state != CHUNK_DATA && chunks->state != CHUNK_END) {
        int r = step(chunks, bytes[used], ret_refusal);
        if (r < 0) {
            return r;
        }
        used++;
    }
    return (ptrdiff_t)used;
}

void http_chunks_took(struct http_chunks *chunks, uint64_t size)
{
    chunks->left -= size;
    if (chunks->left == 0) {
        chunks->state = CHUNK_DATA_CR;
    }
}
