/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads on CPUs.
 */
#ifndef SITU_BASE_CPU_H
#define SITU_BASE_CPU_H

#include <sched.h>
#include <stddef.h>

/* Binds the calling thread to a CPU; with a negative number it may run on any. Best-effort: a
 * failure costs only speed. */
static inline void cpu_pin(int cpu)
{
    if (cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)cpu, &set);
        (void)sched_setaffinity(0, sizeof set, &set);
    }
}

#endif
