/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of watched directories, a sorted array: the kernel's numbers increase, so new ones
 * go to the end. Paths are searched one by one, only when directories change.
 */
#include "store/dir/watched.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void watched_done(struct watched *watched)
{
    for (size_t i = 0; i < watched->count; i++) {
        free(watched->directories[i].path);
    }
    free(watched->directories);
    *watched = (struct watched){0};
}

/* The index of the first directory whose number is not less. */
static size_t lower_bound(const struct watched *watched, int number)
{
    size_t low = 0;
    size_t high = watched->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (watched->directories[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct watched *watched, size_t at, int number)
{
    return at < watched->count && watched->directories[at].number == number;
}

/* Room for one more at `at`. */
static int open_gap(struct watched *watched, size_t at)
{
    if (watched->count == watched->capacity) {
        size_t capacity = watched->capacity > 0 ? watched->capacity * 2 : 64;
        struct watched_directory *directories =
            reallocarray(watched->directories, capacity, sizeof *directories);
        if (!directories) {
            return -ENOMEM;
        }
        watched->directories = directories;
        watched->capacity = capacity;
    }
    memmove(watched->directories + at + 1, watched->directories + at,
            (watched->count - at) * sizeof *watched->directories);
    watched->count++;
    return 0;
}

int watched_set(struct watched *watched, int number, const char *path)
{
    char *copy = strdup(path);
    if (!copy) {
        return -ENOMEM;
    }
    size_t at = lower_bound(watched, number);
    if (is_at(watched, at, number)) {
        watched->path_bytes -= strlen(watched->directories[at].path) + 1;
        free(watched->directories[at].path);
    } else if (open_gap(watched, at) < 0) {
        free(copy);
        return -ENOMEM;
    }
    watched->directories[at] = (struct watched_directory){.number = number, .path = copy};
    watched->path_bytes += strlen(copy) + 1;
    return 0;
}

const char *watched_find(const struct watched *watched, int number)
{
    size_t at = lower_bound(watched, number);
    return is_at(watched, at, number) ? watched->directories[at].path : NULL;
}

bool watched_has(const struct watched *watched, const char *path)
{
    for (size_t i = 0; i < watched->count; i++) {
        if (strcmp(watched->directories[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

void watched_remove(struct watched *watched, int number)
{
    size_t at = lower_bound(watched, number);
    if (is_at(watched, at, number)) {
        watched->path_bytes -= strlen(watched->directories[at].path) + 1;
        free(watched->directories[at].path);
        watched->count--;
        memmove(watched->directories + at, watched->directories + at + 1,
                (watched->count - at) * sizeof *watched->directories);
    }
}

void watched_remove_below(struct watched *watched, const char *path,
                          void (*removed)(void *context, int number), void *context)
{
    size_t size = strlen(path);
    size_t kept = 0;
    for (size_t i = 0; i < watched->count; i++) {
        struct watched_directory *directory = &watched->directories[i];
        if (strncmp(directory->path, path, size) != 0) {
            watched->directories[kept++] = *directory;
            continue;
        }
        removed(context, directory->number);
        watched->path_bytes -= strlen(directory->path) + 1;
        free(directory->path);
    }
    watched->count = kept;
}
