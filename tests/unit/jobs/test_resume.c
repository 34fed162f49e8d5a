/* SPDX-License-Identifier: Apache-2.0
 *
 * A resume that comes while the job's thread is on its way out: after the state in which it ends
 * can be seen, before the keeper has joined it. Both ends of that window are held open here: the
 * first by a reader's callback on the job's thread, the second by the joining itself.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "host_fixture.h"

/* Where threads are held up; guards itself. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool shut;
    unsigned waiting;
};

#define GATE                                                                                       \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER                     \
    }

static struct gate joining = GATE; /* the keeper's, of a job's thread */

int __real_pthread_join(pthread_t thread, void **value);
int __wrap_pthread_join(pthread_t thread, void **value);

static void gate_pass(struct gate *gate)
{
    (void)pthread_mutex_lock(&gate->lock);
    gate->waiting++;
    (void)pthread_cond_broadcast(&gate->changed);
    while (gate->shut) {
        (void)pthread_cond_wait(&gate->changed, &gate->lock);
    }
    gate->waiting--;
    (void)pthread_mutex_unlock(&gate->lock);
}

static void gate_shut(struct gate *gate)
{
    (void)pthread_mutex_lock(&gate->lock);
    gate->shut = true;
    (void)pthread_mutex_unlock(&gate->lock);
}

/* Somebody stands before it. */
static void gate_await(struct gate *gate)
{
    (void)pthread_mutex_lock(&gate->lock);
    while (gate->waiting == 0) {
        (void)pthread_cond_wait(&gate->changed, &gate->lock);
    }
    (void)pthread_mutex_unlock(&gate->lock);
}

static void gate_open(struct gate *gate)
{
    (void)pthread_mutex_lock(&gate->lock);
    gate->shut = false;
    (void)pthread_cond_broadcast(&gate->changed);
    (void)pthread_mutex_unlock(&gate->lock);
}

int __wrap_pthread_join(pthread_t thread, void **value)
{
    gate_pass(&joining);
    return __real_pthread_join(thread, value);
}

/* A reader's callback that holds the job's thread where it tells of the state in which it ends. */
struct last_word {
    struct fixture *fixture;
    const char *id;
    enum job_state state;
    pthread_t tester; /* who is never held */
    struct gate gate;
};

static void hold_last_word(void *context)
{
    struct last_word *word = context;
    if (!pthread_equal(pthread_self(), word->tester) &&
        fixture_state(word->fixture, word->id) == word->state) {
        gate_pass(&word->gate);
    }
}

/* So long that only a resume makes it go on. */
static void never_retry(struct fixture *fixture)
{
    fixture_stop(fixture);
    fixture->retry_ms = 1000 * WAIT_MS;
    fixture_open(fixture);
}

/* What a test that failed has left shut. */
static int teardown(void **state)
{
    gate_open(&joining);
    return fixture_teardown(state);
}

static void resume(struct fixture *fixture, const char *id)
{
    assert_int_equal(jobs_resume(fixture->jobs, id, NULL), 0);
}

static void resumed_before_its_thread_is_joined_a_paused_job_goes_on(void **state)
{
    struct fixture *fixture = *state;
    char all[] = "";
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    never_retry(fixture);
    fixture_fill(fixture, "a/", 20, 0);
    atomic_store(&fixture->model_gone, true);
    gate_shut(&joining);
    fixture_create(fixture, &spec, id);
    gate_await(&joining);
    assert_int_equal(fixture_state(fixture, id), JOB_PAUSED);
    atomic_store(&fixture->model_gone, false);
    resume(fixture, id);
    assert_int_equal(fixture_state(fixture, id), JOB_WAITING);
    gate_open(&joining);
    fixture_await(fixture, id, JOB_DONE);
    fixture_check_exact(fixture, id, "a/", 20);
}

