/* SPDX-License-Identifier: Apache-2.0
 *
 * Indexes under test: a store named `s` in memory that can lose objects, a jobs host that answers
 * at once, and an embedding that depends on the object's size, so that the store alone determines
 * the content of an index. Keys with `bad` in them fail.
 */
#ifndef TESTS_RETRIEVAL_FIXTURE_H
#define TESTS_RETRIEVAL_FIXTURE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "jobs/jobs.h"
#include "retrieval/retrieval.h"
#include "store/backend.h"

enum { FIXTURE_HIDDEN = 512, FIXTURE_DIMENSION = 8, AWAIT_MS = 30000 };

struct shelf {
    struct store base;
    struct store *mem;    /* owned */
    pthread_mutex_t lock; /* guards what is hidden */
    char hidden[FIXTURE_HIDDEN][48];
    size_t hidden_count;
};

struct fixture {
    char root[64]; /* a new directory beneath /tmp */
    struct shelf *shelf;
    struct jobs *jobs;           /* NULL while closed */
    struct retrieval *retrieval; /* likewise */
    uint32_t verify_ms;

    /* Knobs. */
    atomic_uint delay_us;    /* of each object */
    atomic_bool classes;     /* the model gives classes */
    atomic_uint embed_fail;  /* that many calls of embed fail */
    atomic_bool embed_waits; /* until it is given up */

    /* What was seen. */
    atomic_uint inferred;
    atomic_uint embedded;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);
void fixture_open(struct fixture *fixture);
void fixture_close(struct fixture *fixture);
void fixture_restart(struct fixture *fixture);

/* An object of the store `s`: its content is its size. */
void fixture_put(struct fixture *fixture, const char *key, size_t size);
void fixture_fill(struct fixture *fixture, const char *prefix, unsigned count);
void fixture_hide(struct fixture *fixture, const char *key);

/* A model's output for an object: FIXTURE_DIMENSION values, twice as many for model `m2`, or one
 * more if the key has `wide` in it. */
uint32_t fixture_vector(const char *model, const char *key, size_t size, float *vector);

struct retrieval_spec fixture_spec(const char *name);
void fixture_create(struct fixture *fixture, const char *name);
must_check int fixture_rebuild(struct fixture *fixture, const char *name, const char *model,
                               const char *version, struct error *error);
struct retrieval_info fixture_info(struct fixture *fixture, const char *name);

/* The index has exactly the store's objects, with this model's embeddings. */
bool fixture_is_exact(struct fixture *fixture, const char *name, const char *model);
/* Waits for that. */
void fixture_await_exact(struct fixture *fixture, const char *name, const char *model);
/* Waits for a state. */
void fixture_await(struct fixture *fixture, const char *name, enum retrieval_state state);
/* Ready, and exact. */
void fixture_await_ready(struct fixture *fixture, const char *name);
void fixture_sleep_ms(unsigned ms);
int64_t fixture_deadline(void);
bool fixture_is_late(int64_t deadline_ns); /* after it has slept a little */

#endif
