/* SPDX-License-Identifier: Apache-2.0
 *
 * How much CPU time, in CPUs, the control groups (version 2) allow this process.
 */
#ifndef SITU_INFER_CGROUP_H
#define SITU_INFER_CGROUP_H

#include <stdint.h>

/* The smallest quota of the process's group and of all groups around it, in whole CPUs, rounded up;
 * `limit` where there is none below that. `root` is where the groups are mounted, `self` the file
 * that names the process's own (/proc/self/cgroup). At least 1. */
uint32_t cgroup_cpus(const char *root, const char *self, uint32_t limit);

#endif
