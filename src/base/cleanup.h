/* SPDX-License-Identifier: Apache-2.0
 *
 * Scope-bound cleanup: `cleanup_free char *name = NULL;`, `cleanup_fd int fd = -1;`. The attribute
 * runs when the variable leaves its scope; use take_ptr()/take_fd() to hand ownership on.
 */
#ifndef SITU_BASE_CLEANUP_H
#define SITU_BASE_CLEANUP_H

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free_function(void *pointer)
{
    free(*(void **)pointer);
}

static inline void cleanup_fd_function(const int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

static inline void cleanup_unlock_function(pthread_mutex_t **mutex)
{
    if (*mutex) {
        (void)pthread_mutex_unlock(*mutex);
    }
}

static inline pthread_mutex_t *cleanup_lock(pthread_mutex_t *mutex)
{
    (void)pthread_mutex_lock(mutex);
    return mutex;
}

static inline int take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

#define cleanup_free __attribute__((cleanup(cleanup_free_function)))
#define cleanup_fd __attribute__((cleanup(cleanup_fd_function)))

/* Calls function(&variable) when the variable leaves its scope. */
#define cleanup_by(function) __attribute__((cleanup(function)))

/* Holds a mutex until the end of the enclosing block: `HOLD(&pool->lock);` */
#define HOLD_CONCAT(a, b) a##b
#define HOLD_NAME(line) HOLD_CONCAT(held_, line)
#define HOLD(mutex)                                                                                \
    pthread_mutex_t *HOLD_NAME(__LINE__)                                                           \
        __attribute__((cleanup(cleanup_unlock_function), unused)) = cleanup_lock(mutex)

#define take_ptr(pointer)                                                                          \
    __extension__({                                                                                \
        __typeof__(pointer) taken_pointer = (pointer);                                             \
        (pointer) = NULL;                                                                          \
        taken_pointer;                                                                             \
    })

#define must_check __attribute__((warn_unused_result))

#endif
