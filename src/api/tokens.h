/* SPDX-License-Identifier: Apache-2.0
 *
 * The token file: bearer tokens, one a line. LF and CRLF end a line; a byte order mark at the
 * start, blanks around a token, empty lines and lines that start with # are skipped. A lone CR, NUL
 * and other control bytes are errors, with the line's number. Pure; a parsed list is constant, and
 * any thread may read it.
 */
#ifndef SITU_API_TOKENS_H
#define SITU_API_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

struct tokens;

/* ERROR_MALFORMED: a line is wrong, or there is no token; ERROR_MEMORY. Messages contain no byte of
 * a token. */
must_check int tokens_parse(const char *bytes, size_t size, struct tokens **ret_tokens,
                            struct error *error);
void tokens_free(struct tokens *tokens); /* NULL is fine */

size_t tokens_count(const struct tokens *tokens);
/* The number of the first line with a token shorter than LIMIT_TOKEN_LEAST_BYTES, which could be
 * guessed; 0: none. */
size_t tokens_short_line(const struct tokens *tokens);

/* For tests: whether `given` is one of them. The time it takes does not depend on how much of one
 * is right. */
bool tokens_match(const struct tokens *tokens, const char *given);

/* Whether the value of an Authorization field has one of them: "Bearer", blanks, the token. */
bool tokens_admit(const struct tokens *tokens, const char *authorization);

#endif
