/* SPDX-License-Identifier: Apache-2.0
 *
 * What selections leave out: sums, and a text. Pure.
 */
#ifndef SITU_CLI_LEFT_OUT_H
#define SITU_CLI_LEFT_OUT_H

#include <situ.h>
#include <stdbool.h>

enum { LEFT_OUT_SIZE = 1024 };

/* Whether anything was left out. */
bool left_out_any(const struct situ_left_out *left_out);

/* Whether there is more to report than the number of skipped files. */
bool left_out_is_more(const struct situ_left_out *left_out);

/* Adds up; a suffix for which there is no room is counted in the total only. */
void left_out_gather(struct situ_left_out *sum, const struct situ_left_out *more);

/* "4,210 skipped: 4,100 .heic, 110 .mov; 3 symbolic links", "" for nothing. Returns the buffer. */
const char *left_out_text(char buffer[LEFT_OUT_SIZE], const struct situ_left_out *left_out);

#endif
