/* SPDX-License-Identifier: Apache-2.0
 *
 * A section [token NAME] as text, and adding it to a rights file. The form is rights/rights.h's.
 * One thread.
 */
#ifndef SITU_CLI_RIGHTS_SECTION_H
#define SITU_CLI_RIGHTS_SECTION_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

/* All borrowed; NULL, and 0, are left out. */
struct rights_section {
    const char *name;
    const char *rights;
    const char *stores;
    const char *expires;
    uint64_t requests_per_second;
    uint64_t concurrent;
};

/* Appends the section with that hash. ERROR_MALFORMED where a text is not one line of UTF-8, so
 * that it would make other lines; the rest is for rights_parse to judge. ERROR_MEMORY. */
must_check int rights_section_write(const struct rights_section *section, const char *hash,
                                    struct buffer *out, struct error *error);

/* Adds `text` to the end of the file, which is made, for its owner only, where it is missing. The
 * file is replaced at once, with its owner, group and mode kept; it must be a rights file before
 * and after. PATH.new is the lock: ERROR_CONFLICT while there is one. ERROR_MALFORMED,
 * ERROR_TOO_LARGE, ERROR_IO, ERROR_NO_SPACE, ERROR_MEMORY: the file is as before, but where its
 * directory could not be synced, which the message says. */
must_check int rights_section_add(const char *path, const struct buffer *text, struct error *error);

#endif
