/* SPDX-License-Identifier: Apache-2.0
 *
 * Foreign suffixes: those of files that are often beside photos and that no decoder here reads,
 * such as HEIC, raw files, video and documents. Files with another suffix, or with none, are
 * read, and their bytes decide. Pure.
 */
#ifndef SITU_STORE_SUFFIX_H
#define SITU_STORE_SUFFIX_H

enum {
    SUFFIX_SIZE = 8,   /* room for the longest, with its NUL */
    SUFFIX_KINDS = 256 /* at least as many as are known */
};

/* The number of a key's foreign suffix, in upper or lower case; negative: it has none. */
int suffix_foreign(const char *key);

/* The suffix of that number in lower case, without its dot; "" for any other number. */
const char *suffix_text(int number);

#endif
