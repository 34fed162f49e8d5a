/* SPDX-License-Identifier: Apache-2.0
 *
 * The request target (`/v1/infer/m/s/a%20b.jpg?top=5`), parsed and percent-decoded. Pure; any
 * thread. The target is untrusted input and may have any byte except NUL.
 */
#ifndef SITU_HTTP_TARGET_H
#define SITU_HTTP_TARGET_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

/* Offsets into the buffer that target_decode() filled; each text there ends with NUL. */
struct target {
    size_t path;
    size_t query; /* name, value, name, value... */
    size_t query_pairs;
};

/* Appends the decoded parts of `raw` to *text. The absolute form (http://host/path) is accepted,
 * too; its authority is ignored. In the query `+` is a space. -EINVAL with a message for a target
 * without a leading slash, a malformed percent escape, or %00; -ENOMEM. */
must_check int target_decode(const char *raw, struct buffer *text, struct target *ret_target,
                             struct error *error);

/* The value of the first parameter of that name ("" if it has none), or NULL. */
const char *target_query(const struct buffer *text, const struct target *target, const char *name);

#endif
