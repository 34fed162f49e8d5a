/* SPDX-License-Identifier: Apache-2.0
 *
 * Task threads: detached, counted.
 */
#include "infer/tasks.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"

enum { STACK_BYTES = 512 << 10 };

struct tasks {
    pthread_mutex_t lock; /* guards running */
    pthread_cond_t ended;
    unsigned limit;
    unsigned running;
};

struct task {
    struct tasks *tasks;
    void (*function)(void *argument);
    void *argument;
};

int tasks_new(unsigned limit, struct tasks **ret_tasks)
{
    struct tasks *tasks = calloc(1, sizeof *tasks);
    if (!tasks) {
        return -ENOMEM;
    }
    (void)pthread_mutex_init(&tasks->lock, NULL);
    (void)pthread_cond_init(&tasks->ended, NULL);
    tasks->limit = limit;
    *ret_tasks = tasks;
    return 0;
}

static void task_ended(struct tasks *tasks)
{
    HOLD(&tasks->lock);
    tasks->running--;
    (void)pthread_cond_broadcast(&tasks->ended);
}

static void *task_main(void *argument)
{
    struct task task = *(struct task *)argument;
    free(argument);
    task.function(task.argument);
    task_ended(task.tasks);
    return NULL;
}

static int start_thread(struct task *task)
{
    pthread_t thread;
    pthread_attr_t attributes;
    int result = pthread_attr_init(&attributes);
    if (result == 0) {
        (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
        result = pthread_create(&thread, &attributes, task_main, task);
        (void)pthread_attr_destroy(&attributes);
    }
    return -result;
}

int tasks_start(struct tasks *tasks, void (*function)(void *argument), void *argument)
{
    struct task *task = malloc(sizeof *task);
    if (!task) {
        return -ENOMEM;
    }
    *task = (struct task){tasks, function, argument};
    (void)pthread_mutex_lock(&tasks->lock);
    int result = tasks->running < tasks->limit ? 0 : -EBUSY;
    tasks->running += result == 0;
    (void)pthread_mutex_unlock(&tasks->lock);
    if (result == 0) {
        result = start_thread(task);
        if (result < 0) {
            task_ended(tasks);
        }
    }
    if (result < 0) {
        free(task);
    }
    return result;
}

bool tasks_wait(struct tasks *tasks, int64_t limit_ms)
{
    int64_t until_ns = clock_now_ns() + limit_ms * NS_PER_MS;
    struct timespec until = {until_ns / NS_PER_S, until_ns % NS_PER_S};
    HOLD(&tasks->lock);
    while (tasks->running > 0) {
        if (pthread_cond_clockwait(&tasks->ended, &tasks->lock, CLOCK_MONOTONIC, &until) != 0) {
            break;
        }
    }
    return tasks->running == 0;
}

void tasks_free(struct tasks *tasks)
{
    if (!tasks) {
        return;
    }
    (void)pthread_mutex_lock(&tasks->lock);
    while (tasks->running > 0) {
        (void)pthread_cond_wait(&tasks->ended, &tasks->lock);
    }
    (void)pthread_mutex_unlock(&tasks->lock);
    (void)pthread_cond_destroy(&tasks->ended);
    (void)pthread_mutex_destroy(&tasks->lock);
    free(tasks);
}
