/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading cpu.max of a group and of its parents: each limits the groups below it.
 */
#include "infer/cgroup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 4096 };

/* The process's group as "/a/b"; "" where it is unknown. */
static void read_group(const char *self, char *group, size_t size)
{
    char line[PATH_SIZE];
    group[0] = '\0';
    FILE *file = fopen(self, "re");
    if (!file) {
        return;
    }
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, "0::/", 4) == 0) {
            line[strcspn(line, "\n")] = '\0';
            (void)snprintf(group, size, "%s", line + 3);
        }
    }
    (void)fclose(file);
}

/* One group's "QUOTA PERIOD", or "max PERIOD". */
static uint32_t read_quota(const char *root, const char *group, uint32_t limit)
{
    char path[PATH_SIZE];
    char line[64] = "";
    int length = snprintf(path, sizeof path, "%s%s/cpu.max", root, group);
    FILE *file = length > 0 && length < PATH_SIZE ? fopen(path, "re") : NULL;
    if (!file) {
        return limit;
    }
    char *end = line;
    const char *text = fgets(line, sizeof line, file);
    (void)fclose(file);
    long long quota = text ? strtoll(line, &end, 10) : 0;
    long long period = quota > 0 ? strtoll(end, NULL, 10) : 0;
    if (quota <= 0 || period <= 0) {
        return limit;
    }
    long long cpus = (quota - 1) / period + 1;
    return cpus < (long long)limit ? (uint32_t)cpus : limit;
}

uint32_t cgroup_cpus(const char *root, const char *self, uint32_t limit)
{
    char group[PATH_SIZE];
    read_group(self, group, sizeof group);
    uint32_t cpus = read_quota(root, "", limit); /* in a container this is its own */
    for (char *slash = group; slash; slash = strrchr(group, '/')) {
        cpus = read_quota(root, group, cpus);
        char *last = strrchr(group, '/');
        if (!last) {
            break;
        }
        *last = '\0';
    }
    return cpus > 0 ? cpus : 1;
}
