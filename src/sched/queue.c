/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue: for each class a circular list of the sources with waiting entries, for each source a
 * list of its entries. Push, pop and remove take constant time; only deadlines need a search, and
 * only once the earliest one may have passed.
 */
#include "sched/queue.h"

#include <assert.h>
#include <errno.h>

/* At the end of the class's round, just before the source that is served next. */
static void round_link(struct queue *queue, struct queue_source *source)
{
    struct queue_source *head = queue->rounds[source->class];
    if (!head) {
        source->next = source;
        source->previous = source;
        queue->rounds[source->class] = source;
    } else {
        source->next = head;
        source->previous = head->previous;
        head->previous->next = source;
        head->previous = source;
    }
    source->linked = true;
}

static void round_unlink(struct queue *queue, struct queue_source *source)
{
    struct queue_source **head = &queue->rounds[source->class];
    if (source->next == source) {
        *head = NULL;
    } else {
        source->next->previous = source->previous;
        source->previous->next = source->next;
        if (*head == source) {
            *head = source->next;
        }
    }
    source->next = NULL;
    source->previous = NULL;
    source->linked = false;
}

/* Common to both ways in, once the entry is in its source's list. */
static void entered(struct queue *queue, struct queue_source *source, struct queue_entry *entry,
                    int64_t now_ns)
{
    entry->source = source;
    entry->queued_ns = now_ns;
    entry->queued = true;
    queue->lengths[queue_group_of(source->class)]++;
    if (entry->deadline_ns < queue->earliest_ns) {
        queue->earliest_ns = entry->deadline_ns;
    }
    if (!source->linked) {
        round_link(queue, source);
    }
}

void queue_init(struct queue *queue, size_t interactive_limit, size_t job_limit)
{
    *queue = (struct queue){.limits = {interactive_limit, job_limit}, .earliest_ns = INT64_MAX};
}

enum queue_class queue_job_class(unsigned priority)
{
    unsigned highest = QUEUE_JOB_PRIORITIES - 1;
    return QUEUE_JOB_FIRST + (highest - (priority < highest ? priority : highest));
}

enum queue_group queue_group_of(enum queue_class class)
{
    return class == QUEUE_INTERACTIVE ? QUEUE_GROUP_INTERACTIVE : QUEUE_GROUP_JOBS;
}

void queue_source_init(struct queue_source *source, enum queue_class class)
{
    *source = (struct queue_source){.class = class};
}

size_t queue_length(const struct queue *queue)
{
    return queue->lengths[QUEUE_GROUP_INTERACTIVE] + queue->lengths[QUEUE_GROUP_JOBS];
}

bool queue_admits(const struct queue *queue, enum queue_class class, size_t count)
{
    enum queue_group group = queue_group_of(class);
    size_t length = queue->lengths[group];
    return length <= queue->limits[group] && count <= queue->limits[group] - length;
}

int queue_push(struct queue *queue, struct queue_source *source, struct queue_entry *entry,
               int64_t now_ns)
{
    assert(!entry->queued);
    if (!queue_admits(queue, source->class, 1)) {
        return -EBUSY;
    }
    entry->next = NULL;
    entry->previous = source->last;
    if (source->last) {
        source->last->next = entry;
    } else {
        source->first = entry;
    }
    source->last = entry;
    entered(queue, source, entry, now_ns);
    return 0;
}

void queue_push_front(struct queue *queue, struct queue_source *source, struct queue_entry *entry,
                      int64_t now_ns)
{
    assert(!entry->queued);
    entry->previous = NULL;
    entry->next = source->first;
    if (source->first) {
        source->first->previous = entry;
    } else {
        source->last = entry;
    }
    source->first = entry;
    entered(queue, source, entry, now_ns);
}

void queue_remove(struct queue *queue, struct queue_entry *entry)
{
    if (!entry->queued) {
        return;
    }
    struct queue_source *source = entry->source;
    if (entry->previous) {
        entry->previous->next = entry->next;
    } else {
        source->first = entry->next;
    }
    if (entry->next) {
        entry->next->previous = entry->previous;
    } else {
        source->last = entry->previous;
    }
    entry->next = NULL;
    entry->previous = NULL;
    entry->queued = false;
    queue->lengths[queue_group_of(source->class)]--;
    if (!source->first) {
        round_unlink(queue, source);
    }
    if (queue_length(queue) == 0) {
        queue->earliest_ns = INT64_MAX;
    }
}

struct queue_entry *queue_pop(struct queue *queue, enum queue_class max_class)
{
    for (unsigned level = 0; level < QUEUE_CLASS_COUNT && level <= (unsigned)max_class; level++) {
        struct queue_source *source = queue->rounds[level];
        if (source) {
            struct queue_entry *entry = source->first;
            queue->rounds[level] = source->next;
            queue_remove(queue, entry);
            return entry;
        }
    }
    return NULL;
}

/* `earliest`, or an entry of the source with an earlier deadline; the search ends at the first
 * deadline that is at most `enough_ns`. */
static struct queue_entry *earliest_of(const struct queue_source *source,
                                       struct queue_entry *earliest, int64_t enough_ns)
{
    for (struct queue_entry *entry = source->first; entry; entry = entry->next) {
        if (earliest && earliest->deadline_ns <= enough_ns) {
            break;
        }
        if (entry->deadline_ns < (earliest ? earliest->deadline_ns : INT64_MAX)) {
            earliest = entry;
        }
    }
    return earliest;
}

/* The entry with the earliest deadline, or one that is early enough; NULL if there is none. */
static struct queue_entry *find_earliest(const struct queue *queue, int64_t enough_ns)
{
    struct queue_entry *earliest = NULL;
    for (unsigned level = 0; level < QUEUE_CLASS_COUNT; level++) {
        struct queue_source *source = queue->rounds[level];
        do {
            if (source) {
                earliest = earliest_of(source, earliest, enough_ns);
                source = source->next;
            }
        } while (source != queue->rounds[level]);
    }
    return earliest;
}

struct queue_entry *queue_expired(struct queue *queue, int64_t now_ns)
{
    if (now_ns < queue->earliest_ns) {
        return NULL;
    }
    struct queue_entry *entry = find_earliest(queue, now_ns);
    if (entry && entry->deadline_ns <= now_ns) {
        queue_remove(queue, entry);
        return entry;
    }
    queue->earliest_ns = entry ? entry->deadline_ns : INT64_MAX;
    return NULL;
}

int64_t queue_next_deadline(const struct queue *queue)
{
    if (queue->earliest_ns == INT64_MAX) {
        return INT64_MAX;
    }
    const struct queue_entry *entry = find_earliest(queue, INT64_MIN);
    return entry ? entry->deadline_ns : INT64_MAX;
}
