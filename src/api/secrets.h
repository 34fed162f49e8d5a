/* SPDX-License-Identifier: Apache-2.0
 *
 * The secrets that guard addresses: tokens, and certificate and key as text. Read from their files
 * at the start and at each reload; a file that is wrong then leaves the previous secrets in force.
 */
#ifndef SITU_API_SECRETS_H
#define SITU_API_SECRETS_H

#include <pthread.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "service/config.h"

struct tokens;

struct secrets {
    pthread_mutex_t lock;  /* guards the rest; not held during input */
    struct tokens *tokens; /* owned; NULL: none are configured */
};

void secrets_init(struct secrets *secrets);
void secrets_done(struct secrets *secrets);

/* Reads the configured token file and replaces the tokens; logs their number, and a warning about a
 * short one. Once there are tokens, a configuration without a file is an error: it would leave
 * addresses without a guard. */
must_check int secrets_load_tokens(struct secrets *secrets, const struct config *config,
                                   struct error *error);

/* Whether the value of an Authorization field (or NULL) has a valid token. Any thread. */
bool secrets_admit(struct secrets *secrets, const char *authorization);

/* Reads certificate and key as NUL-terminated text. Both stay empty if none is configured. With
 * `again`, it waits at most LIMIT_SECRET_WAIT_MS for a pipe. */
must_check int secrets_read_tls(const struct config *config, bool again,
                                struct buffer *ret_certificate, struct buffer *ret_key,
                                struct error *error);

#endif
