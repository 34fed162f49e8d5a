/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of one index that are known to be damaged and wait to be put again: told by whatever
 * thread came across them, put by the index's own thread.
 */
#ifndef SITU_RETRIEVAL_REPAIR_H
#define SITU_RETRIEVAL_REPAIR_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct build;

enum { REPAIR_KEYS = 1024 }; /* more are told again by the next search for rot */

struct repair {
    pthread_mutex_t lock;    /* guards the keys */
    char *keys[REPAIR_KEYS]; /* owned */
    size_t count;
    unsigned tries;   /* of the first key. The thread's, as what follows */
    int64_t retry_ns; /* nothing is tried before */
};

void repair_init(struct repair *repair);
void repair_done(struct repair *repair);

/* Any thread; never waits. One that is known already is left out. False: nothing is new. */
bool repair_tell(struct repair *repair, const char *key);

/* The build's thread, when no batch is open: puts one row again. False: there was none. */
bool repair_step(struct build *build);

#endif
