/* SPDX-License-Identifier: Apache-2.0
 *
 * An object of a store that is an encoded image; reading objects of stores.
 */
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "infer/input_kind.h"
#include "infer/reuse.h"

/* CLOCK_REALTIME: what time stamps of objects are compared with. */
static int64_t time_of_day_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void begin_waiting(void *argument)
{
    struct input_reading *reading = argument;
    const struct lane_context *context = reading->context;
    if (context->waiting) {
        context->waiting(context->owner, true);
        reading->waited = true;
    }
}

int input_read_object(const struct lane_context *context, struct store *store, const char *key,
                      struct input_reading *reading, struct error *error)
{
    struct metrics *metrics = context->metrics;
    struct store_target target = {.bytes = reading->bytes,
                                  .capacity = reading->capacity,
                                  .waits = begin_waiting,
                                  .context = reading};
    int64_t start = clock_now_ns();
    atomic_fetch_add_explicit(&metrics->objects_read, 1, memory_order_relaxed);
    reading->context = context;
    int r = store_read(store, key, &target, &reading->size, &reading->identity, error);
    if (reading->waited) {
        context->waiting(context->owner, false);
    }
    metrics_observe(metrics, STAGE_READ, clock_now_ns() - start);
    if (r == 0) {
        atomic_fetch_add_explicit(&metrics->object_bytes, reading->size, memory_order_relaxed);
    }
    return r;
}

/* From the lane's own memory to the worker's, unless the content was seen before: that ends the
 * item here, `cached`. */
static void hand_over(const struct lane_context *context, struct infer_item *item,
                      const struct input_reading *reading, int64_t began_ns, void *area)
{
    bool trusted = !store_is_fresh(item->store, &reading->identity, began_ns);
    int64_t start = clock_now_ns();
    bool found = reuse_find_content(context->cache, item, reading->bytes, reading->size, trusted);
    metrics_observe(context->metrics, STAGE_HASH, clock_now_ns() - start);
    if (!found) {
        memcpy(area, reading->bytes, reading->size);
    }
}

/* Gives back what is above the size that usual objects have. */
static void trim_room(void *room, size_t used)
{
    if (used > LIMIT_LANE_RESIDENT_BYTES) {
        (void)madvise((char *)room + LIMIT_LANE_RESIDENT_BYTES, used - LIMIT_LANE_RESIDENT_BYTES,
                      MADV_DONTNEED);
    }
}

int input_read_stored(const struct lane_context *context, struct infer_item *item, char *area,
                      struct message_run *run)
{
    /* Taken before the read starts: whatever changes the object after it was read does so later
     * than this, and leaves a later time stamp than any that is not fresh by it. */
    int64_t began_ns = time_of_day_ns();
    bool covered = context->room && reuse_covers(context->cache, item);
    struct input_reading reading = {.bytes = covered ? context->room : area,
                                    .capacity = LIMIT_LANE_INPUT_BYTES};
    int r = item->hidden
                ? store_hide(item->store, item->key, &item->error)
                : input_read_object(context, item->store, item->key, &reading, &item->error);
    if (r == 0) {
        item->read_bytes = reading.size;
        item->identity = reading.identity;
        item->has_identity = true;
        run->input_size = reading.size;
    }
    if (r == 0 && covered) {
        hand_over(context, item, &reading, began_ns, area);
    }
    if (covered) {
        trim_room(context->room, r == 0 ? reading.size : reading.capacity);
    }
    return r;
}

void input_prepare_image(const struct infer_item *item, struct message_run *run)
{
    (void)item;
    run->kind = RUN_IMAGE;
}

const struct input_kind input_stored = {
    .name = "stored", .read = input_read_stored, .prepare = input_prepare_image};
