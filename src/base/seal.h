/* SPDX-License-Identifier: Apache-2.0
 *
 * A checksum behind the text of a small file, in blanks: a line of 32 of them, one a bit of the
 * CRC-32C, the highest first; a space is 0, a tab 1. JSON allows blanks behind a document, so
 * versions of situ that know nothing of it take the file as it is; they write it again without.
 * Pure; any thread.
 */
#ifndef SITU_BASE_SEAL_H
#define SITU_BASE_SEAL_H

#include "base/buffer.h"
#include "base/cleanup.h"

enum { SEAL_SIZE = 33 };

/* Appends it. `text` does not end like a seal; a failed buffer stays so. */
void seal_append(struct buffer *text);

/* Takes it off again. Text without one is left as it is: an earlier version wrote it, or a person.
 * -EBADMSG: the bytes are not those that were sealed. */
must_check int seal_take(struct buffer *text);

#endif
