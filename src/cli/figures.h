/* SPDX-License-Identifier: Apache-2.0
 *
 * Sizes, times and the closing line of a run, in a form for people. Pure.
 */
#ifndef SITU_CLI_FIGURES_H
#define SITU_CLI_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FIGURE_SIZE = 32, CLOSING_SIZE = 256 };

/* "430 B", "11.2 kB", "15.0 MB": powers of 1,000. Returns the buffer. */
const char *figure_bytes(char buffer[FIGURE_SIZE], uint64_t bytes);

/* "3.9 s", "2 min 5 s", "1 h 12 min". Returns the buffer. */
const char *figure_seconds(char buffer[FIGURE_SIZE], double seconds);

/* "4,210". Returns the buffer. */
const char *figure_count(char buffer[FIGURE_SIZE], uint64_t count);

struct closing {
    uint64_t objects; /* with a result, failures included */
    uint64_t cached;  /* of those */
    uint64_t failed;
    uint64_t skipped;
    uint64_t gone;       /* without a result */
    bool read_known;     /* bytes_read has been reported */
    bool read_partly;    /* and is not complete */
    uint64_t bytes_read; /* on the array */
    uint64_t bytes_wire; /* sent and received */
    double seconds;
};

/* "128 objects, 15.0 MB read on the array, 11.2 kB over the network (99.93 % less), 3.9 s", or "128
 * objects (128 cached), ...". The percentage never reads 100.00. Returns the buffer. */
const char *figure_closing(char buffer[CLOSING_SIZE], const struct closing *closing);

#endif
