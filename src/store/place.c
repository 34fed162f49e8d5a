/* SPDX-License-Identifier: Apache-2.0
 *
 * A store that may go away and come back: its calls, each on the root that is open when it
 * starts, and the operator's requests. See place.h.
 */
#include "store/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "store/place_parts.h"

enum {
    FIRST_LOOK_MS = 2000, /* for the first look, at the start */
    STOP_MS = 2000,       /* for the last one, at the end */
    TRIES = 2,            /* of a call whose root was replaced meanwhile */
};

/* ---- the root, for the length of a call ---- */

static bool is_hung(const struct place *place)
{
    return place->looking && clock_now_ns() - place->look_began_ns > PLACE_HUNG_MS * NS_PER_MS;
}

/* Writes why it is not available into `reason`. Lock held. */
static void find_reason(const struct place *place, char *reason, size_t size)
{
    if (place->opened || !place->looked) {
        (void)snprintf(reason, size, "its %s does not answer", atomic_load(&place->backend)->noun);
    } else {
        (void)snprintf(reason, size, "%s", place->condition.reason);
    }
}

static void refuse(const struct place *place, struct error *error)
{
    char reason[sizeof place->condition.reason];
    find_reason(place, reason, sizeof reason);
    (void)error_set(error, ERROR_UNAVAILABLE, "store '%s' is unavailable: %s", place->name, reason);
}

struct opened *place_enter(struct place *place, struct error *error)
{
    HOLD(&place->lock);
    if (!place->opened || is_hung(place)) {
        refuse(place, error);
        return NULL;
    }
    place->opened->references++;
    return place->opened;
}

void place_leave(struct place *place, struct opened *opened)
{
    (void)pthread_mutex_lock(&place->lock);
    bool last = --opened->references == 0;
    (void)pthread_mutex_unlock(&place->lock);
    if (!last) {
        return;
    }
    store_close(opened->store);
    free(opened);
    HOLD(&place->lock);
    place->open_roots--;
    (void)pthread_cond_broadcast(&place->news);
}

int place_wait(struct place *place, int64_t until_ns)
{
    return clock_wait(&place->news, &place->lock, until_ns);
}

struct opened *place_drop(struct place *place)
{
    struct opened *opened = take_ptr(place->opened);
    if (opened) {
        if (opened->store->backend->interrupt) {
            opened->store->backend->interrupt(opened->store);
        }
        place_watch_drop_all(place);
    }
    (void)pthread_cond_broadcast(&place->news);
    return opened;
}

bool place_set_condition(struct place *place, bool available, const char *reason)
{
    struct store_condition *condition = &place->condition;
    bool turned = !place->looked || condition->available != available;
    bool news = turned || strcmp(condition->reason, reason) != 0;
    if (turned) {
        condition->since_s = (int64_t)time(NULL);
    }
    place->looked = true;
    condition->available = available;
    (void)snprintf(condition->reason, sizeof condition->reason, "%s", reason);
    (void)pthread_cond_broadcast(&place->news);
    return news;
}

/* Whether a call's result may be that of a root that is no longer in use. After an error as of a
 * file system that is gone, or an empty listing, the place looks first (`doubtful`). */
static bool is_outdated(struct place *place, const struct opened *opened, bool doubtful)
{
    const struct store_backend *backend = opened->store->backend;
    if (backend->has_failed && backend->has_failed(opened->store)) {
        HOLD(&place->lock);
        place->doubted = true;
    }
    if (doubtful) {
        place_look(place);
    }
    HOLD(&place->lock);
    return place->opened != opened;
}

static bool failed_with_root(enum error_code code)
{
    return code == ERROR_UNREADABLE || code == ERROR_CHANGED || code == ERROR_UNAVAILABLE;
}

/* ---- the calls ---- */

static int list(struct store *base, const struct store_list_query *query,
                struct store_page *ret_page, struct error *error)
{
    struct place *place = place_of(base);
    for (unsigned try = 1;; try++) {
        struct error fault = {.code = ERROR_NONE};
        struct store_page page = {0};
        struct opened *opened = place_enter(place, error);
        if (!opened) {
            return error_code_errno(ERROR_UNAVAILABLE);
        }
        int r = opened->store->backend->list(opened->store, query, &page, &fault);
        bool empty = r == 0 && page.count == 0 && query->after[0] == '\0';
        bool outdated = (empty || (r < 0 && failed_with_root(fault.code))) &&
                        is_outdated(place, opened, empty || fault.code == ERROR_UNREADABLE);
        place_leave(place, opened);
        if (outdated && try < TRIES) {
            store_page_done(&page);
            continue;
        }
        if (r == 0) {
            *ret_page = page;
        } else if (error) {
            *error = fault;
        }
        return r;
    }
}

