/* SPDX-License-Identifier: Apache-2.0
 *
 * The address of an array: parses the forms that situ_open accepts into what the HTTP client needs.
 * Pure, except address_default.
 */
#ifndef SITU_CLIENT_ADDRESS_H
#define SITU_CLIENT_ADDRESS_H

#include <stdbool.h>

#include "client/fail.h"

struct address {
    char *text;        /* owned: for messages */
    char *base_url;    /* owned: scheme, host, port and base path, without a slash at the end */
    char *socket_path; /* owned: the unix socket; NULL for TCP */
    bool loopback;     /* a unix socket, or a name or number of this host */
};

/* Parses an address. SITU_USAGE with a message that names it and the fault. On success the caller
 * frees it (address_done). */
must_check int address_parse(const char *text, struct address *ret_address,
                             struct situ_error *error);

/* The address for NULL: $SITU_ADDRESS, the default socket if it exists, or loopback. Borrowed. */
const char *address_default(void);

void address_done(struct address *address);

#endif
