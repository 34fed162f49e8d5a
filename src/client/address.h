/* SPDX-License-Identifier: Apache-2.0
 *
 * Where an array is: the forms of an address that situ_open takes, read into what the HTTP client
 * needs. Pure but for address_default.
 */
#ifndef SITU_CLIENT_ADDRESS_H
#define SITU_CLIENT_ADDRESS_H

#include <stdbool.h>

#include "client/fail.h"

struct address {
    char *text;        /* owned: for people, as in messages */
    char *base_url;    /* owned: scheme, host, port and base path, without a slash at the end */
    char *socket_path; /* owned: of a unix socket; NULL for TCP */
    bool loopback;     /* the unix socket, or a host that is this machine by name or number */
};

/* Reads an address. SITU_USAGE with a message that names it and what is wrong. On success the
 * members are owned by the caller (address_done). */
must_check int address_parse(const char *text, struct address *ret_address,
                             struct situ_error *error);

/* What NULL means: $SITU_ADDRESS, the default socket where it exists, or loopback. Borrowed. */
const char *address_default(void);

void address_done(struct address *address);

#endif
