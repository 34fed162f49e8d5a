/* SPDX-License-Identifier: Apache-2.0
 *
 * The damaged rows of one index that wait to be repaired: reported by any thread, repaired by the
 * thread of the index. Any thread.
 */
#ifndef SITU_RETRIEVAL_DAMAGED_ROWS_H
#define SITU_RETRIEVAL_DAMAGED_ROWS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum { DAMAGED_ROWS = 1024 }; /* further ones are reported again by the next scrub */

struct damaged_rows {
    pthread_mutex_t lock;     /* guards what follows */
    char *keys[DAMAGED_ROWS]; /* owned */
    size_t count;
};

void damaged_rows_init(struct damaged_rows *rows);
void damaged_rows_done(struct damaged_rows *rows);

/* Never waits. False: the row is known already, or there is no room. */
bool damaged_rows_add(struct damaged_rows *rows, const char *key);
/* A copy of the first key; the caller frees it. NULL: there is none, or no memory. */
char *damaged_rows_first(struct damaged_rows *rows);
void damaged_rows_drop_first(struct damaged_rows *rows);

#endif
