/* SPDX-License-Identifier: Apache-2.0
 *
 * One line of the log of a job: a result object, with a last member that only the log has:
 *
 *     {"object":"photos/a.jpg","classes":[...],"log":"1a2b3c4d"}
 *     {"object":"photos/a.jpg","classes":[...],"log":"2 9f3c.. 71 1204 17e.. 17e.. 1a2b3c4d"}
 *     {"object":"photos/a.jpg","gone":true,"log":"2 1a2b3c4d"}
 *     {"object":"photos/caf%E9.jpg","encoded":true,"classes":[...],"log":"1a2b3c4d"}
 *
 * The last word is the CRC-32C of all bytes of the line before it, in eight hexadecimal digits. The
 * words before it, each of them optional, in this order: `c` for an answer from the cache; `!` for
 * a name that cannot be a key and is percent-encoded; `r` and, in the same word, the number of
 * bytes read of the object; for standing jobs the pass and the object's identity, five hexadecimal
 * numbers; for other jobs, if the file system of the object is known by a device number only, `i`
 * and the identity. A reader gets the line without this member. Pure.
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
    bool flawed; /* the name is too long to be a key; `object` in the line is percent-encoded */
    uint64_t bytes_read;
    uint64_t pass; /* 0: not a standing job */
    bool has_identity;
    struct identity identity;
};

/* The maximum by which a stored line is longer than its result object, including the line feed. */
enum { JOB_RECORD_EXTRA_BYTES = 256 };

/* Appends the stored form of a result object (`{...}` without a line feed), with its line feed. */
void job_record_write(struct buffer *out, const char *object, size_t size,
                      const struct job_record_facts *facts);

/* Checks a stored line (without the line feed) and its checksum. 0, the number of bytes that
 * readers get (a `}` replaces the rest), and the facts; otherwise -EBADMSG. */
must_check int job_record_check(const char *line, size_t size, size_t *ret_visible,
                                struct job_record_facts *ret_facts);

/* Is the result in a checked line a failure? Is its object gone? */
bool job_record_is_failure(const char *line, size_t size);
bool job_record_is_gone(const char *line, size_t size);

/* The name in a checked line ("STORE/KEY" as raw bytes, percent-decoded if it is encoded); the
 * caller frees it. -EBADMSG, -ENOMEM. */
must_check int job_record_object(const char *line, size_t size,
                                 const struct job_record_facts *facts, char **ret_object);

#endif
