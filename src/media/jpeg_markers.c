/* SPDX-License-Identifier: Apache-2.0
 *
 * The marker structure of a JPEG file (ITU-T T.81, annex B), see jpeg_markers.h. Runs wherever the
 * JPEG decoder runs.
 */
#include "media/jpeg_markers.h"

#include <stdbool.h>
#include <string.h>

enum marker {
    MARKER_TEM = 0x01,
    MARKER_SOF0 = 0xC0, /* the first that is a segment of the head */
    MARKER_DHT = 0xC4,
    MARKER_JPG = 0xC8,
    MARKER_DAC = 0xCC,
    MARKER_RST0 = 0xD0,
    MARKER_RST7 = 0xD7,
    MARKER_SOI = 0xD8,
    MARKER_EOI = 0xD9,
    MARKER_SOS = 0xDA,
    MARKER_DQT = 0xDB,
    MARKER_DNL = 0xDC,
    MARKER_DRI = 0xDD,
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

/* The length field of the segment whose body begins at `at`; 0 where it is cut or nonsense. */
static size_t segment_size(const uint8_t *bytes, size_t size, size_t at)
{
    if (size - at < 2) {
        return 0;
    }
    size_t length = (size_t)bytes[at] << 8 | bytes[at + 1];
    return length >= 2 && length <= size - at ? length : 0;
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
    size_t at = 2; /* behind SOI */
    while (at < size) {
        /* Pillow steps over junk between segments, and takes FF 00 and FF FF for padding. */
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

enum tail_step { TAIL_BARE, TAIL_BODY, TAIL_END, TAIL_REFUSED };

static enum tail_step tail_step(unsigned marker)
{
    if (marker == MARKER_EOI) {
        return TAIL_END;
    }
    if (marker == MARKER_TEM || (marker >= MARKER_RST0 && marker <= MARKER_RST7)) {
        return TAIL_BARE;
    }
    if (marker == MARKER_DHT || marker == MARKER_DAC || marker == MARKER_COM ||
        (marker >= MARKER_DQT && marker <= MARKER_DRI) ||
        (marker >= MARKER_APP0 && marker <= MARKER_APP15)) {
        return TAIL_BODY;
    }
    return TAIL_REFUSED; /* a second frame, scan or image, or no known marker */
}

int jpeg_markers_tail(const uint8_t *bytes, size_t size, int marker, struct error *error)
{
    size_t at = 0;
    unsigned code = (unsigned)marker;
    for (;;) {
        while (code == 0) {
            const uint8_t *found = at < size ? memchr(bytes + at, 0xFF, size - at) : NULL;
            if (!found) {
                return truncated(error);
            }
            at = (size_t)(found - bytes);
            while (at < size && bytes[at] == 0xFF) {
                at++;
            }
            if (at == size) {
                return truncated(error);
            }
            code = bytes[at++];
        }
        enum tail_step step = tail_step(code);
        if (step == TAIL_END) {
            return 0;
        }
        if (step == TAIL_REFUSED) {
            return error_set(error, ERROR_UNDECODABLE,
                             "JPEG file with marker FF%02X where its end should be", code);
        }
        if (step == TAIL_BODY) {
            size_t length = segment_size(bytes, size, at);
            if (length == 0) {
                return truncated(error);
            }
            at += length;
        }
        code = 0;
    }
}
