/* SPDX-License-Identifier: Apache-2.0
 *
 * A single call to the array that takes long: a thread reports the reason on stderr, once.
 */
#ifndef SITU_CLI_PATIENCE_H
#define SITU_CLI_PATIENCE_H

#include <pthread.h>
#include <stdbool.h>

#include "cli/cli.h"

struct patience {
    const struct cli *cli; /* borrowed, like the texts */
    const char *model;     /* the model that the call may wait for; NULL: unknown */
    const char *doing;     /* the message otherwise; NULL: none */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    pthread_t thread;
    bool over;
    bool started; /* there is a thread */
};

/* Called before and after the call. The connection of `cli` is not used. */
void patience_begin(struct patience *patience, const struct cli *cli, const char *model,
                    const char *doing);
void patience_end(struct patience *patience);

#endif
