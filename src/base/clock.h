/* SPDX-License-Identifier: Apache-2.0
 *
 * The monotonic clock, in nanoseconds. Pure rooms take the time as a parameter instead.
 */
#ifndef SITU_BASE_CLOCK_H
#define SITU_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

static inline int64_t clock_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

#endif
