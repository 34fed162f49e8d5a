/* SPDX-License-Identifier: Apache-2.0
 *
 * The note of an index: see feed_note.h.
 */
#include "retrieval/feed_note.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum { FORMAT = 1, FILLED = 1, JOB = 2, CURSOR = JOB + JOB_ID_SIZE - 1 };

void feed_note_write(const struct feed_note *note, uint8_t bytes[FEED_NOTE_BYTES])
{
    bytes[0] = FORMAT;
    bytes[FILLED] = note->filled;
    memcpy(bytes + JOB, note->job, JOB_ID_SIZE - 1);
    bytes_put_u64(bytes + CURSOR, note->cursor);
}

int feed_note_read(const uint8_t *bytes, size_t size, struct feed_note *ret_note)
{
    if (size != FEED_NOTE_BYTES || bytes[0] != FORMAT) {
        return -EBADMSG;
    }
    *ret_note =
        (struct feed_note){.filled = bytes[FILLED] != 0, .cursor = bytes_get_u64(bytes + CURSOR)};
    memcpy(ret_note->job, bytes + JOB, JOB_ID_SIZE - 1);
    return 0;
}
