/* SPDX-License-Identifier: Apache-2.0
 *
 * A single call to the array that takes long: a thread says why on stderr, once.
 */
#ifndef SITU_CLI_PATIENCE_H
#define SITU_CLI_PATIENCE_H

#include <pthread.h>
#include <stdbool.h>

#include "cli/cli.h"

struct patience {
    const struct cli *cli; /* borrowed, as the texts */
    const char *model;     /* that the call may wait for; NULL: none is known */
    const char *doing;     /* what the array does where it is not that; NULL: say nothing */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    pthread_t thread;
    bool over;
    bool started; /* the thread; without one nothing is said */
};

/* Around a call. The connection of `cli` is not used. */
void patience_begin(struct patience *patience, const struct cli *cli, const char *model,
                    const char *doing);
void patience_end(struct patience *patience);

#endif
