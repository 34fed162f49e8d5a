/* SPDX-License-Identifier: Apache-2.0
 *
 * The users whose requests are served on loopback addresses where no token is asked for. Made by
 * the main thread at the start, then constant.
 */
#ifndef SITU_API_LOOPBACK_USERS_H
#define SITU_API_LOOPBACK_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

struct loopback_users {
    bool configured; /* false: all users are served */
    uint32_t *ids;   /* owned */
    size_t count;
};

/* Looks up names, or numbers, separated by blanks; NULL: none is configured. One that this machine
 * does not know is logged. ERROR_MEMORY. */
must_check int loopback_users_init(struct loopback_users *users, const char *names,
                                   struct error *error);
void loopback_users_done(struct loopback_users *users);
bool loopback_users_have(const struct loopback_users *users, uint32_t id);

/* Whether users other than root and situd's own are logged in, by utmp(5) or logind; *ret_name is
 * one of them. For the main thread. */
bool loopback_users_others(char *ret_name, size_t size);

#endif
