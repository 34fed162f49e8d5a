/* SPDX-License-Identifier: Apache-2.0
 *
 * The quotas of sections of rights: how many requests a second, and how many at once. What was used
 * is kept by the kind and name of the section, so that a new generation of rights continues it. A
 * section without limits costs nothing. Any thread; the time is passed in.
 */
#ifndef SITU_RIGHTS_QUOTAS_H
#define SITU_RIGHTS_QUOTAS_H

#include <pthread.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "rights/access.h"

struct quota;

enum { QUOTA_BUCKETS = 256 };

struct quotas {
    pthread_mutex_t lock; /* guards the quotas */
    struct quota *buckets[QUOTA_BUCKETS];
};

/* A request that runs, as counted by the sections that limit how many do. */
struct quota_hold {
    struct quota *quotas[ACCESS_GRANTS]; /* borrowed; they last while they are held */
    size_t count;
};

enum quota_verdict {
    QUOTA_TAKEN,
    QUOTA_RATE,       /* the requests of this second are used up */
    QUOTA_CONCURRENT, /* as many as may run do */
    QUOTA_MEMORY,
};

void quotas_init(struct quotas *quotas);
void quotas_done(struct quotas *quotas);

/* Counts a request in each section of the access that has a limit, or in none. *ret_grant: the
 * section whose limit is reached; otherwise `hold` is to be released. */
enum quota_verdict quotas_take(struct quotas *quotas, const struct access *access, int64_t now_ns,
                               struct quota_hold *hold, const struct grant **ret_grant);
/* Once; again it does nothing. */
void quotas_release(struct quotas *quotas, struct quota_hold *hold);

/* Forgets the sections that are not in `rights`, and of which no request runs. */
void quotas_trim(struct quotas *quotas, const struct rights *rights);

#endif
