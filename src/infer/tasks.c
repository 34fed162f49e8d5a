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
    pthread_mutex_t lock; /* guards the rest but limit */
    pthread_cond_t ended;
    unsigned limit;
    unsigned running;
    struct task *first; /* owned; wait for a place, in order */
    struct task *last;
};

struct task {
    struct tasks *tasks;
    struct task *next;
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

/* The place goes to the task that has waited longest, which the same thread runs; or NULL. */
static struct task *task_ended(struct tasks *tasks)
{
    HOLD(&tasks->lock);
    struct task *next = tasks->first;
    if (next) {
        tasks->first = next->next;
        tasks->last = tasks->first ? tasks->last : NULL;
        return next;
    }
    tasks->running--;
    (void)pthread_cond_broadcast(&tasks->ended);
    return NULL;
}

static void *task_main(void *argument)
{
    for (struct task *task = argument; task;) {
        struct tasks *tasks = task->tasks;
        task->function(task->argument);
        free(task);
        task = task_ended(tasks);
    }
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

static int start(struct tasks *tasks, struct task *task, bool may_wait)
{
    {
        HOLD(&tasks->lock);
        if (tasks->running < tasks->limit) {
            tasks->running++;
        } else if (!may_wait) {
            return -EBUSY;
        } else {
            *(tasks->last ? &tasks->last->next : &tasks->first) = task;
            tasks->last = task;
            return 0;
        }
    }
    int result = start_thread(task);
    if (result < 0) { /* those that wait are taken by the tasks that run */
        HOLD(&tasks->lock);
        tasks->running--;
        (void)pthread_cond_broadcast(&tasks->ended);
    }
    return result;
}

static int take_in(struct tasks *tasks, void (*function)(void *argument), void *argument,
                   bool may_wait)
{
    struct task *task = malloc(sizeof *task);
    if (!task) {
        return -ENOMEM;
    }
    *task = (struct task){.tasks = tasks, .function = function, .argument = argument};
    int result = start(tasks, task, may_wait);
    if (result < 0) {
        free(task);
    }
    return result;
}

int tasks_start(struct tasks *tasks, void (*function)(void *argument), void *argument)
{
    return take_in(tasks, function, argument, false);
}

int tasks_queue(struct tasks *tasks, void (*function)(void *argument), void *argument)
{
    return take_in(tasks, function, argument, true);
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
