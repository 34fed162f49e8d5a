/* SPDX-License-Identifier: Apache-2.0
 *
 * Why no result comes: said on stderr, terminal or not, once a run has waited for some seconds, and
 * again when the reason changes. One thread.
 */
#ifndef SITU_CLI_WAITS_H
#define SITU_CLI_WAITS_H

#include <stdint.h>

#include "cli/cli.h"
#include "cli/progress.h"

enum { WAITS_MS = 5000 /* how long a run waits before it says why */, WAITS_TEXT = 640 };

struct waits {
    const struct cli *cli; /* borrowed */
    struct situ *array;    /* owned: a connection of its own, made when it is needed first */
    int64_t since_ms;      /* the last result, or the start */
    int64_t asked_ms;      /* the array, about the job; 0: not yet */
    char why[WAITS_TEXT];  /* as the array said then; "": nothing keeps it */
    char said[WAITS_TEXT]; /* "": nothing since the last result */
};

void waits_init(struct waits *waits, const struct cli *cli);
void waits_done(struct waits *waits);

/* A result came. */
void waits_over(struct waits *waits);

/* Between two results, a few times a second. `id` is the job's, "" while there is none; `cut` is
 * why the connection to the array is gone, or NULL. */
void waits_look(struct waits *waits, const char *id, const char *cut, struct progress *progress);

/* Likewise, while an index fills, or another one builds beside it. */
void waits_look_at_index(struct waits *waits, const struct situ_index *index,
                         struct progress *progress);

#endif
