/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue between requests and lanes: classes, deadlines, admission control. A pure data
 * structure: no I/O, no threads, no clock; the caller holds a lock and passes the time. Entries are
 * embedded in the caller's items and owned by the caller.
 *
 * Order: the interactive class first, then jobs, with one class for each priority, the highest
 * strictly first. Within a class deadlines do not matter: sources take turns with one entry each,
 * first in, first out, so that a request of 256 objects does not delay one of a single object, and
 * jobs of one priority get equal shares.
 *
 * Admission limits interactive entries and those of jobs separately: jobs never fill the queue for
 * single requests.
 */
#ifndef SITU_SCHED_QUEUE_H
#define SITU_SCHED_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

enum { QUEUE_JOB_PRIORITIES = 10 }; /* 0 to 9, higher goes first */

enum queue_class {
    QUEUE_INTERACTIVE,
    QUEUE_JOB_FIRST, /* jobs of the highest priority; the lower ones follow */
    QUEUE_JOB_LAST = QUEUE_JOB_FIRST + QUEUE_JOB_PRIORITIES - 1,
    QUEUE_CLASS_COUNT
};

/* Classes that share a limit for admission. */
enum queue_group { QUEUE_GROUP_INTERACTIVE, QUEUE_GROUP_JOBS, QUEUE_GROUP_COUNT };

struct queue_entry {
    struct queue_entry *next; /* borrowed; the queue's while queued */
    struct queue_entry *previous;
    struct queue_source *source;
    int64_t deadline_ns; /* monotonic; INT64_MAX for none */
    int64_t queued_ns;   /* set by queue_push */
    bool queued;
};

/* The origin of entries: one request or one job. Embedded in the caller's object; call init before
 * use; it must outlive its entries in the queue. */
struct queue_source {
    enum queue_class class;
    struct queue_entry *first;
    struct queue_entry *last;
    struct queue_source *next; /* in the class's round */
    struct queue_source *previous;
    bool linked;
};

struct queue {
    struct queue_source *rounds[QUEUE_CLASS_COUNT]; /* next to be served, circular */
    size_t lengths[QUEUE_GROUP_COUNT];
    size_t limits[QUEUE_GROUP_COUNT]; /* admission */
    int64_t earliest_ns;              /* no deadline in the queue is earlier; saves most scans */
};

void queue_init(struct queue *queue, size_t interactive_limit, size_t job_limit);
void queue_source_init(struct queue_source *source, enum queue_class class);

/* The class of a job's entries; a priority above the highest counts as that. */
enum queue_class queue_job_class(unsigned priority);
enum queue_group queue_group_of(enum queue_class class);

/* Whether `count` more entries of that class would be admitted. */
bool queue_admits(const struct queue *queue, enum queue_class class, size_t count);

/* Appends; -EBUSY, and no change, if the queue is full for its class. */
must_check int queue_push(struct queue *queue, struct queue_source *source,
                          struct queue_entry *entry, int64_t now_ns);

/* Puts an entry back at the head of its source, without a limit: for retries. A source that had no
 * entries left joins the end of the round. */
void queue_push_front(struct queue *queue, struct queue_source *source, struct queue_entry *entry,
                      int64_t now_ns);

/* The next entry, or NULL. With `max_class` QUEUE_INTERACTIVE jobs keep waiting. */
struct queue_entry *queue_pop(struct queue *queue, enum queue_class max_class);

/* Removes an entry from anywhere in the queue; does nothing if it is not queued. */
void queue_remove(struct queue *queue, struct queue_entry *entry);

/* Removes and returns one entry whose deadline is now or has passed, or NULL. */
struct queue_entry *queue_expired(struct queue *queue, int64_t now_ns);

/* For tests: the earliest deadline of all entries, INT64_MAX if there is none. */
int64_t queue_next_deadline(const struct queue *queue);

size_t queue_length(const struct queue *queue); /* of all classes */

#endif
