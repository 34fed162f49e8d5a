/* SPDX-License-Identifier: Apache-2.0
 *
 * Task threads: never more than the limit, and those that wait run in order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

#include "infer/tasks.h"

enum { PLACES = 2, WAITING = 6, PATIENCE_MS = 20000 };

static struct {
    pthread_mutex_t lock;
    sem_t go;      /* each task takes one before it ends */
    sem_t started; /* each task gives one */
    int order[PLACES + WAITING];
    int count;
    int running;
    int most;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int numbers[PLACES + WAITING];

static void work(void *argument)
{
    const int *number = argument;
    (void)pthread_mutex_lock(&seen.lock);
    seen.order[seen.count++] = *number;
    seen.running++;
    seen.most = seen.running > seen.most ? seen.running : seen.most;
    (void)pthread_mutex_unlock(&seen.lock);
    (void)sem_post(&seen.started);
    while (sem_wait(&seen.go) != 0) {
    }
    (void)pthread_mutex_lock(&seen.lock);
    seen.running--;
    (void)pthread_mutex_unlock(&seen.lock);
}

static void await_start(void)
{
    while (sem_wait(&seen.started) != 0) {
    }
}

static void those_that_wait_take_the_places_in_order(void **state)
{
    struct tasks *tasks = NULL;
    (void)state;
    assert_int_equal(sem_init(&seen.go, 0, 0), 0);
    assert_int_equal(sem_init(&seen.started, 0, 0), 0);
    assert_int_equal(tasks_new(PLACES, &tasks), 0);
    for (int i = 0; i < PLACES + WAITING; i++) {
        numbers[i] = i;
        assert_int_equal(tasks_queue(tasks, work, &numbers[i]), 0);
        if (i < PLACES) {
            await_start();
        }
    }
    assert_int_equal(tasks_start(tasks, work, &numbers[0]), -EBUSY);
    assert_false(tasks_wait(tasks, 1));
    for (int i = 0; i < WAITING; i++) { /* one place at a time becomes free */
        (void)sem_post(&seen.go);
        await_start();
    }
    for (int i = 0; i < PLACES; i++) {
        (void)sem_post(&seen.go);
    }
    assert_true(tasks_wait(tasks, PATIENCE_MS));
    assert_int_equal(seen.most, PLACES);
    assert_int_equal(seen.count, PLACES + WAITING);
    for (int i = 0; i < seen.count; i++) {
        assert_int_equal(seen.order[i], i);
    }
    tasks_free(tasks);
    (void)sem_destroy(&seen.go);
    (void)sem_destroy(&seen.started);
}

/* pthread_create() fails once, just after another task has begun to wait. */
static struct tasks *failing;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*function)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*function)(void *), void *argument);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*function)(void *), void *argument)
{
    struct tasks *tasks = failing;
    if (!tasks) {
        return __real_pthread_create(thread, attributes, function, argument);
    }
    failing = NULL;
    assert_int_equal(tasks_queue(tasks, work, &numbers[1]), 0);
    return EAGAIN;
}

static void what_waits_is_run_where_the_only_task_got_no_thread(void **state)
{
    struct tasks *tasks = NULL;
    (void)state;
    assert_int_equal(sem_init(&seen.go, 0, 0), 0);
    assert_int_equal(sem_init(&seen.started, 0, 0), 0);
    assert_int_equal(tasks_new(1, &tasks), 0);
    for (int i = 0; i < 3; i++) {
        seen.count = 0;
        failing = tasks;
        assert_int_equal(tasks_queue(tasks, work, &numbers[0]), -EAGAIN);
        assert_false(tasks_wait(tasks, 1));
        (void)sem_post(&seen.go);
        assert_true(tasks_wait(tasks, PATIENCE_MS));
        assert_int_equal(seen.count, 1);
        assert_int_equal(seen.order[0], 1);
    }
    tasks_free(tasks);
    (void)sem_destroy(&seen.go);
    (void)sem_destroy(&seen.started);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_that_wait_take_the_places_in_order),
        cmocka_unit_test(what_waits_is_run_where_the_only_task_got_no_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
