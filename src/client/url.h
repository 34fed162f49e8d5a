/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes paths and queries of requests, percent-encoded. Any thread.
 */
#ifndef SITU_CLIENT_URL_H
#define SITU_CLIENT_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "client/fail.h"

/* Appends with each byte outside the unreserved characters of RFC 3986 as %XX; `path` keeps
 * slashes. */
void url_append(struct buffer *out, const char *text, bool path);

/* Appends "?key=value", or "&key=value" if there is a question mark already. */
void url_append_query(struct buffer *out, const char *key, const char *value);
void url_append_number(struct buffer *out, const char *key, uint64_t value);

/* The same, with a decimal point in any locale. SITU_MEMORY. */
must_check int url_append_real(struct buffer *out, const char *key, double value,
                               struct situ_error *error);

#endif
