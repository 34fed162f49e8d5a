/* SPDX-License-Identifier: Apache-2.0
 *
 * What a file is, by its first bytes: enough to distinguish a photo that can be decoded from other
 * files, and to name the latter. Pure; untrusted bytes are only compared.
 */
#ifndef SITU_DATA_FILE_KIND_H
#define SITU_DATA_FILE_KIND_H

#include <stdbool.h>
#include <stddef.h>

enum { FILE_KIND_BYTES = 512 /* of a file: no more are looked at */ };

enum file_class {
    FILE_UNKNOWN,
    FILE_DECODABLE, /* one of format_facts.h */
    FILE_IMAGE,     /* another image, raw files included */
    FILE_OTHER      /* no image */
};

struct file_kind {
    enum file_class class;
    const char *name; /* with its article: "a HEIC image"; "" of an unknown one. Constant */
};

/* `size` is that of the whole file, or FILE_KIND_BYTES. */
struct file_kind file_kind_of(const void *bytes, size_t size);

#endif
