/* SPDX-License-Identifier: Apache-2.0
 *
 * The users whose requests are served on loopback addresses where no token is asked for. The
 * main thread reads them at the start and at a reload.
 */
#ifndef SITU_API_LOOPBACK_USERS_H
#define SITU_API_LOOPBACK_USERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

struct loopback_users {
    pthread_mutex_t lock; /* guards the rest; not held while names are looked up */
    bool configured;      /* false: all users are served */
    uint32_t *ids;        /* owned */
    size_t count;
};

void loopback_users_init(struct loopback_users *users);
void loopback_users_done(struct loopback_users *users);

/* Looks up names, or numbers, separated by blanks, and puts them in force; NULL: none is
 * configured, which is an error once some were: it would leave addresses without a guard. A name
 * that this machine does not know is logged. Main thread. */
must_check int loopback_users_load(struct loopback_users *users, const char *names,
                                   struct error *error);

/* Any thread. */
bool loopback_users_configured(struct loopback_users *users);
bool loopback_users_have(struct loopback_users *users, uint32_t id);

/* Whether users other than root and situd's own are logged in, by utmp(5) or logind; *ret_name is
 * one of them. For the main thread. */
bool loopback_users_others(char *ret_name, size_t size);

#endif
