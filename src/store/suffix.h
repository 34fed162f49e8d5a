/* SPDX-License-Identifier: Apache-2.0
 *
 * Foreign suffixes: those of files that lie beside photos and that no decoder here takes, such as
 * HEIC, raw files, video and documents. Files with any other suffix, or with none, are taken, and
 * their bytes decide. Pure.
 */
#ifndef SITU_STORE_SUFFIX_H
#define SITU_STORE_SUFFIX_H

enum {
    SUFFIX_SIZE = 8,   /* room for the longest, with its NUL */
    SUFFIX_KINDS = 256 /* no more than so many are known */
};

/* The number of a key's foreign suffix, upper case or lower; negative where it has none. */
int suffix_foreign(const char *key);

/* The suffix of that number in lower case, without its dot; "" for any other number. */
const char *suffix_text(int number);

#endif
