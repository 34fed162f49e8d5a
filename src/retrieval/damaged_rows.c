/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of damaged rows: see damaged_rows.h.
 */
#include "retrieval/damaged_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

void damaged_rows_init(struct damaged_rows *rows)
{
    (void)pthread_mutex_init(&rows->lock, NULL);
}

void damaged_rows_done(struct damaged_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        free(rows->keys[i]);
    }
    (void)pthread_mutex_destroy(&rows->lock);
}

bool damaged_rows_add(struct damaged_rows *rows, const char *key)
{
    HOLD(&rows->lock);
    for (size_t i = 0; i < rows->count; i++) {
        if (strcmp(rows->keys[i], key) == 0) {
            return false;
        }
    }
    char *copy = rows->count < DAMAGED_ROWS ? strdup(key) : NULL;
    if (copy) {
        rows->keys[rows->count++] = copy;
    }
    return copy != NULL;
}

char *damaged_rows_first(struct damaged_rows *rows)
{
    HOLD(&rows->lock);
    return rows->count > 0 ? strdup(rows->keys[0]) : NULL;
}

void damaged_rows_drop_first(struct damaged_rows *rows)
{
    HOLD(&rows->lock);
    free(rows->keys[0]);
    rows->count--;
    memmove(rows->keys, rows->keys + 1, rows->count * sizeof rows->keys[0]);
}
