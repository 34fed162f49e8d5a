/* SPDX-License-Identifier: Apache-2.0
 *
 * A table of magic numbers. The signatures are those that file(1) and the formats' own documents
 * give.
 */
#include "data/file_kind.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "data/format_facts.h"

struct magic {
    size_t offset;
    const char *bytes;
    size_t size;
    struct file_kind kind;
};

#define MAGIC(offset, bytes, class, name)                                                          \
    {                                                                                              \
        offset, bytes, sizeof(bytes) - 1,                                                          \
        {                                                                                          \
            class, name                                                                            \
        }                                                                                          \
    }

/* The first that fits counts. Formats that can be decoded are in format_facts.c. */
static const struct magic magics[] = {
    MAGIC(0, "GIF8", FILE_IMAGE, "a GIF image"),
    MAGIC(0, "8BPS", FILE_IMAGE, "a Photoshop image"),
    MAGIC(0, "\0\0\0\x0cJXL \r\n\x87\n", FILE_IMAGE, "a JPEG XL image"),
    MAGIC(0, "\xff\x0a", FILE_IMAGE, "a JPEG XL image"),
    MAGIC(0, "\0\0\0\x0cjP  \r\n\x87\n", FILE_IMAGE, "a JPEG 2000 image"),
    MAGIC(0, "\xff\x4f\xff\x51", FILE_IMAGE, "a JPEG 2000 image"),
    MAGIC(0, "II\x2a\0\x10\0\0\0CR", FILE_IMAGE, "a Canon raw file"),
    MAGIC(6, "HEAPCCDR", FILE_IMAGE, "a Canon raw file"),
    MAGIC(0, "FUJIFILMCCD-RAW", FILE_IMAGE, "a Fujifilm raw file"),
    MAGIC(0, "IIRO", FILE_IMAGE, "an Olympus raw file"),
    MAGIC(0, "IIRS", FILE_IMAGE, "an Olympus raw file"),
    MAGIC(0, "MMOR", FILE_IMAGE, "an Olympus raw file"),
    MAGIC(0, "IIU\0", FILE_IMAGE, "a Panasonic raw file"),
    MAGIC(0, "FOVb", FILE_IMAGE, "a Sigma raw file"),
    MAGIC(0, "\0MRM", FILE_IMAGE, "a Minolta raw file"),
    MAGIC(0, "II\x2a\0", FILE_IMAGE, "a TIFF image, or a raw file"),
    MAGIC(0, "MM\0\x2a", FILE_IMAGE, "a TIFF image, or a raw file"),
    MAGIC(0, "II\x2b\0", FILE_IMAGE, "a TIFF image"),
    MAGIC(0, "MM\0\x2b", FILE_IMAGE, "a TIFF image"),
    MAGIC(0, "II\xbc\x01", FILE_IMAGE, "a JPEG XR image"),
    MAGIC(0, "\x76\x2f\x31\x01", FILE_IMAGE, "an OpenEXR image"),
    MAGIC(0, "#?RADIANCE", FILE_IMAGE, "a Radiance image"),
    MAGIC(0, "gimp xcf", FILE_IMAGE, "a GIMP image"),
    MAGIC(0, "DDS ", FILE_IMAGE, "a DDS image"),
    MAGIC(0, "\0\0\x01\0", FILE_IMAGE, "an icon"),
    MAGIC(0, "qoif", FILE_IMAGE, "a QOI image"),
    MAGIC(128, "DICM", FILE_IMAGE, "a DICOM image"),
    MAGIC(0, "SIMPLE  =", FILE_IMAGE, "a FITS image"),
    MAGIC(0, "P1\n", FILE_IMAGE, "a PNM image"),
    MAGIC(0, "P2\n", FILE_IMAGE, "a PNM image"),
    MAGIC(0, "P3\n", FILE_IMAGE, "a PNM image"),
    MAGIC(0, "P4\n", FILE_IMAGE, "a PNM image"),
    MAGIC(0, "P5\n", FILE_IMAGE, "a PNM image"),
    MAGIC(0, "P6\n", FILE_IMAGE, "a PNM image"),
    MAGIC(0, "\xd7\xcd\xc6\x9a", FILE_IMAGE, "a Windows metafile"),
    MAGIC(40, " EMF", FILE_IMAGE, "a Windows metafile"),

    MAGIC(0, "\0\x05\x16\x07", FILE_OTHER, "an AppleDouble file of macOS"),
    MAGIC(0,
          "\0\0\0\x01"
          "Bud1",
          FILE_OTHER, "a .DS_Store of macOS"),
    MAGIC(0, "%PDF-", FILE_OTHER, "a PDF document"),
    MAGIC(0, "%!PS", FILE_OTHER, "a PostScript document"),
    MAGIC(0, "\xc5\xd0\xd3\xc6", FILE_OTHER, "a PostScript document"),
    MAGIC(0, "{\\rtf", FILE_OTHER, "an RTF document"),
    MAGIC(0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FILE_OTHER, "an old Office document"),
    MAGIC(0, "\x1a\x45\xdf\xa3", FILE_OTHER, "a Matroska or WebM video"),
    MAGIC(8, "AVI ", FILE_OTHER, "an AVI video"), /* behind RIFF */
    MAGIC(8, "WAVE", FILE_OTHER, "a WAV recording"),
    MAGIC(0, "FLV\x01", FILE_OTHER, "an FLV video"),
    MAGIC(0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11", FILE_OTHER, "a Windows Media file"),
    MAGIC(0, "\0\0\x01\xba", FILE_OTHER, "an MPEG video"),
    MAGIC(0, "\0\0\x01\xb3", FILE_OTHER, "an MPEG video"),
    MAGIC(0, "OggS", FILE_OTHER, "an Ogg file"),
    MAGIC(0, "fLaC", FILE_OTHER, "a FLAC recording"),
    MAGIC(0, "ID3", FILE_OTHER, "an MP3 recording"),
    MAGIC(0, "MThd", FILE_OTHER, "a MIDI file"),
    MAGIC(0, "PK\x03\x04", FILE_OTHER, "a zip archive"),
    MAGIC(0, "PK\x05\x06", FILE_OTHER, "a zip archive"),
    MAGIC(0, "\x1f\x8b", FILE_OTHER, "gzip data"),
    MAGIC(0, "BZh", FILE_OTHER, "bzip2 data"),
    MAGIC(0,
          "\xfd"
          "7zXZ\0",
          FILE_OTHER, "xz data"),
    MAGIC(0, "\x28\xb5\x2f\xfd", FILE_OTHER, "zstd data"),
    MAGIC(0, "7z\xbc\xaf\x27\x1c", FILE_OTHER, "a 7-Zip archive"),
    MAGIC(0, "Rar!\x1a\x07", FILE_OTHER, "a RAR archive"),
    MAGIC(257, "ustar", FILE_OTHER, "a tar archive"),
    MAGIC(0, "SQLite format 3", FILE_OTHER, "an SQLite database"),
    MAGIC(0, "\x89HDF\r\n\x1a\n", FILE_OTHER, "an HDF5 file"),
    MAGIC(0, "\x93NUMPY", FILE_OTHER, "a NumPy array"),
    MAGIC(0,
          "\x7f"
          "ELF",
          FILE_OTHER, "a program"),
    MAGIC(0, "version https://git-lfs", FILE_OTHER, "a pointer of Git LFS"),
};

/* ISO base media: by the brands of its first box. */
static const struct magic brands[] = {
    MAGIC(0, "avif", FILE_IMAGE, "an AVIF image"),
    MAGIC(0, "avis", FILE_IMAGE, "an AVIF image"),
    MAGIC(0, "heic", FILE_IMAGE, "a HEIC image"),
    MAGIC(0, "heix", FILE_IMAGE, "a HEIC image"),
    MAGIC(0, "heim", FILE_IMAGE, "a HEIC image"),
    MAGIC(0, "heis", FILE_IMAGE, "a HEIC image"),
    MAGIC(0, "hevc", FILE_IMAGE, "a HEIC image"),
    MAGIC(0, "hevx", FILE_IMAGE, "a HEIC image"),
    MAGIC(0, "avci", FILE_IMAGE, "a HEIF image"),
    MAGIC(0, "jxl ", FILE_IMAGE, "a JPEG XL image"),
    MAGIC(0, "crx ", FILE_IMAGE, "a Canon raw file"),
    MAGIC(0, "qt  ", FILE_OTHER, "a QuickTime video"),
    MAGIC(0, "M4A ", FILE_OTHER, "an M4A recording"),
    MAGIC(0, "mif1", FILE_IMAGE, "a HEIF image"), /* where no other brand says more */
    MAGIC(0, "msf1", FILE_IMAGE, "a HEIF image"),
};

static const struct file_kind unknown = {FILE_UNKNOWN, ""};

static bool fits(const struct magic *magic, const uint8_t *bytes, size_t size)
{
    return size >= magic->offset + magic->size &&
           memcmp(bytes + magic->offset, magic->bytes, magic->size) == 0;
}

static uint32_t read_32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The box `ftyp`: a major brand, a version, and brands that it is compatible with. */
static struct file_kind kind_of_media(const uint8_t *bytes, size_t size)
{
    size_t end = read_32(bytes) < size ? read_32(bytes) : size;
    for (size_t i = 0; i < sizeof brands / sizeof brands[0]; i++) {
        for (size_t at = 8; at + 4 <= end; at += at == 8 ? 8 : 4) {
            if (fits(&brands[i], bytes + at, 4)) {
                return brands[i].kind;
            }
        }
    }
    return (struct file_kind){FILE_OTHER, "an MP4 video"};
}

static bool is_media(const uint8_t *bytes, size_t size)
{
    return size >= 12 && memcmp(bytes + 4, "ftyp", 4) == 0;
}

/* Old QuickTime files begin with another box. */
static bool is_old_quicktime(const uint8_t *bytes, size_t size)
{
    static const char *const boxes[] = {"moov", "mdat", "wide", "pnot"};
    for (size_t i = 0; size >= 8 && i < sizeof boxes / sizeof boxes[0]; i++) {
        if (memcmp(bytes + 4, boxes[i], 4) == 0) {
            return true;
        }
    }
    return false;
}

/* BM, the file's size, and a known size of the header behind it: two letters are too few. */
static bool is_bmp(const uint8_t *bytes, size_t size)
{
    static const uint8_t headers[] = {12, 40, 52, 56, 64, 108, 124};
    return size >= 18 && bytes[0] == 'B' && bytes[1] == 'M' && bytes[15] == 0 && bytes[16] == 0 &&
           bytes[17] == 0 && memchr(headers, bytes[14], sizeof headers);
}

/* MPEG transport streams have a byte 0x47 every 188, or, of cameras, every 192 from the fourth on.
 */
static bool is_transport_stream(const uint8_t *bytes, size_t size)
{
    return size >= 384 && ((bytes[0] == 0x47 && bytes[188] == 0x47 && bytes[376] == 0x47) ||
                           (bytes[4] == 0x47 && bytes[196] == 0x47));
}

static bool is_zeros(const uint8_t *bytes, size_t size)
{
    return size > 1 && bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

/* UTF-8 without control characters; its last character may be cut. */
static bool is_text(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bool blank = bytes[i] == '\t' || bytes[i] == '\n' || bytes[i] == '\r' || bytes[i] == '\f';
        if ((bytes[i] < 0x20 && !blank) || bytes[i] == 0x7f) {
            return false;
        }
    }
    size_t whole = size;
    for (unsigned i = 0; i < 4 && size == FILE_KIND_BYTES && whole > 0; i++) {
        if (utf8_valid((const char *)bytes, whole)) {
            return true;
        }
        whole--;
    }
    return utf8_valid((const char *)bytes, whole);
}

static bool begins(const char *text, size_t size, const char *with)
{
    size_t length = strlen(with);
    return size >= length && strncasecmp(text, with, length) == 0;
}

static struct file_kind kind_of_text(const uint8_t *bytes, size_t size)
{
    const char *text = (const char *)bytes;
    while (size > 0 && ((uint8_t)*text <= ' ' || (uint8_t)*text >= 0x80)) { /* a BOM, too */
        text++;
        size--;
    }
    if (begins(text, size, "<!doctype html") || begins(text, size, "<html")) {
        return (struct file_kind){FILE_OTHER, "an HTML page"};
    }
    if (begins(text, size, "<svg") || memmem(text, size, "<svg", 4)) {
        return (struct file_kind){FILE_IMAGE, "an SVG image"};
    }
    return begins(text, size, "<?xml") ? (struct file_kind){FILE_OTHER, "an XML document"}
                                       : (struct file_kind){FILE_OTHER, "text"};
}

struct file_kind file_kind_of(const void *bytes, size_t size)
{
    size = size < FILE_KIND_BYTES ? size : FILE_KIND_BYTES;
    if (size == 0) {
        return (struct file_kind){FILE_OTHER, "an empty file"};
    }
    size_t index = 0;
    const struct format_facts *format = format_facts_sniff(bytes, size, &index);
    if (format) {
        return (struct file_kind){FILE_DECODABLE, format->kind};
    }
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
        bool in_riff = magics[i].offset == 8;
        if (fits(&magics[i], bytes, size) && (!in_riff || memcmp(bytes, "RIFF", 4) == 0)) {
            return magics[i].kind;
        }
    }
    if (is_media(bytes, size)) {
        return kind_of_media(bytes, size);
    }
    if (is_old_quicktime(bytes, size)) {
        return (struct file_kind){FILE_OTHER, "a QuickTime video"};
    }
    if (is_bmp(bytes, size)) {
        return (struct file_kind){FILE_IMAGE, "a BMP image"};
    }
    if (is_transport_stream(bytes, size)) {
        return (struct file_kind){FILE_OTHER, "an MPEG transport stream"};
    }
    if (is_zeros(bytes, size)) {
        return (struct file_kind){FILE_OTHER, "a file of zeros"};
    }
    return is_text(bytes, size) ? kind_of_text(bytes, size) : unknown;
}
