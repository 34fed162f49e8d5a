/* SPDX-License-Identifier: Apache-2.0
 *
 * The plain loop that the daemon is measured against: one process, one thread, the same media and
 * engine code as in the worker, no sandbox, no queue, no HTTP. Each photo is read from its file,
 * decoded, run, and its best class taken.
 *
 *   loop_bench [--threads N] PACKAGE DIRECTORY < lines
 *
 * PACKAGE is a model package, DIRECTORY holds the photos. Each line of standard input asks for one
 * round over all photos in order of their names and is answered with a line of JSON: wall and CPU
 * seconds, photos, the milliseconds of each photo, and the best class of each. So that rounds can
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
#include "media/media.h"
#include "model/package.h"
#include "worker/program.h"

enum { PHOTOS_MAX = 8192, THREADS_MAX = 256 };

struct loop {
    struct program *program; /* owned */
    struct media *media;     /* owned */
    int directory;           /* owned */
    char **names;            /* owned, each owned; sorted */
    size_t count;
    char *bytes;   /* owned; the photo's file */
    char *tensor;  /* owned; the model's input */
    char *outputs; /* owned */
    int64_t *spent_ns;
    size_t *best;
};

static int64_t cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* ---- the model, as the worker loads it ---- */

static int add_file(struct loop *loop, const char *package, const char *path, const char *name,
                    struct error *error)
{
    struct message_file message = {.is_model = !name};
    struct stat status;
    int fd = -1;
    int result = model_package_open(package, path, &fd, error);
    if (result < 0) {
        return result;
    }
    if (fstat(fd, &status) < 0) {
        (void)close(fd);
        return error_set(error, ERROR_IO, "%s: cannot be examined", path);
    }
    message.size_bytes = (uint64_t)status.st_size;
    (void)snprintf(message.path, sizeof message.path, "%s", name ? name : path);
    return program_add_file(loop->program, &message, fd, error);
}

