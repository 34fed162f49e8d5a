/* SPDX-License-Identifier: Apache-2.0
 *
 * The marker structure of a JPEG file (ITU-T T.81, annex B), see markers.h. Runs wherever the
 * JPEG decoder runs.
 */
#include "media/jpeg/markers.h"

#include <string.h>

enum marker {
    MARKER_SOF0 = 0xC0, /* the first that is a segment of the head */
    MARKER_JPG = 0xC8,
    MARKER_RST0 = 0xD0,
    MARKER_RST7 = 0xD7,
    MARKER_EOI = 0xD9,
    MARKER_SOS = 0xDA,
    MARKER_APP0 = 0xE0,
    MARKER_APP1 = 0xE1,
    MARKER_APP15 = 0xEF,
    MARKER_JPG0 = 0xF0,
    MARKER_COM = 0xFE,
};

static int truncated(struct error *error)
{
    return error_set(error, ERROR_UNDECODABLE, "JPEG file is truncated");
}

/* Bytes of the segment whose body starts at `at`; 0 where the file ends before the segment. A
 * length of less than its own two bytes counts for two, as in Pillow and libjpeg. */
static size_t segment_size(const uint8_t *bytes, size_t size, size_t at)
{
    if (size - at < 2) {
        return 0;
    }
    size_t length = (size_t)bytes[at] << 8 | bytes[at + 1];
    length = length < 2 ? 2 : length;
    return length <= size - at ? length : 0;
}

static bool head_has_body(unsigned marker)
{
    bool bare = marker == MARKER_JPG || (marker >= MARKER_RST0 && marker <= MARKER_EOI) ||
                (marker >= MARKER_JPG0 && marker < MARKER_COM);
    return !bare;
}

int jpeg_markers_head(const uint8_t *bytes, size_t size, struct jpeg_exif *ret_exif,
                      struct error *error)
{
    *ret_exif = (struct jpeg_exif){0};
    size_t at = 2; /* after SOI */
    while (at < size) {
        /* Pillow skips junk between segments, and treats FF 00 and FF FF as padding. */
        if (bytes[at] != 0xFF) {
            at++;
            continue;
        }
        if (size - at < 2) {
            break;
        }
        unsigned marker = bytes[at + 1];
        if (marker == 0xFF) {
            at++;
            continue;
        }
        at += 2;
        if (marker == 0) {
            continue;
        }
        if (marker < MARKER_SOF0) {
            return error_set(error, ERROR_UNDECODABLE, "JPEG file with a marker FF%02X", marker);
        }
        if (!head_has_body(marker)) {
            continue;
        }
        size_t length = segment_size(bytes, size, at);
        if (length == 0) {
            return truncated(error);
        }
        if (marker == MARKER_SOS) {
            return 0;
        }
        if (marker == MARKER_APP1 && !ret_exif->bytes && length >= 7 &&
            memcmp(bytes + at + 2, "Exif", 5) == 0) {
            *ret_exif = (struct jpeg_exif){bytes + at + 2, length - 2};
        }
        at += length;
    }
    return truncated(error);
}

/* The byte that follows the next FF and its padding; 0 where there is none. */
static unsigned next_marker(const uint8_t *bytes, size_t size, size_t *at)
{
    const uint8_t *found = *at < size ? memchr(bytes + *at, 0xFF, size - *at) : NULL;
    if (!found) {
        *at = size;
        return 0;
    }
    *at = (size_t)(found - bytes);
    while (*at < size && bytes[*at] == 0xFF) {
        ++*at;
    }
    return *at < size ? bytes[(*at)++] : 0;
}

bool jpeg_markers_end_well(const uint8_t *bytes, size_t size, int marker)
{
    size_t at = 0;
    unsigned code = (unsigned)marker;
    for (;;) {
        if (code == MARKER_EOI) {
            return true;
        }
        bool restart = code >= MARKER_RST0 && code <= MARKER_RST7;
        if (code == MARKER_COM || (code >= MARKER_APP0 && code <= MARKER_APP15)) {
            size_t length = segment_size(bytes, size, at);
            if (length == 0) {
                return false;
            }
            at += length;
        } else if (code != 0 && !restart) {
            return false;
        }
        if (at >= size) {
            return false;
        }
        code = next_marker(bytes, size, &at);
    }
}
