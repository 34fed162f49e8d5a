/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls whose answers are being sent piece by piece. When the rights of a caller end, by a
 * reload or by their date, its answers end, too.
 */
#ifndef SITU_API_LIVE_CALLS_H
#define SITU_API_LIVE_CALLS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct call;
struct rights;

struct live_calls {
    pthread_mutex_t lock; /* guards the list, and its members of the calls */
    struct call *first;   /* borrowed; each leaves before it is freed */
};

void live_calls_init(struct live_calls *calls);
void live_calls_done(struct live_calls *calls);

/* Puts a call into the list, once; not after it was removed. Any thread that holds a reference. */
void live_calls_add(struct live_calls *calls, struct call *call);
/* The request of the call is over. */
void live_calls_remove(struct live_calls *calls, struct call *call);

/* Cuts the connections of callers who are not admitted any more, by `still`: their rights have
 * expired, or were removed or changed. `rights` is the generation in force; NULL: none. */
void live_calls_review(struct live_calls *calls,
                       bool (*still)(struct call *call, const struct rights *rights, int64_t now_s),
                       const struct rights *rights, int64_t now_s);

#endif