static int load_model(struct loop *loop, const char *package, unsigned threads, struct error *error)
{
    struct model_spec *spec = NULL;
    int result = model_package_read(package, NULL, &spec, error);
    if (result < 0) {
        return result;
    }
    result = add_file(loop, package, spec->onnx_path, NULL, error);
    for (size_t i = 0; i < spec->file_count && result == 0; i++) {
        if (spec->files[i].data_path) {
            result = add_file(loop, package, spec->files[i].path, spec->files[i].data_path, error);
        }
    }
    struct message_load load = {.has_pipeline = spec->task != MODEL_TENSOR,
                                .cores = threads,
                                .slow_run_ns = 0,
                                .pipeline = spec->pipeline};
    if (result == 0 && !load.has_pipeline) {
        result = error_set(error, ERROR_UNFIT, "%s takes tensors, not images", package);
    }
    if (result == 0) {
        result = program_load(loop->program, &load, error);
    }
    if (result == 0) {
        program_load_all_cores(loop->program, &load);
    }
    model_spec_free(spec);
    return result;
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

static double value_at(const struct engine_tensor *tensor, size_t i)
{
    if (tensor->datatype == DATATYPE_FP16) {
        return (double)half_to_float(((const uint16_t *)tensor->data)[i]);
    }
    return (double)((const float *)tensor->data)[i];
}

static int best_class(const struct engine_tensor *output, size_t *ret_best, struct error *error)
{
    size_t count = 0;
    if ((output->datatype != DATATYPE_FP16 && output->datatype != DATATYPE_FP32) ||
        tensor_shape_count(&output->shape, &count) < 0 || count == 0) {
        return error_set(error, ERROR_UNFIT, "the model's first output is no row of scores");
    }
    if (output->shape.rank > 0) { /* a fixed batch holds the photo in every place */
        count /= (size_t)output->shape.dims[0];
    }
    *ret_best = 0;
    for (size_t i = 1; i < count; i++) {
        if (value_at(output, i) > value_at(output, *ret_best)) {
            *ret_best = i;
        }
    }
    return 0;
}

static int run_photo(struct loop *loop, const char *name, size_t *ret_best, struct error *error)
{
    struct program *program = loop->program;
    uint32_t height = 0;
    uint32_t width = 0;
    size_t size = 0;
    int result = read_photo(loop, name, &size, error);
    if (result == 0) {
        result = media_image_to_tensor(loop->media, &program->pipeline, loop->bytes, size,
                                       loop->tensor, program->image_bytes, &height, &width, error);
    }
    if (result < 0) {
        return result;
    }
    size_t batch = (size_t)program->image_shape.dims[0];
    for (size_t i = 1; i < batch; i++) {
        memcpy(loop->tensor + i * program->image_bytes, loop->tensor, program->image_bytes);
    }
    struct engine_tensor input = {.index = program->image_input,
                                  .datatype = program->pipeline.datatype,
                                  .shape = program->image_shape,
                                  .data = loop->tensor,
                                  .size = batch * program->image_bytes};
    struct engine_run run = {.inputs = &input,
                             .input_count = 1,
                             .output_mask = 1,
                             .area = loop->outputs,
                             .area_size = LIMIT_LANE_OUTPUT_BYTES};
    struct engine_model *all_cores = atomic_load(&program->all_cores);
    result = program->engine->run(all_cores ? all_cores : program->model, &run, error);
    return result < 0 ? result : best_class(&run.outputs[0], ret_best, error);
}

/* ---- rounds ---- */

static int run_round(struct loop *loop, struct error *error)
{
    int64_t wall_start = clock_now_ns();
    int64_t cpu_start = cpu_ns();
    for (size_t i = 0; i < loop->count; i++) {
        int64_t start = clock_now_ns();
        int result = run_photo(loop, loop->names[i], &loop->best[i], error);
        if (result < 0) {
            return result;
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
    loop->program = calloc(1, sizeof *loop->program);
    loop->names = calloc(PHOTOS_MAX, sizeof *loop->names);
    loop->spent_ns = calloc(PHOTOS_MAX, sizeof *loop->spent_ns);
    loop->best = calloc(PHOTOS_MAX, sizeof *loop->best);
    loop->bytes = malloc(LIMIT_OBJECT_BYTES);
    loop->outputs = malloc(LIMIT_LANE_OUTPUT_BYTES);
    if (!loop->program || !loop->names || !loop->spent_ns || !loop->best || !loop->bytes ||
        !loop->outputs || media_new(&loop->media) < 0) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    loop->program->engine = engine_find("onnxruntime");
    return loop->program->engine
               ? loop->program->engine->open(&loop->program->environment, error)
               : error_set(error, ERROR_UNAVAILABLE, "built without ONNX Runtime");
}

/* The model's memory goes with the process, as in the worker. */
static void loop_done(struct loop *loop)
{
    for (size_t i = 0; i < loop->count; i++) {
        free(loop->names[i]);
    }
    free(loop->names);
    free(loop->spent_ns);
    free(loop->best);
    free(loop->bytes);
    free(loop->tensor);
    free(loop->outputs);
    media_free(loop->media);
    free(loop->program);
    if (loop->directory >= 0) {
        (void)close(loop->directory);
    }
}

static int serve(struct loop *loop, const char *package, const char *directory, unsigned threads,
                 struct error *error)
{
    char line[256];
    int result = loop_prepare(loop, error);
    if (result == 0) {
        result = list_photos(loop, directory, error);
    }
    if (result == 0) {
        result = load_model(loop, package, threads, error);
    }
    if (result == 0) {
        size_t batch = (size_t)loop->program->image_shape.dims[0];
        size_t size = (batch * loop->program->image_bytes + 64) / 64 * 64;
        loop->tensor = aligned_alloc(64, size);
        result = loop->tensor ? 0 : error_set(error, ERROR_MEMORY, "out of memory");
    }
    while (result == 0 && fgets(line, sizeof line, stdin)) {
        result = run_round(loop, error);
    }
    return result;
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
    int result = serve(&loop, places[0], places[1], (unsigned)threads, &error);
    if (result < 0) {
        (void)fprintf(stderr, "loop_bench: %s\n", error.message);
    }
    loop_done(&loop);
    return result < 0 ? 1 : 0;
}
