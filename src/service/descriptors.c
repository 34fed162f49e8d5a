/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs at the start.
 */
#include "service/descriptors.h"

#include <sys/resource.h>

enum {
    OWN = 64,       /* logs, tables, event queues, jobs and indexes */
    OF_A_STORE = 4, /* its root, its watch, a directory and an object that are being read */
    OF_A_LANE = 3, /* for one model: its socket, the worker's end of it during the start, its shared
                      buffer */
    MODELS = 4,    /* loaded at once, if the limit allows */
    CONNECTIONS = 16, /* the minimum */
};

uint64_t descriptors_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return UINT64_MAX;
    }
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_max;
}

int descriptors_for_connections(uint64_t limit, uint64_t lanes, uint64_t stores, uint64_t wanted,
                                uint64_t *ret_connections, struct error *error)
{
    uint64_t one_model = lanes * OF_A_LANE + 4;
    uint64_t least = OWN + stores * OF_A_STORE + one_model + CONNECTIONS;
    if (limit < least) {
        return error_set(
            error, ERROR_UNAVAILABLE,
            "this process may have %llu open files, and needs %llu at the least: raise "
            "the hard limit (`ulimit -Hn`, LimitNOFILE= of the unit)",
            (unsigned long long)limit, (unsigned long long)least);
    }
    uint64_t reserve = least - CONNECTIONS + (MODELS - 1) * one_model;
    uint64_t room = limit > reserve + CONNECTIONS ? limit - reserve : CONNECTIONS;
    *ret_connections = wanted < room ? wanted : room;
    return 0;
}
