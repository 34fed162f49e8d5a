/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log: one JSON line for each refusal, and for what changes models, indexes, rights and
 * the jobs of others; see situd.conf(5). Lines contain no token. A thread of its own writes them,
 * so that no request waits for the disk; what it cannot take is counted in a line of its own.
 */
#ifndef SITU_API_AUDIT_H
#define SITU_API_AUDIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

struct audit {
    pthread_mutex_t lock; /* guards the rest, except the writer's part; not held during output */
    pthread_cond_t changed;
    struct buffer waiting; /* lines */
    uint64_t lost;         /* lines for which there was no room */
    bool on;
    bool replaced; /* `next_fd` is to be used from now on */
    int next_fd;   /* owned; -1: none */
    bool started, stopping;
    pthread_t thread;
    int fd; /* owned, except stderr; the writer's, as those below; -1: none */
    bool torn, failing;
};

/* What is told of one event. Strings are borrowed; NULL: unknown. */
struct audit_event {
    const char *event; /* a word */
    const char *request;
    const char *name;
    const char *address;
    const char *verb;
    const char *target;
    const char *outcome; /* a word */
    unsigned status;     /* 0: none */
};

void audit_init(struct audit *audit);
/* Writes what waits. */
void audit_done(struct audit *audit);

/* Opens the file, again if it is the same: it may have been renamed. "journal" is stderr; NULL ends
 * the log. What waits goes to the previous file. On an error that one stays in use. Main thread. */
must_check int audit_open(struct audit *audit, const char *file, struct error *error);

/* Any thread. */
bool audit_is_on(struct audit *audit);
void audit_write(struct audit *audit, const struct audit_event *event);

#endif
