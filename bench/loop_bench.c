/* SPDX-License-Identifier: Apache-2.0
 *
 * The plain loop with which the daemon is compared: one process, one thread, the same media and
 * engine code as in the worker, no sandbox, no queue, no HTTP. Each photo is read from its file,
 * decoded, run, and its best class taken.
 *
 *   loop_bench [--threads N] PACKAGE DIRECTORY < lines
 *
 * PACKAGE is a model package, DIRECTORY contains the photos. For each line of standard input it
 * runs one round over all photos in order of their names and prints a line of JSON: wall and CPU
 * seconds, photos, the milliseconds of each photo, and the best class of each. Rounds can thus
 * alternate with those of other programs. --threads: the session's threads within a run (1).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/limits.h"
#include "plain_model.h"

enum { PHOTOS_MAX = 8192, THREADS_MAX = 256 };

struct loop {
    struct plain_model *model; /* owned */
    int directory;             /* owned */
    char **names;              /* owned, each owned; sorted */
    size_t count;
    char *bytes; /* owned; the photo's file */
    int64_t *spent_ns;
    size_t *best;
};

static int64_t cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* ---- one photo ---- */

static int read_photo(struct loop *loop, const char *name, size_t *ret_size, struct error *error)
{
    struct stat status;
    cleanup_fd int fd = openat(loop->directory, name, O_RDONLY | O_CLOEXEC);
    size_t size = 0;
    if (fd < 0 || fstat(fd, &status) < 0 || status.st_size > (off_t)LIMIT_OBJECT_BYTES) {
        return error_set(error, ERROR_UNREADABLE, "%s cannot be read", name);
    }
    while (size < (size_t)status.st_size) {
        ssize_t more = read(fd, loop->bytes + size, (size_t)status.st_size - size);
        if (more <= 0) {
            return error_set(error, ERROR_UNREADABLE, "%s cannot be read", name);
        }
        size += (size_t)more;
    }
    *ret_size = size;
    return 0;
}

static int run_photo(struct loop *loop, const char *name, size_t *ret_best, struct error *error)
{
    const void *tensor = NULL;
    size_t size = 0;
    int r = read_photo(loop, name, &size, error);
    if (r == 0) {
        r = plain_model_decode(loop->model, loop->bytes, size, &tensor, &size, error);
    }
    return r < 0 ? r : plain_model_run(loop->model, ret_best, error);
}

/* ---- rounds ---- */

static int run_round(struct loop *loop, struct error *error)
{
    int64_t wall_start = clock_now_ns();
    int64_t cpu_start = cpu_ns();
    for (size_t i = 0; i < loop->count; i++) {
        int64_t start = clock_now_ns();
        int r = run_photo(loop, loop->names[i], &loop->best[i], error);
        if (r < 0) {
            return r;
        }
        loop->spent_ns[i] = clock_now_ns() - start;
    }
    double cpu_s = (double)(cpu_ns() - cpu_start) / 1e9;
    double wall_s = (double)(clock_now_ns() - wall_start) / 1e9;
    printf("{\"photos\":%zu,\"wall_s\":%.6f,\"cpu_s\":%.6f,\"latencies_ms\":[", loop->count, wall_s,
           cpu_s);
    for (size_t i = 0; i < loop->count; i++) {
        printf("%s%.4f", i > 0 ? "," : "", (double)loop->spent_ns[i] / 1e6);
    }
    printf("],\"best\":[");
    for (size_t i = 0; i < loop->count; i++) {
        printf("%s%zu", i > 0 ? "," : "", loop->best[i]);
    }
    printf("]}\n");
    return fflush(stdout) == 0 ? 0 : error_set(error, ERROR_IO, "cannot write");
}

static int is_photo(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int list_photos(struct loop *loop, const char *directory, struct error *error)
{
    struct dirent **entries = NULL;
    int found = scandir(directory, &entries, is_photo, by_bytes);
    loop->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < found; i++) {
        if (loop->count < PHOTOS_MAX) {
            loop->names[loop->count] = strdup(entries[i]->d_name);
            loop->count += loop->names[loop->count] != NULL;
        }
        free(entries[i]);
    }
    free(entries);
    return loop->directory >= 0 && loop->count > 0
               ? 0
               : error_set(error, ERROR_NOT_FOUND, "no photos in %s", directory);
}

static int loop_prepare(struct loop *loop, struct error *error)
{
    loop->names = calloc(PHOTOS_MAX, sizeof *loop->names);
    loop->spent_ns = calloc(PHOTOS_MAX, sizeof *loop->spent_ns);
    loop->best = calloc(PHOTOS_MAX, sizeof *loop->best);
    loop->bytes = malloc(LIMIT_OBJECT_BYTES);
    return loop->names && loop->spent_ns && loop->best && loop->bytes
               ? 0
               : error_set(error, ERROR_MEMORY, "out of memory");
}

static void loop_done(struct loop *loop)
{
    for (size_t i = 0; i < loop->count; i++) {
        free(loop->names[i]);
    }
    free(loop->names);
    free(loop->spent_ns);
    free(loop->best);
    free(loop->bytes);
    plain_model_free(loop->model);
    if (loop->directory >= 0) {
        (void)close(loop->directory);
    }
}

static int serve(struct loop *loop, const char *package, const char *directory, unsigned threads,
                 struct error *error)
{
    char line[256];
    int r = loop_prepare(loop, error);
    if (r == 0) {
        r = list_photos(loop, directory, error);
    }
    if (r == 0) {
        r = plain_model_new(package, threads, &loop->model, error);
    }
    while (r == 0 && fgets(line, sizeof line, stdin)) {
        r = run_round(loop, error);
    }
    return r;
}

int main(int argc, char **argv)
{
    const char *places[2] = {NULL, NULL};
    size_t given = 0;
    unsigned long threads = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc) {
            threads = strtoul(argv[++i], NULL, 10);
        } else if (given < 2) {
            places[given++] = argv[i];
        } else {
            given++;
        }
    }
    if (given != 2 || threads < 1 || threads > THREADS_MAX) {
        (void)fprintf(stderr, "usage: loop_bench [--threads N] PACKAGE DIRECTORY < lines\n");
        return 2;
    }
    struct loop loop = {.directory = -1};
    struct error error = {0};
    int r = serve(&loop, places[0], places[1], (unsigned)threads, &error);
    if (r < 0) {
        (void)fprintf(stderr, "loop_bench: %s\n", error.message);
    }
    loop_done(&loop);
    return r < 0 ? 1 : 0;
}
