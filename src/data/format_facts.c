/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of formats' facts.
 */
#include "data/format_facts.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"

static bool begins(const uint8_t *bytes, size_t size, const char *with, size_t length)
{
    return size >= length && memcmp(bytes, with, length) == 0;
}

static bool is_jpeg(const uint8_t *bytes, size_t size)
{
    return begins(bytes, size, "\xff\xd8\xff", 3);
}

static bool is_png(const uint8_t *bytes, size_t size)
{
    return begins(bytes, size, "\x89PNG\r\n\x1a\n", 8);
}

static bool is_webp(const uint8_t *bytes, size_t size)
{
    return size >= 16 && begins(bytes, size, "RIFF", 4) && memcmp(bytes + 8, "WEBPVP8", 7) == 0 &&
           (bytes[15] == ' ' || bytes[15] == 'X' || bytes[15] == 'L');
}

static const struct format_facts rows[] = {
    {
        .name = "JPEG",
        .kind = "a JPEG image",
        .content_type = "image/jpeg",
        .suffixes = {"jpg", "jpeg", "jpe", "jfif"},
        .edge_max = LIMIT_IMAGE_EDGE,
        .pixels_max = LIMIT_IMAGE_PIXELS,
        .sniff = is_jpeg,
    },
    {
        .name = "PNG",
        .kind = "a PNG image",
        .content_type = "image/png",
        .suffixes = {"png"},
        .edge_max = LIMIT_IMAGE_EDGE,
        .pixels_max = LIMIT_IMAGE_PIXELS,
        .sniff = is_png,
    },
    {
        .name = "WebP",
        .kind = "a WebP image",
        .content_type = "image/webp",
        .suffixes = {"webp"},
        .edge_max = LIMIT_IMAGE_EDGE,
        .pixels_max = LIMIT_IMAGE_PIXELS,
        .sniff = is_webp,
    },
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

const struct format_facts *format_facts_at(size_t index)
{
    return index < ROW_COUNT ? &rows[index] : NULL;
}

const struct format_facts *format_facts_find(const char *name)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

const struct format_facts *format_facts_sniff(const void *bytes, size_t size, size_t *ret_index)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (rows[i].sniff(bytes, size)) {
            *ret_index = i;
            return &rows[i];
        }
    }
    return NULL;
}

const struct format_facts *format_facts_of_suffix(const char *suffix)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        for (size_t k = 0; rows[i].suffixes[k]; k++) {
            if (strcmp(rows[i].suffixes[k], suffix) == 0) {
                return &rows[i];
            }
        }
    }
    return NULL;
}

const char *format_facts_names(char names[FORMAT_NAMES_SIZE])
{
    size_t used = 0;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const char *joint = i == 0 ? "" : i + 1 < ROW_COUNT ? ", " : " or ";
        int length = snprintf(names + used, FORMAT_NAMES_SIZE - used, "%s%s", joint, rows[i].name);
        used += length > 0 && (size_t)length < FORMAT_NAMES_SIZE - used ? (size_t)length : 0;
    }
    return names;
}
