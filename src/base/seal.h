/* SPDX-License-Identifier: Apache-2.0
 *
 * A checksum after the text of a small file, written as blanks: a line of 32, one for each bit of
 * the CRC-32C, the highest first; a space is 0, a tab 1. JSON allows blanks after a document, so
 * versions of situ without seals can read the file; they write it without one. Pure; any thread.
 */
#ifndef SITU_BASE_SEAL_H
#define SITU_BASE_SEAL_H

#include "base/buffer.h"
#include "base/cleanup.h"

enum { SEAL_SIZE = 33 };

/* Appends the seal. `text` must not end like one; a failed buffer stays failed. */
void seal_append(struct buffer *text);

/* Removes the seal. Text without one is unchanged: an earlier version or a person wrote it.
 * -EBADMSG: the checksum is wrong. */
must_check int seal_take(struct buffer *text);

#endif
