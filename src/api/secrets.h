/* SPDX-License-Identifier: Apache-2.0
 *
 * The secrets that guard addresses: rights, and certificate and key as text. Read from their files
 * at the start and at each reload; a file that is wrong then leaves the previous secrets in force.
 */
#ifndef SITU_API_SECRETS_H
#define SITU_API_SECRETS_H

#include <pthread.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "rights/rights.h"
#include "service/config.h"

struct secrets {
    pthread_mutex_t lock;  /* guards the rest; not held during input */
    struct rights *rights; /* owned reference to the generation in force; NULL: none */
};

void secrets_init(struct secrets *secrets);
void secrets_done(struct secrets *secrets);

/* Reads the configured rights file and puts its generation in force; logs how many sections it has,
 * and warnings about tokens of the old form. Once there are rights, a configuration without a file
 * is an error: it would leave addresses without a guard. */
must_check int secrets_load_tokens(struct secrets *secrets, const struct config *config,
                                   struct error *error);

/* Reads the configured rights file for the sake of its errors; a pipe is left alone. */
must_check int secrets_check(const struct config *config, struct error *error);

/* A reference to the generation in force; NULL: none is configured. Any thread. */
struct rights *secrets_rights(struct secrets *secrets);

/* The token in the value of an Authorization field, or in NULL: "Bearer", blanks, the token;
 * borrowed from it. NULL: it has none. */
const char *secrets_bearer(const char *authorization);

/* Reads certificate and key as NUL-terminated text. Both stay empty if none is configured. With
 * `again`, it waits at most LIMIT_SECRET_WAIT_MS for a pipe. */
must_check int secrets_read_tls(const struct config *config, bool again,
                                struct buffer *ret_certificate, struct buffer *ret_key,
                                struct error *error);

#endif
