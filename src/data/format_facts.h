/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of an image format without linking its codec: a row for each format that can be
 * decoded. src/media has the functions, in the same order. Constant; untrusted bytes are only
 * compared.
 */
#ifndef SITU_DATA_FORMAT_FACTS_H
#define SITU_DATA_FORMAT_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct format_facts {
    const char *name;         /* "JPEG" */
    const char *kind;         /* the same with its article: "a JPEG image" */
    const char *content_type; /* "image/jpeg" */
    const char *suffixes[8];  /* of files, in lower case; NULL behind the last */
    uint32_t edge_max;        /* pixels of width or height that are decoded */
    uint64_t pixels_max;

    /* Whether a file begins as this format does. FILE_KIND_BYTES are enough. */
    bool (*sniff)(const uint8_t *bytes, size_t size);
};

/* For tests: the rows, in order; NULL behind the last. */
const struct format_facts *format_facts_at(size_t index);

/* By name; by a file's first bytes, with the row's index; by suffix, in lower case. NULL: none. */
const struct format_facts *format_facts_find(const char *name);
const struct format_facts *format_facts_sniff(const void *bytes, size_t size, size_t *ret_index);
const struct format_facts *format_facts_of_suffix(const char *suffix);

enum { FORMAT_NAMES_SIZE = 128 };

/* All names, as in "JPEG, PNG or WebP". Returns `names`. */
const char *format_facts_names(char names[FORMAT_NAMES_SIZE]);

#endif
