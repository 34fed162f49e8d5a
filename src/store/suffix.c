/* SPDX-License-Identifier: Apache-2.0
 *
 * The foreign suffixes.
 */
#include "store/suffix.h"

#include <stdlib.h>
#include <string.h>

#include "data/format_facts.h"

/* Lower case, sorted: raw and other images, video, audio, documents, archives, data and
 * code. What format_facts.h has as well is not foreign. */
static const char *const foreign[] = {
    "3fr",  "3g2",  "3gp",   "7z",    "aac",    "aae",   "ai",   "aif",  "aiff",  "arq", "arw",
    "asf",  "avci", "avcs",  "avi",   "avif",   "avifs", "bak",  "bin",  "bmp",   "bz2", "c",
    "cap",  "cfg",  "conf",  "cr2",   "cr3",    "crw",   "csv",  "cube", "db",    "dcm", "dcr",
    "dcs",  "dds",  "dll",   "dng",   "doc",    "docm",  "docx", "dop",  "drf",   "dv",  "emf",
    "eps",  "erf",  "exr",   "fff",   "flac",   "flv",   "gif",  "gpr",  "gpx",   "gz",  "h5",
    "hdr",  "heic", "heics", "heif",  "heifs",  "hif",   "htm",  "html", "icc",   "ico", "iiq",
    "ini",  "insp", "insv",  "iso",   "j2k",    "jp2",   "jpx",  "json", "jsonl", "jxl", "k25",
    "kdc",  "kml",  "log",   "lrcat", "lrv",    "m2t",   "m2ts", "m4a",  "m4v",   "mat", "md",
    "mdc",  "mef",  "mid",   "mkv",   "mos",    "mov",   "mp",   "mp2",  "mp3",   "mp4", "mpe",
    "mpeg", "mpg",  "mrw",   "mts",   "mxf",    "nef",   "nfo",  "npy",  "npz",   "nrw", "odp",
    "ods",  "odt",  "ogg",   "ogv",   "on1",    "onnx",  "opus", "orf",  "p7m",   "pbm", "pct",
    "pcx",  "pdf",  "pef",   "pgm",   "pickle", "pkl",   "pnm",  "pp3",  "ppm",   "ppt", "pptx",
    "psb",  "psd",  "pt",    "pth",   "ptx",    "py",    "r3d",  "raf",  "rar",   "raw", "rtf",
    "rw2",  "rwl",  "rwz",   "sh",    "sqlite", "sr2",   "srf",  "srt",  "srw",   "svg", "svgz",
    "tar",  "tbz2", "tga",   "tgz",   "thm",    "tif",   "tiff", "tmp",  "toml",  "ts",  "tsv",
    "txt",  "vob",  "wav",   "webm",  "wma",    "wmf",   "wmv",  "x3f",  "xcf",   "xls", "xlsx",
    "xml",  "xmp",  "xz",    "yaml",  "yml",    "zip",   "zst",
};

enum { FOREIGN_COUNT = sizeof foreign / sizeof foreign[0] };

_Static_assert((int)FOREIGN_COUNT <= (int)SUFFIX_KINDS, "every foreign suffix has a counter");

static int compare(const void *wanted, const void *member)
{
    return strcmp(wanted, *(const char *const *)member);
}

int suffix_foreign(const char *key)
{
    const char *slash = strrchr(key, '/');
    const char *name = slash ? slash + 1 : key;
    const char *dot = strrchr(name, '.');
    if (!dot || dot == name) { /* a leading dot makes a hidden file, not a suffix */
        return -1;
    }
    char suffix[SUFFIX_SIZE];
    size_t size = 0;
    for (const char *c = dot + 1; *c; c++) {
        if (size == sizeof suffix - 1) {
            return -1;
        }
        suffix[size] = *c;
        if (*c >= 'A' && *c <= 'Z') {
            suffix[size] = (char)(*c | 0x20);
        }
        size++;
    }
    suffix[size] = '\0';
    const char *const *found = bsearch(suffix, foreign, FOREIGN_COUNT, sizeof foreign[0], compare);
    return found && !format_facts_of_suffix(suffix) ? (int)(found - foreign) : -1;
}

const char *suffix_text(int number)
{
    return number >= 0 && number < (int)FOREIGN_COUNT ? foreign[number] : "";
}