static int stat_object(struct store *base, const char *key, struct object_state *ret_state,
                       struct error *error)
{
    struct place *place = place_of(base);
    for (unsigned try = 1;; try++) {
        struct error fault = {.code = ERROR_NONE};
        struct opened *opened = place_enter(place, error);
        if (!opened) {
            return error_code_errno(ERROR_UNAVAILABLE);
        }
        int r = opened->store->backend->stat(opened->store, key, ret_state, &fault);
        bool outdated = r < 0 && failed_with_root(fault.code) &&
                        is_outdated(place, opened, fault.code == ERROR_UNREADABLE);
        place_leave(place, opened);
        if (!outdated || try == TRIES) {
            if (r < 0 && error) {
                *error = fault;
            }
            return r;
        }
    }
}

static int read_object(struct store *base, const char *key, const struct store_target *target,
                       size_t *ret_size, struct identity *ret_identity, struct error *error)
{
    struct place *place = place_of(base);
    for (unsigned try = 1;; try++) {
        struct error fault = {.code = ERROR_NONE};
        struct opened *opened = place_enter(place, error);
        if (!opened) {
            return error_code_errno(ERROR_UNAVAILABLE);
        }
        int r = opened->store->backend->read(opened->store, key, target, ret_size, ret_identity,
                                             &fault);
        bool outdated = r < 0 && failed_with_root(fault.code) &&
                        is_outdated(place, opened, fault.code != ERROR_UNAVAILABLE);
        place_leave(place, opened);
        if (!outdated || try == TRIES) {
            if (r < 0 && error) {
                *error = fault;
            }
            return r;
        }
    }
}

static void condition(struct store *base, bool look, struct store_condition *ret_condition)
{
    struct place *place = place_of(base);
    if (look) {
        place_look(place);
    }
    HOLD(&place->lock);
    *ret_condition = place->condition;
    ret_condition->generation = atomic_load(&place->generation);
    ret_condition->filled = place->filled;
    if (!place->opened || is_hung(place)) {
        ret_condition->available = false;
        find_reason(place, ret_condition->reason, sizeof ret_condition->reason);
    }
}

static uint64_t generation(struct store *base)
{
    return atomic_load(&place_of(base)->generation);
}

static const struct store_backend *behind(const struct store *base)
{
    return atomic_load_explicit(&place_of(base)->backend, memory_order_acquire);
}

/* ---- start and end ---- */

static void destroy(struct place *place)
{
    (void)pthread_cond_destroy(&place->news);
    (void)pthread_mutex_destroy(&place->lock);
    free(place->name);
    store_settings_done(&place->settings);
    free(place);
}

void place_begin_end(struct store *store)
{
    struct place *place = place_of(store);
    HOLD(&place->lock);
    if (!place->stopping) {
        place->stopping = true;
        place->end_ns = clock_now_ns() + STOP_MS * NS_PER_MS;
        (void)pthread_cond_broadcast(&place->news);
    }
}

/* A look that does not return keeps the place in memory: the process ends without it. */
static bool stop_thread(struct place *place)
{
    if (!place->has_thread) {
        return true;
    }
    place_begin_end(&place->base);
    (void)pthread_mutex_lock(&place->lock);
    while (!place->thread_over && place_wait(place, place->end_ns) == 0) {
    }
    bool over = place->thread_over;
    place->changed = over ? place->changed : NULL; /* its context is gone by then */
    (void)pthread_mutex_unlock(&place->lock);
    if (over) {
        (void)pthread_join(place->thread, NULL);
    } else {
        (void)pthread_detach(place->thread);
    }
    return over;
}

static void place_close(struct store *base)
{
    struct place *place = place_of(base);
    if (!stop_thread(place)) {
        return;
    }
    (void)pthread_mutex_lock(&place->lock);
    struct opened *opened = place_drop(place);
    (void)pthread_mutex_unlock(&place->lock);
    if (opened) {
        place_leave(place, opened);
    }
    destroy(place);
}

static const struct store_backend place_backend = {
    .close = place_close,
    .list = list,
    .stat = stat_object,
    .read = read_object,
    .watch = place_watch_new,
    .condition = condition,
    .generation = generation,
    .behind = behind,
};

