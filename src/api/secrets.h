/* SPDX-License-Identifier: Apache-2.0
 *
 * What guards addresses, from its files: the tokens, and certificate and key as text. Read at the
 * start and again on a reload; a file that is wrong then leaves what was read before.
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
    pthread_mutex_t lock;  /* guards the rest; never held over input */
    struct tokens *tokens; /* owned; NULL: none are configured */
};

void secrets_init(struct secrets *secrets);
void secrets_done(struct secrets *secrets);

/* Reads the configured token file and takes its tokens instead of those there are; logs how many,
 * and a warning where one is short. Once there are tokens, a configuration without a file is an
 * error: that would open addresses that are guarded. */
must_check int secrets_load_tokens(struct secrets *secrets, const struct config *config,
                                   struct error *error);

bool secrets_have_tokens(struct secrets *secrets);
/* Whether the value of an Authorization field (or NULL) brings a token. Any thread. */
bool secrets_admit(struct secrets *secrets, const char *authorization);

/* Certificate and key as NUL-terminated text. Both stay empty where none is configured. Where they
 * are read `again`, a pipe is waited for no longer than LIMIT_SECRET_WAIT_MS, as is one of tokens
 * once there are some. */
must_check int secrets_read_tls(const struct config *config, bool again,
                                struct buffer *ret_certificate, struct buffer *ret_key,
                                struct error *error);

#endif
