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
    pthread_cond_t handed; /* the reserve has a place, or is to end */
    pthread_t reserve;     /* runs tasks that wait when no other thread can be started */
    bool reserve_idle;
    bool ending;
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

/* Under the lock, by the holder of a place: passes it to the task that has waited longest; NULL:
 * none waits, and the place is free. */
static struct task *pass_on(struct tasks *tasks)
{
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

static void run(struct task *task)
{
    task->function(task->argument);
    free(task);
}

static struct task *task_ended(struct tasks *tasks)
{
    HOLD(&tasks->lock);
    return pass_on(tasks);
}

static void *task_main(void *argument)
{
    for (struct task *task = argument; task;) {
        struct tasks *tasks = task->tasks;
        run(task);
        task = task_ended(tasks);
    }
    return NULL;
}

static void *reserve_main(void *argument)
{
    struct tasks *tasks = argument;
    (void)pthread_mutex_lock(&tasks->lock);
    while (!tasks->reserve_idle || !tasks->ending) {
        struct task *task = NULL;
        if (tasks->reserve_idle) {
            (void)pthread_cond_wait(&tasks->handed, &tasks->lock);
        } else if ((task = pass_on(tasks))) {
            (void)pthread_mutex_unlock(&tasks->lock);
            run(task);
            (void)pthread_mutex_lock(&tasks->lock);
        } else {
            tasks->reserve_idle = true;
        }
    }
    (void)pthread_mutex_unlock(&tasks->lock);
    return NULL;
}

static int start_thread(int state, void *(*function)(void *), void *argument, pthread_t *ret_thread)
{
    pthread_attr_t attributes;
    int r = pthread_attr_init(&attributes);
    if (r == 0) {
        (void)pthread_attr_setdetachstate(&attributes, state);
        (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
        r = pthread_create(ret_thread, &attributes, function, argument);
        (void)pthread_attr_destroy(&attributes);
    }
    return -r;
}

static void destroy(struct tasks *tasks)
{
    (void)pthread_cond_destroy(&tasks->handed);
    (void)pthread_cond_destroy(&tasks->ended);
    (void)pthread_mutex_destroy(&tasks->lock);
    free(tasks);
}

int tasks_new(unsigned limit, struct tasks **ret_tasks)
{
    struct tasks *tasks = calloc(1, sizeof *tasks);
    if (!tasks) {
        return -ENOMEM;
    }
    (void)pthread_mutex_init(&tasks->lock, NULL);
    (void)pthread_cond_init(&tasks->ended, NULL);
    (void)pthread_cond_init(&tasks->handed, NULL);
    tasks->limit = limit;
    tasks->reserve_idle = true;
    int r = start_thread(PTHREAD_CREATE_JOINABLE, reserve_main, tasks, &tasks->reserve);
    if (r < 0) {
        destroy(tasks);
        return r;
    }
    *ret_tasks = tasks;
    return 0;
}

/* A task got a place and no thread. Tasks that wait since then may have no other thread that takes
 * them. */
static void give_place_back(struct tasks *tasks)
{
    HOLD(&tasks->lock);
    if (tasks->first && tasks->reserve_idle) {
        tasks->reserve_idle = false;
        (void)pthread_cond_signal(&tasks->handed);
        return;
    }
    tasks->running--;
    (void)pthread_cond_broadcast(&tasks->ended);
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
    pthread_t thread;
    int r = start_thread(PTHREAD_CREATE_DETACHED, task_main, task, &thread);
    if (r < 0) {
        give_place_back(tasks);
    }
    return r;
}

static int take_in(struct tasks *tasks, void (*function)(void *argument), void *argument,
                   bool may_wait)
{
    struct task *task = malloc(sizeof *task);
    if (!task) {
        return -ENOMEM;
    }
    *task = (struct task){.tasks = tasks, .function = function, .argument = argument};
    int r = start(tasks, task, may_wait);
    if (r < 0) {
        free(task);
    }
    return r;
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
    HOLD(&tasks->lock);
    while (tasks->running > 0) {
        if (clock_wait(&tasks->ended, &tasks->lock, until_ns) < 0) {
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
    tasks->ending = true;
    (void)pthread_cond_signal(&tasks->handed);
    (void)pthread_mutex_unlock(&tasks->lock);
    (void)pthread_join(tasks->reserve, NULL);
    destroy(tasks);
}