static void resumed_before_its_thread_is_joined_a_failed_job_goes_on(void **state)
{
    struct fixture *fixture = *state;
    char all[] = "";
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    spec.max_failures = 4;
    fixture_fill(fixture, "a/", 90, 10); /* 9 of them fail */
    gate_shut(&joining);
    fixture_create(fixture, &spec, id);
    gate_await(&joining);
    assert_int_equal(fixture_state(fixture, id), JOB_FAILED);
    resume(fixture, id);
    assert_int_equal(fixture_state(fixture, id), JOB_WAITING);
    gate_open(&joining);
    fixture_await(fixture, id, JOB_DONE);
    fixture_check_exact(fixture, id, "a/", 90);
}

/* As soon as its state could be seen, and its thread still has its place. */
static void resume_at_once(struct fixture *fixture, struct job_spec *spec, enum job_state seen)
{
    char id[JOB_ID_SIZE];
    struct jobs_reader *reader = NULL;
    fixture_hold(fixture, true);
    fixture_create(fixture, spec, id);
    struct last_word word = {
        .fixture = fixture, .id = id, .state = seen, .tester = pthread_self(), .gate = GATE};
    word.gate.shut = true;
    assert_int_equal(jobs_reader_new(fixture->jobs, id, 0, hold_last_word, &word, &reader, NULL),
                     0);
    fixture_hold(fixture, false);
    gate_await(&word.gate);
    atomic_store(&fixture->unavailable, false);
    resume(fixture, id);
    gate_open(&word.gate);
    fixture_await(fixture, id, JOB_DONE);
    jobs_reader_free(reader);
    fixture_check_exact(fixture, id, "a/", 90);
}

static void resumed_as_soon_as_it_shows_as_paused_a_job_goes_on(void **state)
{
    struct fixture *fixture = *state;
    char all[] = "";
    struct job_spec spec = fixture_spec(all);
    never_retry(fixture);
    fixture_fill(fixture, "a/", 90, 10);
    atomic_store(&fixture->unavailable, true);
    resume_at_once(fixture, &spec, JOB_PAUSED);
}

static void resumed_as_soon_as_it_shows_as_failed_a_job_goes_on(void **state)
{
    struct fixture *fixture = *state;
    char all[] = "";
    struct job_spec spec = fixture_spec(all);
    spec.max_failures = 4;
    fixture_fill(fixture, "a/", 90, 10);
    resume_at_once(fixture, &spec, JOB_FAILED);
}

struct pause {
    struct fixture *fixture;
    const char *id;
    int result;
};

static void *pause_thread(void *context)
{
    struct pause *pause = context;
    pause->result = jobs_pause(pause->fixture->jobs, pause->id, NULL);
    return NULL;
}

/* What comes after the resume counts. */
static void resumed_and_paused_before_its_thread_is_joined_a_job_stands_still(void **state)
{
    struct fixture *fixture = *state;
    char all[] = "";
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    pthread_t pauser;
    struct pause pause = {.fixture = fixture, .id = id};
    never_retry(fixture);
    fixture_fill(fixture, "a/", 20, 0);
    atomic_store(&fixture->model_gone, true);
    gate_shut(&joining);
    fixture_create(fixture, &spec, id);
    gate_await(&joining);
    resume(fixture, id);
    assert_int_equal(pthread_create(&pauser, NULL, pause_thread, &pause), 0);
    fixture_sleep_ms(20); /* it waits for the joining, or will: both are right */
    gate_open(&joining);
    assert_int_equal(pthread_join(pauser, NULL), 0);
    assert_int_equal(pause.result, 0);
    fixture_sleep_ms(50);
    assert_int_equal(fixture_state(fixture, id), JOB_PAUSED);
}

#define RUN(name) cmocka_unit_test_setup_teardown(name, fixture_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(resumed_before_its_thread_is_joined_a_paused_job_goes_on),
        RUN(resumed_before_its_thread_is_joined_a_failed_job_goes_on),
        RUN(resumed_as_soon_as_it_shows_as_paused_a_job_goes_on),
        RUN(resumed_as_soon_as_it_shows_as_failed_a_job_goes_on),
        RUN(resumed_and_paused_before_its_thread_is_joined_a_job_stands_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
