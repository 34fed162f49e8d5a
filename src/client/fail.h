/* SPDX-License-Identifier: Apache-2.0
 *
 * How the library reports errors: the function that detects a fault fills the caller's struct
 * situ_error, and its callers return the negative errno of the code. Any thread.
 */
#ifndef SITU_CLIENT_FAIL_H
#define SITU_CLIENT_FAIL_H

#include "base/cleanup.h"
#include "base/error.h"
#include "situ.h"

/* Fills *error (which may be NULL); returns client_code_errno(code). */
int client_fail(struct situ_error *error, enum situ_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Out of memory. */
int client_fail_memory(struct situ_error *error);

/* A response that cannot be parsed: SITU_PROTOCOL, with the parser's message. */
int client_fail_answer(struct situ_error *error, const struct error *reason);

int client_code_errno(int code);

/* The code of a word of the protocol; SITU_INTERNAL if it is unknown or means no error. */
enum situ_code client_code_parse(const char *word);

/* Copies a caller's option struct, of the size in its struct_size, into `copy` of `known` bytes;
 * members that the caller does not have are zero. `options` may be NULL. SITU_USAGE if struct_size
 * is invalid, or if a member is set that this library does not know. */
must_check int client_options(void *copy, size_t known, const void *options,
                              struct situ_error *error);

#endif
