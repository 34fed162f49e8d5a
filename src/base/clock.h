/* SPDX-License-Identifier: Apache-2.0
 *
 * The monotonic clock, in nanoseconds, and waits that use it. Pure rooms take the time as a
 * parameter instead.
 */
#ifndef SITU_BASE_CLOCK_H
#define SITU_BASE_CLOCK_H

#include <pthread.h>
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

/* Seconds of the clock of the day since 1970. */
static inline int64_t clock_day_s(void)
{
    return (int64_t)time(NULL);
}

/* A signal may end it early. */
static inline void clock_sleep_ms(int64_t ms)
{
    const struct timespec wait = {.tv_sec = (time_t)(ms / 1000),
                                  .tv_nsec = (long)(ms % 1000 * NS_PER_MS)};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL);
}

/* Waits for the condition until a time of clock_now_ns(). 0: it was signalled, or a spurious
 * wake-up; -ETIMEDOUT: the time has come. The condition needs no attributes. */
static inline int clock_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_ns)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S),
                                   .tv_nsec = (long)(until_ns % NS_PER_S)};
    return -pthread_cond_clockwait(condition, lock, CLOCK_MONOTONIC, &until);
}

#endif
