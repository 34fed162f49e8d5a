/* SPDX-License-Identifier: Apache-2.0
 *
 * One line of a job's log: a result object, and a last member that only the log has:
 *
 *     {"object":"photos/a.jpg","classes":[...],"log":"1a2b3c4d"}
 *     {"object":"photos/a.jpg","classes":[...],"log":"2 9f3c.. 71 1204 17e.. 17e.. 1a2b3c4d"}
 *     {"object":"photos/a.jpg","gone":true,"log":"2 1a2b3c4d"}
 *     {"object":"photos/caf%E9.jpg","encoded":true,"classes":[...],"log":"1a2b3c4d"}
 *
 * The last word is the CRC-32C of all bytes of the line before it, in eight hexadecimal digits. The
 * words before it, in this order where they are there: `c` for an answer out of the cache; `!` for
 * a name that cannot be a key and is percent-encoded; `r` and, in the same word, the number of
 * object bytes read; for standing jobs the pass and the object's identity, five hexadecimal
 * numbers; for others, where a device's number is all that is known of the object's file system,
 * `i` and the identity. A reader gets the line without the member. Pure.
 */
#ifndef SITU_JOBS_JOB_RECORD_H
#define SITU_JOBS_JOB_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "store/store.h"

struct job_record_facts {
    bool cached;
    bool flawed; /* the name cannot be a key: too long; `object` in the line is percent-encoded */
    uint64_t bytes_read;
    uint64_t pass; /* 0: no standing job */
    bool has_identity;
    struct identity identity;
};

/* The most that a stored line is longer than its result object, with its line feed. */
enum { JOB_RECORD_EXTRA_BYTES = 256 };

/* Appends the stored form of a result object (`{...}` without line feed), with its line feed. */
void job_record_write(struct buffer *out, const char *object, size_t size,
                      const struct job_record_facts *facts);

/* The stored line (without line feed) is whole and its checksum holds: 0, how many of its bytes go
 * to readers (a `}` takes the place of what follows) and the facts. -EBADMSG else. */
must_check int job_record_check(const char *line, size_t size, size_t *ret_visible,
                                struct job_record_facts *ret_facts);

/* Does a checked line tell of a failure? Of an object that is gone? */
bool job_record_is_failure(const char *line, size_t size);
bool job_record_is_gone(const char *line, size_t size);

/* The name in a checked line ("STORE/KEY" as raw bytes, percent-decoded where it is encoded); the
 * caller frees it. -EBADMSG, -ENOMEM. */
must_check int job_record_object(const char *line, size_t size,
                                 const struct job_record_facts *facts, char **ret_object);

#endif
