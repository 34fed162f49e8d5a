/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the parser of heads: its end is the same whether it comes whole or byte by byte, an
 * accepted head has no control byte, and its fields can be found.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int find_slowly(const char *bytes, size_t size, size_t *ret_size)
{
    struct http_refusal refusal = {0};
    size_t scanned = 0;
    *ret_size = 0;
    for (size_t i = 1; i <= size && *ret_size == 0; i++) {
        int r = http_head_find_end(bytes, i, &scanned, ret_size, &refusal);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct http_refusal refusal = {0};
    size_t scanned = 0;
    size_t end = 0;
    size_t slow_end = 0;
    int r = http_head_find_end(bytes, size, &scanned, &end, &refusal);
    if (r != find_slowly(bytes, size, &slow_end) || end != slow_end || (r < 0 && !refusal.status)) {
        abort();
    }
    if (r < 0 || end == 0) {
        return 0;
    }
    cleanup_buffer struct buffer text = BUFFER_INIT;
    struct http_head head;
    r = http_head_parse(bytes, end, &text, &head, &refusal);
    if (r < 0) {
        if (!refusal.status || text.data[text.size - 1] != '\0') {
            abort();
        }
        return 0;
    }
    if (memchr(bytes, '\0', end) || !text.data[head.method] || (head.chunked && head.length > 0)) {
        abort();
    }
    size_t ends =
        3 +
        2 * head.field_count; /* the method, the target, and the empty parts of a refused head */
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        ends -= c == '\0';
        if (c && c < 0x20 && c != '\t') {
            abort();
        }
    }
    size_t place = 0;
    if (ends != 0 || (!head.old && !http_head_field(&text, &head, "hOST", &place)) ||
        http_head_field(&text, &head, "no such name", &place)) {
        abort();
    }
    return 0;
}