static int init(struct place *place, const struct place_options *options)
{
    place->base.backend = &place_backend;
    place->look_ms = options->look_ms > 0 ? options->look_ms : PLACE_LOOK_MS;
    place->changed = options->changed;
    place->context = options->context;
    place->filled = options->filled;
    place->name = strdup(options->name);
    atomic_init(&place->generation, 0);
    atomic_init(&place->backend, options->settings->backend);
    (void)pthread_mutex_init(&place->lock, NULL);
    (void)pthread_cond_init(&place->news, NULL);
    return place->name ? store_settings_copy(options->settings, &place->settings) : -ENOMEM;
}

int place_new(const struct place_options *options, struct store **ret_store, struct error *error)
{
    struct place *place = calloc(1, sizeof *place);
    int r = place ? init(place, options) : -ENOMEM;
    if (r == 0) {
        r = -pthread_create(&place->thread, NULL, place_thread, place);
        place->has_thread = r == 0;
    }
    if (r < 0) {
        if (place) {
            destroy(place);
        }
        return error_set(error, ERROR_MEMORY, "out of memory for opening store '%s'",
                         options->name);
    }
    int64_t until_ns = clock_now_ns() + FIRST_LOOK_MS * NS_PER_MS;
    HOLD(&place->lock);
    while ((!place->looked || place->looking) && place_wait(place, until_ns) == 0) {
    }
    *ret_store = &place->base;
    return 0;
}

/* ---- the operator's requests ---- */

bool place_is_filled(struct store *store)
{
    struct place *place = place_of(store);
    HOLD(&place->lock);
    return place->filled;
}

void place_tell_changed(struct place *place)
{
    (void)pthread_mutex_lock(&place->lock);
    void (*changed)(void *context, struct store *store) = place->changed;
    (void)pthread_mutex_unlock(&place->lock);
    if (changed) {
        changed(place->context, &place->base);
    }
}

int place_detach(struct store *store, struct error *error)
{
    struct place *place = place_of(store);
    int64_t until_ns = clock_now_ns() + PLACE_DETACH_MS * NS_PER_MS;
    (void)pthread_mutex_lock(&place->lock);
    bool news = !place->condition.detached;
    place->condition.detached = true;
    char reason[sizeof place->condition.reason];
    (void)snprintf(reason, sizeof reason, "it is detached; `situ store attach %s` takes it again",
                   place->name);
    (void)place_set_condition(place, false, reason);
    struct opened *opened = place_drop(place);
    (void)pthread_mutex_unlock(&place->lock);
    if (opened) {
        place_leave(place, opened);
    }
    (void)pthread_mutex_lock(&place->lock);
    while ((place->open_roots > 0 || place->looking) && place_wait(place, until_ns) == 0) {
    }
    bool free_now = place->open_roots == 0 && !place->looking;
    (void)pthread_mutex_unlock(&place->lock);
    if (news) {
        place_tell_changed(place);
    }
    return free_now ? 0
                    : error_set(error, ERROR_CONFLICT,
                                "store '%s' is detached, but something in it is still being read: "
                                "its file system can be unmounted when that ends",
                                place->name);
}

int place_attach(struct store *store, bool empty, struct error *error)
{
    struct place *place = place_of(store);
    (void)pthread_mutex_lock(&place->lock);
    place->condition.detached = false;
    place->retire_ns = 0;
    place->filled = place->filled && !empty;
    place->condition.cleared = place->condition.cleared || empty;
    (void)pthread_mutex_unlock(&place->lock);
    place_look(place);
    HOLD(&place->lock);
    if (place->opened) {
        return 0;
    }
    refuse(place, error);
    return error_code_errno(ERROR_UNAVAILABLE);
}

int place_set_settings(struct store *store, const struct store_settings *settings)
{
    struct place *place = place_of(store);
    int64_t until_ns = clock_now_ns() + FIRST_LOOK_MS * NS_PER_MS;
    struct store_settings copy;
    int r = store_settings_copy(settings, &copy);
    if (r < 0) {
        return r;
    }
    HOLD(&place->lock);
    while (place->looking) {
        if (place_wait(place, until_ns) == -ETIMEDOUT) {
            store_settings_done(&copy);
            return -EBUSY;
        }
    }
    store_settings_done(&place->settings);
    place->settings = copy;
    atomic_store(&place->backend, copy.backend);
    place->filled = false;
    place->condition.cleared = false;
    place->wanted = true;
    uint64_t before = place->looks;
    (void)pthread_cond_broadcast(&place->news);
    while (place->looks == before && !place->condition.detached &&
           place_wait(place, until_ns) == 0) {
    }
    return 0;
}

void place_retire(struct store *store, int64_t after_ms)
{
    struct place *place = place_of(store);
    HOLD(&place->lock);
    place->retire_ns = clock_now_ns() + after_ms * NS_PER_MS;
    (void)pthread_cond_broadcast(&place->news);
}
