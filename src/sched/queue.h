/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue between requests and lanes: classes, deadlines, admission. A pure data structure: no
 * I/O, no threads, no clock; the caller holds a lock and passes the time in. Entries are embedded
 * in the caller's items and owned by it.
 *
 * Order: the interactive class first, then jobs, one class for each of their priorities, highest
 * first and strictly; within a class the earliest deadline is not preferred, but first in, first
 * out among sources, one entry of each source in turn, so that a request of 256 objects does not
 * stand before one of a single object, and jobs of one priority share evenly.
 *
 * Admission counts interactive entries and those of jobs apart: jobs never make a single request
 * find the queue full.
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
    QUEUE_JOB_FIRST, /* jobs of the highest priority; those of each lower one follow */
    QUEUE_JOB_LAST = QUEUE_JOB_FIRST + QUEUE_JOB_PRIORITIES - 1,
    QUEUE_CLASS_COUNT
};

/* What is admitted together. */
enum queue_group { QUEUE_GROUP_INTERACTIVE, QUEUE_GROUP_JOBS, QUEUE_GROUP_COUNT };

struct queue_entry {
    struct queue_entry *next; /* borrowed; the queue's while queued */
    struct queue_entry *previous;
    struct queue_source *source;
    int64_t deadline_ns; /* monotonic; INT64_MAX for none */
    int64_t queued_ns;   /* set by queue_push */
    bool queued;
};

/* Whoever asks: one request, one job. Embedded in the caller's object; init before use; must
 * outlive its entries in the queue. */
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

/* True where `count` more entries of that class would be admitted. */
bool queue_admits(const struct queue *queue, enum queue_class class, size_t count);

/* Appends; -EBUSY where the queue is full for its class (nothing changed). */
must_check int queue_push(struct queue *queue, struct queue_source *source,
                          struct queue_entry *entry, int64_t now_ns);

/* Puts an entry back at the head of its source, whatever the limit: for retries. A source that had
 * nothing left waits for its turn at the end of the round. */
void queue_push_front(struct queue *queue, struct queue_source *source, struct queue_entry *entry,
                      int64_t now_ns);

/* The next entry, or NULL. `max_class` QUEUE_INTERACTIVE leaves jobs waiting. */
struct queue_entry *queue_pop(struct queue *queue, enum queue_class max_class);

/* Takes one entry out, wherever it stands; no-op where it is not queued. */
void queue_remove(struct queue *queue, struct queue_entry *entry);

/* Takes out and returns one entry whose deadline is now or has passed, or NULL. */
struct queue_entry *queue_expired(struct queue *queue, int64_t now_ns);

/* For tests: the earliest deadline of all entries, INT64_MAX where there is none. */
int64_t queue_next_deadline(const struct queue *queue);

size_t queue_length(const struct queue *queue); /* of all classes */

#endif
