/* SPDX-License-Identifier: Apache-2.0
 *
 * A host for jobs under test: a store named `s` in memory (and `d`, a directory, where a test opens
 * one), and three threads that answer objects
 * out of order, or as a test's knobs say. Keys with `bad` in them fail,
 * those with `endless` get longer answers than a log takes. Also a jobs directory of
 * its own and waiting for what jobs do.
 */
#ifndef TESTS_JOBS_HOST_FIXTURE_H
#define TESTS_JOBS_HOST_FIXTURE_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "jobs/jobs.h"
#include "store/backend.h"

enum { HOST_THREADS = 3, HOST_QUEUE = 2048, HOST_HIDDEN = 64, WAIT_MS = 20000 };

#define HOST_READABLE UINT_MAX

struct shelf { /* a store in memory that can lose objects and refuse to be listed */
    struct store base;
    struct store *mem;    /* owned */
    pthread_mutex_t lock; /* guards `hidden`, and is held while the file system changes */
    char hidden[HOST_HIDDEN][64];
    size_t hidden_count;
    atomic_uint
        readable_lists; /* so many more come, the next are refused; HOST_READABLE: all come */
    atomic_uint lists;
    atomic_bool away;        /* not available */
    atomic_bool empty;       /* nothing was ever seen in it */
    atomic_uint filesystem;  /* that it tells */
    atomic_bool device_only; /* likewise */
    atomic_uint generation;  /* likewise */
};

struct fixture {
    char root[64]; /* a new directory beneath /tmp */
    struct shelf *shelf;
    struct store *directory; /* owned; the store `d`; NULL: none */
    struct jobs *jobs;       /* NULL between fixture_stop() and fixture_open() */
    uint64_t keep_s;
    uint32_t retry_ms;
    uint32_t turn_ms;
    uint32_t delivered_ms;

    /* Knobs. */
    atomic_bool instant;     /* answers come within run_start */
    atomic_bool unavailable; /* ERROR_UNAVAILABLE for every object */
    atomic_bool model_gone;
    atomic_bool held;     /* nothing comes back */
    atomic_uint most;     /* nothing comes back once so many were inferred; 0: no bound */
    atomic_uint busy;     /* so many run_start calls say -EBUSY */
    atomic_uint delay_us; /* of each object */

    /* What was seen. */
    atomic_uint inferred;
    atomic_uint runs; /* that are not freed */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    struct {
        struct jobs_object *object;
        struct jobs_run *run;
    } queue[HOST_QUEUE];
    unsigned queued;
    unsigned in_flight;
    unsigned in_flight_most;
    uint64_t bytes;
    uint64_t bytes_most;
    unsigned alone_most; /* in flight together with a large one */
    char order[4096];    /* ids of runs as they began, blank between */
    bool ending;
    unsigned seed;
    pthread_t threads[HOST_THREADS];
};

int fixture_setup(void **state);
int fixture_teardown(void **state);
struct fixture *fixture_new(const char *root); /* NULL root: a new one */
void fixture_free(struct fixture *fixture, bool remove_root);
void fixture_open(struct fixture *fixture);
void fixture_stop(struct fixture *fixture);
void fixture_restart(struct fixture *fixture);

/* Puts `count` objects `PREFIXnnnnn.jpg`; each `bad_every`th (0: none) is named `...bad.jpg`. */
void fixture_fill(struct fixture *fixture, const char *prefix, unsigned count, unsigned bad_every);
void fixture_put(struct fixture *fixture, const char *key, size_t size);
void fixture_hide(struct fixture *fixture, const char *key);
void fixture_unhide_all(struct fixture *fixture);
/* Another root stands there now, on this file system. */
void fixture_mount(struct fixture *fixture, unsigned filesystem);
void fixture_hold(struct fixture *fixture, bool held);
/* `most`: so a job gets so far, less what is in flight, and no further, however slow the machine.
 */
void fixture_hold_behind(struct fixture *fixture, unsigned most);
void fixture_await_in_flight(struct fixture *fixture, unsigned count); /* at some time so far */

/* A spec over a prefix of the store; constant strings are borrowed by it. */
struct job_spec fixture_spec(char *prefix);
/* Creates it; `id` has JOB_ID_SIZE bytes. */
void fixture_create(struct fixture *fixture, const struct job_spec *spec, char *id);
/* Of a list of names. */
void fixture_create_list(struct fixture *fixture, const struct job_spec *spec, const char *names,
                         char *id);

struct job_info fixture_info(struct fixture *fixture, const char *id);
enum job_state fixture_state(struct fixture *fixture, const char *id);
uint64_t fixture_results(struct fixture *fixture, const char *id);
/* Waits for a state, with a reason or without; fails the test after WAIT_MS. */
void fixture_await(struct fixture *fixture, const char *id, enum job_state state);
void fixture_await_reason(struct fixture *fixture, const char *id, enum error_code code);
void fixture_await_results(struct fixture *fixture, const char *id, uint64_t count);
/* A standing job that rests after so many passes. */
void fixture_await_rest(struct fixture *fixture, const char *id, uint64_t pass);

/* All lines of a job, as a reader gets them without waiting; the caller frees them. */
char *fixture_lines(struct fixture *fixture, const char *id);
/* Each name of the prefix once, in order, and nothing else. */
void fixture_check_exact(struct fixture *fixture, const char *id, const char *prefix,
                         unsigned count);
void fixture_sleep_ms(unsigned ms);

#endif
