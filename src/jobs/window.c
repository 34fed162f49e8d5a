/* SPDX-License-Identifier: Apache-2.0
 *
 * The ring of objects in flight: see window.h. Other threads call jobs_object_done() only.
 */
#include "jobs/window.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"

void window_init(struct window *window, pthread_mutex_t *lock, pthread_cond_t *wake)
{
    memset(window, 0, sizeof *window);
    window->lock = lock;
    window->wake = wake;
    for (unsigned i = 0; i < LIMIT_JOB_WINDOW; i++) {
        window->slots[i].window = window;
    }
}

void window_done(struct window *window)
{
    for (unsigned i = 0; i < LIMIT_JOB_WINDOW; i++) {
        buffer_done(&window->slots[i].name);
        buffer_done(&window->slots[i].object.line);
    }
}

static struct slot *slot_at(struct window *window, unsigned index)
{
    return &window->slots[(window->first + index) % LIMIT_JOB_WINDOW];
}

void window_look(const struct window *window, struct window_look *ret_look)
{
    unsigned ready = 0;
    while (ready < window->count &&
           window->slots[(window->first + ready) % LIMIT_JOB_WINDOW].back) {
        ready++;
    }
    *ret_look = (struct window_look){.ready = ready,
                                     .in_flight = window->in_flight,
                                     .in_flight_bytes = window->in_flight_bytes,
                                     .returns = window->returns};
}

struct slot *window_put(struct window *window, const struct job_item *item)
{
    struct slot *slot = slot_at(window, window->count);
    struct jobs_object *object = &slot->object;
    buffer_clear(&slot->name);
    buffer_append(&slot->name, item->object, strlen(item->object) + 1);
    if (buffer_ok(&slot->name) < 0) {
        buffer_done(&slot->name);
        slot->name = BUFFER_INIT;
        return NULL;
    }
    slot->kind = item->kind;
    slot->flawed = item->flawed;
    slot->known = item->known;
    slot->failing = item->failing;
    slot->size_bytes = item->size_bytes;
    slot->asked_ns = 0;
    object->object = slot->name.data;
    object->key = item->key ? slot->name.data + (item->key - item->object) : NULL;
    object->store = item->store;
    object->identity = item->identity;
    buffer_clear(&object->line);
    object->line.failed = false;
    object->code = ERROR_NONE;
    object->message[0] = '\0';
    object->bytes_read = 0;
    object->cached = false;
    HOLD(window->lock);
    slot->back = false;
    window->count++;
    return slot;
}

void window_drop_last(struct window *window)
{
    window->count--;
}

struct slot *window_first(struct window *window)
{
    return slot_at(window, 0);
}

void window_drop_first(struct window *window)
{
    window->first = (window->first + 1) % LIMIT_JOB_WINDOW;
    window->count--;
}

void window_mark_started(struct slot *slot)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    slot->asked_ns = (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
    HOLD(slot->window->lock);
    slot->window->in_flight++;
    slot->window->in_flight_bytes += slot->size_bytes;
}

void window_mark_not_started(struct slot *slot)
{
    HOLD(slot->window->lock);
    slot->window->in_flight--;
    slot->window->in_flight_bytes -= slot->size_bytes;
}

void window_mark_back(struct slot *slot)
{
    HOLD(slot->window->lock);
    slot->back = true;
}

void jobs_object_done(struct jobs_object *object)
{
    struct slot *slot = (struct slot *)(void *)object;
    struct window *window = slot->window;
    HOLD(window->lock);
    slot->back = true;
    window->in_flight--;
    window->in_flight_bytes -= slot->size_bytes;
    window->returns++;
    if (window->waiting) {
        (void)pthread_cond_signal(window->wake);
    }
}
