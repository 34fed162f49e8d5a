/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread that starts workers, one request at a time.
 */
#include "infer/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum { CONTROL_FD = 3 };

struct spawner {
    pthread_mutex_t turn; /* one caller at a time; taken before lock */
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    pthread_t thread;
    const struct spawner_command *command; /* borrowed; NULL: no request waits */
    pid_t pid;
    int result;
    bool answered;
    bool stopping;
};

static int add_descriptors(posix_spawn_file_actions_t *actions,
                           const struct spawner_command *command)
{
    int r = posix_spawn_file_actions_adddup2(actions, command->log, 2);
    r = r != 0 ? r : posix_spawn_file_actions_adddup2(actions, command->control, CONTROL_FD);
    r = r != 0 ? r : posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    return r != 0 ? r : posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_WRONLY, 0);
}

/* posix_spawn's parameters are not const, but it only reads the strings. */
static char *const *strings(const char *const *list)
{
    return (char *const *)(uintptr_t)list;
}

static int start(const struct spawner_command *command, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    int r = posix_spawn_file_actions_init(&actions);
    if (r != 0) {
        return -r;
    }
    r = posix_spawnattr_init(&attributes);
    if (r != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return -r;
    }
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &all);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    r = add_descriptors(&actions, command);
    if (r == 0) {
        r = posix_spawn(ret_pid, command->argv[0], &actions, &attributes, strings(command->argv),
                        strings(command->environment));
    }
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return -r;
}

static void *spawner_main(void *argument)
{
    struct spawner *spawner = argument;
    HOLD(&spawner->lock);
    while (!spawner->stopping) {
        if (spawner->command) {
            spawner->result = start(spawner->command, &spawner->pid);
            spawner->command = NULL;
            spawner->answered = true;
            (void)pthread_cond_broadcast(&spawner->changed);
        }
        (void)pthread_cond_wait(&spawner->changed, &spawner->lock);
    }
    return NULL;
}

int spawner_new(struct spawner **ret_spawner)
{
    struct spawner *spawner = calloc(1, sizeof *spawner);
    if (!spawner) {
        return -ENOMEM;
    }
    (void)pthread_mutex_init(&spawner->turn, NULL);
    (void)pthread_mutex_init(&spawner->lock, NULL);
    (void)pthread_cond_init(&spawner->changed, NULL);
    int r = pthread_create(&spawner->thread, NULL, spawner_main, spawner);
    if (r != 0) {
        free(spawner);
        return -r;
    }
    *ret_spawner = spawner;
    return 0;
}

void spawner_free(struct spawner *spawner)
{
    if (!spawner) {
        return;
    }
    (void)pthread_mutex_lock(&spawner->lock);
    spawner->stopping = true;
    (void)pthread_cond_broadcast(&spawner->changed);
    (void)pthread_mutex_unlock(&spawner->lock);
    (void)pthread_join(spawner->thread, NULL);
    (void)pthread_cond_destroy(&spawner->changed);
    (void)pthread_mutex_destroy(&spawner->lock);
    (void)pthread_mutex_destroy(&spawner->turn);
    free(spawner);
}

int spawner_start(struct spawner *spawner, const struct spawner_command *command, pid_t *ret_pid)
{
    HOLD(&spawner->turn);
    HOLD(&spawner->lock);
    spawner->command = command;
    spawner->answered = false;
    (void)pthread_cond_broadcast(&spawner->changed);
    while (!spawner->answered) {
        (void)pthread_cond_wait(&spawner->changed, &spawner->lock);
    }
    *ret_pid = spawner->pid;
    return spawner->result;
}
