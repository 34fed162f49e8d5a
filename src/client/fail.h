/* SPDX-License-Identifier: Apache-2.0
 *
 * How the library reports errors: the caller's struct situ_error is filled once, where the fault is
 * seen, and the negative errno of the code goes up. Any thread.
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

/* An answer of the array that cannot be read: code SITU_PROTOCOL, with the reader's message. */
int client_fail_answer(struct situ_error *error, const struct error *reason);

int client_code_errno(int code);

/* The code of an array's word; SITU_INTERNAL for one that is unknown or means no error. */
enum situ_code client_code_parse(const char *word);

/* Copies a caller's option struct of `given` bytes (its struct_size) into one of `known` bytes;
 * what the caller's compiler did not know stays zero. `options` may be NULL. SITU_USAGE where
 * struct_size is absurd or a newer member that this library does not know is set. */
must_check int client_options(void *copy, size_t known, const void *options,
                              struct situ_error *error);

#endif
