/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking whether a place's store is there, every few seconds on a thread of its own, and at once
 * on the thread of a call whose root seems to be gone. Each look opens the store again; where the
 * back end finds the same root, what was opened before stays in use.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/place_parts.h"

/* What a look has found. */
struct sight {
    struct store *store; /* owned; NULL where `reason` says why it cannot be served */
    bool empty;
    char reason[256];
};

static void refuse(struct sight *sight, const char *reason)
{
    (void)snprintf(sight->reason, sizeof sight->reason, "%.255s", reason);
    store_close(take_ptr(sight->store));
}

/* Opens what is there, and reads in it; with `doubted` its device must answer. */
static void see(const struct store_settings *settings, bool doubted, struct sight *sight)
{
    struct error error = {.code = ERROR_NONE};
    const struct store_backend *backend = settings->backend;
    *sight = (struct sight){.store = NULL};
    if (backend->open(settings, &sight->store, &error) < 0 ||
        (backend->probe && backend->probe(sight->store, doubted, &sight->empty, &error) < 0)) {
        refuse(sight, error.message);
    }
}

/* ---- what follows from it ---- */

static bool is_same_root(struct store *opened, struct store *seen)
{
    const struct store_backend *backend = seen->backend;
    return opened->backend == backend &&
           (!backend->is_same_root || backend->is_same_root(opened, seen));
}

/* Whether the root that is open is what was seen. Only looks open roots, and they come one by one,
 * so that it stays so, unless somebody detaches the store. */
static bool is_open(struct place *place, const struct sight *sight)
{
    (void)pthread_mutex_lock(&place->lock);
    struct opened *opened = place->opened;
    if (opened) {
        opened->references++;
    }
    (void)pthread_mutex_unlock(&place->lock);
    if (!opened) {
        return false;
    }
    bool same = is_same_root(opened->store, sight->store);
    place_leave(place, opened);
    return same;
}

/* Takes over what was seen. NULL: out of memory. */
static struct opened *take_seen(struct sight *sight)
{
    struct opened *opened = calloc(1, sizeof *opened);
    if (!opened) {
        refuse(sight, "out of memory");
        return NULL;
    }
    opened->references = 1;
    opened->store = take_ptr(sight->store);
    opened->filesystem = 1; /* of a back end that has one only */
    if (opened->store->backend->locate) {
        opened->store->backend->locate(opened->store, &opened->filesystem, &opened->device_only);
    }
    return opened;
}

/* The lock is held. Puts `fresh` (or nothing, for the reason) in the place of what was open, which
 * is given back. */
static struct opened *replace(struct place *place, struct opened *fresh, const char *reason,
                              bool *ret_news)
{
    struct opened *old = place_drop(place);
    place->opened = fresh;
    if (fresh) {
        place->condition.filesystem = fresh->filesystem;
        place->condition.device_only = fresh->device_only;
        atomic_fetch_add(&place->generation, 1);
    }
    bool news = place_set_condition(place, fresh != NULL, reason);
    *ret_news = *ret_news || news || fresh;
    return old;
}

/* The lock is held. What was seen counts: the root that is to go is given back. */
static struct opened *take_in(struct place *place, struct sight *sight, struct opened *fresh,
                              bool *ret_news)
{
    place->open_roots += fresh ? 1 : 0;
    if (place->condition.detached) {
        return fresh;
    }
    bool fills = sight->reason[0] == '\0' && !sight->empty && !place->filled;
    place->filled = place->filled || fills;
    place->condition.cleared = place->condition.cleared && !place->filled;
    *ret_news = fills;
    if (fresh || sight->reason[0] != '\0') {
        return replace(place, fresh, sight->reason, ret_news);
    }
    return NULL;
}

/* Where there is doubt, and before a root is opened: so one that is dead does not come back. */
static bool asks_device(struct place *place)
{
    HOLD(&place->lock);
    bool asks = place->doubted || !place->opened;
    place->doubted = false;
    return asks;
}

/* It is this thread's turn to look. */
static void look(struct place *place)
{
    struct sight sight;
    struct opened *fresh = NULL;
    bool news = false;
    see(&place->settings, asks_device(place), &sight);
    if (sight.store && sight.empty && place_is_filled(&place->base)) {
        char reason[sizeof sight.reason];
        (void)snprintf(reason, sizeof reason,
                       "it is empty, and was not: is its file system mounted? If it is to be "
                       "empty: `situ store attach --empty %s`",
                       place->name);
        refuse(&sight, reason);
    } else if (sight.store && !is_open(place, &sight)) {
        fresh = take_seen(&sight);
    }
    (void)pthread_mutex_lock(&place->lock);
    struct opened *old = take_in(place, &sight, fresh, &news);
    (void)pthread_mutex_unlock(&place->lock);
    store_close(sight.store);
    if (old) {
        place_leave(place, old);
    }
    if (news) {
        place_tell_changed(place);
    }
}

/* True: nobody else looks meanwhile. */
static bool begin_look(struct place *place)
{
    int64_t until_ns = clock_now_ns() + PLACE_HUNG_MS * NS_PER_MS;
    HOLD(&place->lock);
    while (place->looking) {
        if (place_wait(place, until_ns) == -ETIMEDOUT) {
            return false;
        }
    }
    if (place->condition.detached) {
        return false;
    }
    place->looking = true;
    place->look_began_ns = clock_now_ns();
    return true;
}

void place_look(struct place *place)
{
    if (!begin_look(place)) {
        return;
    }
    look(place);
    HOLD(&place->lock);
    place->looking = false;
    place->looks++;
    (void)pthread_cond_broadcast(&place->news);
}

/* Waits for the next look, or the retirement, where that comes first. Lock held. */
static void wait_for_turn(struct place *place)
{
    int64_t look_ns = clock_now_ns() + place->look_ms * NS_PER_MS;
    bool over = false;
    while (!place->stopping && !place->wanted && !over) {
        bool retires = place->retire_ns > 0 && place->retire_ns < look_ns;
        over = place_wait(place, retires ? place->retire_ns : look_ns) == -ETIMEDOUT;
    }
}

void *place_thread(void *context)
{
    struct place *place = context;
    (void)pthread_mutex_lock(&place->lock);
    while (!place->stopping) {
        bool retires = place->retire_ns > 0 && place->retire_ns <= clock_now_ns();
        place->retire_ns = retires ? 0 : place->retire_ns;
        place->wanted = false;
        (void)pthread_mutex_unlock(&place->lock);
        if (retires) {
            (void)!place_detach(&place->base, NULL);
        } else {
            place_look(place);
        }
        (void)pthread_mutex_lock(&place->lock);
        wait_for_turn(place);
    }
    place->thread_over = true;
    (void)pthread_cond_broadcast(&place->news);
    (void)pthread_mutex_unlock(&place->lock);
    return NULL;
}
