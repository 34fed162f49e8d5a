/* SPDX-License-Identifier: Apache-2.0
 *
 * What a selection leaves out, as the array's objects and lines report it. Pure.
 */
#ifndef SITU_CLIENT_LEFT_OUT_H
#define SITU_CLIENT_LEFT_OUT_H

#include <situ.h>

struct json;

/* Reads the members of a job, an index, a page, or a line of a stream. The array is not trusted:
 * what is absent or of another type reads as 0, and suffixes are lower case letters and digits. */
void left_out_fill(struct situ_left_out *left_out, const struct json *node);

/* Adds up; a suffix for which there is no room is counted in the total only. */
void left_out_add(struct situ_left_out *sum, const struct situ_left_out *more);

/* Copies as much as the caller's struct holds. -EINVAL if struct_size is not set. */
int left_out_copy(struct situ_left_out *ret_left_out, const struct situ_left_out *left_out);

#endif
