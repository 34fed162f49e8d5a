/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of calls that are being answered: see live_calls.h. Any thread.
 */
#include "api/live_calls.h"

#include "api/call.h"

void live_calls_init(struct live_calls *calls)
{
    *calls = (struct live_calls){.first = NULL};
    (void)pthread_mutex_init(&calls->lock, NULL);
}

void live_calls_done(struct live_calls *calls)
{
    (void)pthread_mutex_destroy(&calls->lock);
}

void live_calls_add(struct live_calls *calls, struct call *call)
{
    HOLD(&calls->lock);
    if (call->live != CALL_NOT_YET_LIVE) {
        return;
    }
    call->live = CALL_LIVE;
    call->live_previous = NULL;
    call->live_next = calls->first;
    if (calls->first) {
        calls->first->live_previous = call;
    }
    calls->first = call;
}

void live_calls_remove(struct live_calls *calls, struct call *call)
{
    HOLD(&calls->lock);
    if (call->live == CALL_LIVE) {
        if (call->live_next) {
            call->live_next->live_previous = call->live_previous;
        }
        if (call->live_previous) {
            call->live_previous->live_next = call->live_next;
        } else {
            calls->first = call->live_next;
        }
    }
    call->live = CALL_OVER;
}

void live_calls_review(struct live_calls *calls,
                       bool (*still)(struct call *call, const struct rights *rights, int64_t now_s),
                       const struct rights *rights, int64_t now_s)
{
    HOLD(&calls->lock);
    for (struct call *call = calls->first; call; call = call->live_next) {
        if (!still(call, rights, now_s)) {
            http_request_cut(call->request);
        }
    }
}
