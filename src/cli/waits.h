/* SPDX-License-Identifier: Apache-2.0
 *
 * Why there is no result: reported on stderr, terminal or not, when a run has waited for some
 * seconds, and again when the reason changes. One thread.
 */
#ifndef SITU_CLI_WAITS_H
#define SITU_CLI_WAITS_H

#include <stdint.h>

#include "cli/cli.h"
#include "cli/progress.h"

enum { WAITS_MS = 5000 /* how long a run waits before it reports why */, WAITS_TEXT = 640 };

struct waits {
    const struct cli *cli; /* borrowed */
    struct situ *array;    /* owned: a second connection, opened at the first use */
    int64_t since_ms;      /* time of the last result, or of the start */
    int64_t asked_ms;      /* time of the last request about the job; 0: none */
    char why[WAITS_TEXT];  /* the reason found then; "": none */
    char said[WAITS_TEXT]; /* the reason reported last; "": none since the last result */
};

void waits_init(struct waits *waits, const struct cli *cli);
void waits_done(struct waits *waits);

/* After each result. */
void waits_over(struct waits *waits);

/* Called between two results, a few times a second. `id` is the job's, or ""; `cut` is why there is
 * no connection to the array, or NULL. */
void waits_look(struct waits *waits, const char *id, const char *cut, struct progress *progress);

/* The same while an index is filled, or rebuilt. */
void waits_look_at_index(struct waits *waits, const struct situ_index *index,
                         struct progress *progress);

#endif
