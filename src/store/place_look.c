/* SPDX-License-Identifier: Apache-2.0
 *
 * Looks whether a place's store is there, every few seconds on its own thread, and at once on
 * the thread of a call whose root seems to be gone. Each look opens the store again; if the back
 * end finds the same root, what was opened before stays in use.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/place_parts.h"

/* The result of a look. */
struct sight {
    struct store *store; /* owned; NULL: it cannot be served, see `reason` */
    bool empty;
    char reason[256];
};

static void refuse(struct sight *sight, const char *reason)
{
    (void)snprintf(sight->reason, sizeof sight->reason, "%.255s", reason);
    store_close(take_ptr(sight->store));
}

/* Opens what is there, and probes it. */
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

/* ---- using it ---- */

static bool is_same_root(struct store *opened, struct store *seen)
{
    const struct store_backend *backend = seen->backend;
    return opened->backend == backend &&
           (!backend->is_same_root || backend->is_same_root(opened, seen));
}

/* Whether the open root is the one that was seen. Only looks open roots, and there is one at a
 * time, so it stays true unless the store is detached. */
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
    opened->filesystem = 1; /* for back ends that have only one */
    if (opened->store->backend->locate) {
        opened->store->backend->locate(opened->store, &opened->filesystem, &opened->device_only);
    }
    return opened;
}

/* Replaces the open root by `fresh`, or by nothing for the reason, and returns the old one. Lock
 * held. */
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

/* Applies what was seen; returns the root to be released. Lock held. */
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

/* After a doubtful failure, and before a root is put to use, so that a dead one is not used
 * again. */
static bool asks_device(struct place *place)
{
    HOLD(&place->lock);
    bool asks = place->doubted || !place->opened;
    place->doubted = false;
    return asks;
}

/* Looks; no other thread does so meanwhile. */
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

/* True: this thread looks, no other one meanwhile. */
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

/* Waits for the time of the next look or of the retirement. Lock held. */
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
