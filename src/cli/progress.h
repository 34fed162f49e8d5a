/* SPDX-License-Identifier: Apache-2.0
 *
 * The progress bar on stderr, if that is a terminal: how much is done, the rate, the share from the
 * cache, failures, the time left. Ctrl-C clears it before the program ends. One thread.
 */
#ifndef SITU_CLI_PROGRESS_H
#define SITU_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool enabled;
    bool drawn;
    bool bytes; /* counts bytes, not objects */
    int64_t start_ms;
    int64_t drawn_ms;
};

/* What the bar shows. */
struct progress_figures {
    uint64_t done;
    uint64_t total;    /* 0: not known */
    uint64_t before;   /* of `done`: before this program started */
    uint64_t cached;   /* of `reported` */
    uint64_t reported; /* objects that the array has reported */
    uint64_t failed;
    const char *note; /* in place of the time left; NULL: none */
};

void progress_init(struct progress *progress, bool wanted, bool bytes);

/* Draws, a few times a second at most. `total` 0: not known. */
void progress_update(struct progress *progress, uint64_t done, uint64_t total);

void progress_show(struct progress *progress, const struct progress_figures *figures);

/* Clears the bar, before anything else is printed and at the end. */
void progress_clear(struct progress *progress);

/* Seconds since progress_init. */
double progress_seconds(const struct progress *progress);

#endif
