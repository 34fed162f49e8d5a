/* SPDX-License-Identifier: Apache-2.0
 *
 * Watches of a place. Each has a watch of the open root while there is one; another root, or
 * none, is a change, too. The descriptors of a watch are closed with its root.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/place_parts.h"

static struct place_watch *watch_of(const struct store_watch *watch)
{
    return (struct place_watch *)(void *)(uintptr_t)watch;
}

void place_watch_drop_all(struct place *place)
{
    for (struct place_watch *watch = place->watches; watch; watch = watch->next) {
        if (watch->inner && watch->waiting) {
            watch->dropped = true;
            store_watch_cancel(watch->inner);
        } else if (watch->inner) {
            store_watch_free(take_ptr(watch->inner));
            take_ptr(watch->opened)->references--; /* never the last one: the place has one, too */
        }
    }
}

/* Watches the open root. 1: it is watched from now on, and may have changed before. */
static int begin(struct place_watch *watch)
{
    struct place *place = watch->place;
    struct store_watch *inner = NULL;
    bool partial = false;
    struct opened *opened = place_enter(place, NULL);
    if (!opened) {
        return 0;
    }
    int r = store_watch_new(opened->store, watch->prefix, watch->exclusion, &inner, &partial, NULL);
    if (r < 0) {
        place_leave(place, opened);
        return r;
    }
    (void)pthread_mutex_lock(&place->lock);
    bool fits = place->opened == opened;
    if (fits) {
        watch->inner = inner;
        watch->opened = opened;
    }
    (void)pthread_mutex_unlock(&place->lock);
    if (!fits) {
        store_watch_free(inner);
        place_leave(place, opened);
    }
    return 1;
}

/* Waits with the inner watch, which no other thread frees meanwhile. */
static int wait_inside(struct place_watch *watch, struct store_watch *inner, int64_t timeout_ms)
{
    struct place *place = watch->place;
    struct opened *opened = NULL;
    int r = store_watch_wait(inner, timeout_ms);
    (void)pthread_mutex_lock(&place->lock);
    watch->waiting = false;
    if (watch->dropped) {
        watch->dropped = false;
        watch->inner = NULL;
        opened = take_ptr(watch->opened);
        r = 1;
    }
    r = watch->cancelled ? -ECANCELED : r;
    (void)pthread_mutex_unlock(&place->lock);
    if (opened) {
        store_watch_free(inner);
        place_leave(place, opened);
    }
    return r;
}

/* Waits for a root. 1: there is one; 0: time is over. */
static int wait_for_root(struct place_watch *watch, int64_t until_ns)
{
    struct place *place = watch->place;
    HOLD(&place->lock);
    while (!place->opened && !watch->cancelled) {
        if (place_wait(place, until_ns) == -ETIMEDOUT) {
            return 0;
        }
    }
    return watch->cancelled ? -ECANCELED : 1;
}

static struct store_watch *borrow(struct place_watch *watch)
{
    HOLD(&watch->place->lock);
    watch->waiting = watch->inner && !watch->cancelled;
    return watch->waiting ? watch->inner : NULL;
}

static int watch_wait(struct store_watch *base, int64_t timeout_ms)
{
    struct place_watch *watch = watch_of(base);
    int64_t now_ns = clock_now_ns();
    int64_t until_ns = timeout_ms < 0 || timeout_ms > (INT64_MAX - now_ns) / NS_PER_MS
                           ? INT64_MAX
                           : now_ns + timeout_ms * NS_PER_MS;
    struct store_watch *inner = borrow(watch);
    if (inner) {
        return wait_inside(watch, inner, timeout_ms);
    }
    int r = wait_for_root(watch, until_ns);
    return r > 0 ? begin(watch) : r;
}

static bool watch_is_partial(const struct store_watch *base)
{
    const struct place_watch *watch = watch_of(base);
    HOLD(&watch->place->lock);
    return !watch->inner || store_watch_is_partial(watch->inner);
}

static void watch_cancel(struct store_watch *base)
{
    struct place_watch *watch = watch_of(base);
    HOLD(&watch->place->lock);
    watch->cancelled = true;
    if (watch->inner) {
        store_watch_cancel(watch->inner);
    }
    (void)pthread_cond_broadcast(&watch->place->news);
}

static void watch_free(struct store_watch *base)
{
    struct place_watch *watch = watch_of(base);
    struct place *place = watch->place;
    (void)pthread_mutex_lock(&place->lock);
    struct place_watch **at = &place->watches;
    while (*at && *at != watch) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = watch->next;
    }
    struct opened *opened = take_ptr(watch->opened);
    (void)pthread_mutex_unlock(&place->lock);
    store_watch_free(watch->inner);
    if (opened) {
        place_leave(place, opened);
    }
    free(watch->prefix);
    free(watch);
}

static const struct store_watch_ops place_watch_ops = {
    .wait = watch_wait,
    .is_partial = watch_is_partial,
    .cancel = watch_cancel,
    .free = watch_free,
};

int place_watch_new(struct store *store, const char *prefix, const struct exclusion *exclusion,
                    struct store_watch **ret_watch, struct error *error)
{
    struct place *place = place_of(store);
    struct place_watch *watch = calloc(1, sizeof *watch);
    char *copy = strdup(prefix);
    if (!watch || !copy) {
        free(copy);
        free(watch);
        return error_memory(error, "a watch");
    }
    *watch = (struct place_watch){
        .base = {.ops = &place_watch_ops}, .place = place, .prefix = copy, .exclusion = exclusion};
    (void)pthread_mutex_lock(&place->lock);
    watch->next = place->watches;
    place->watches = watch;
    (void)pthread_mutex_unlock(&place->lock);
    int r = begin(watch);
    if (r < 0) {
        watch_free(&watch->base);
        return error_set(error, ERROR_UNAVAILABLE, "store '%s' cannot be watched", place->name);
    }
    *ret_watch = &watch->base;
    return 0;
}
