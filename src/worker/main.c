/* SPDX-License-Identifier: Apache-2.0
 *
 * situ-worker: started by situd only, with its control socket as descriptor 3. Makes the engine's
 * environment, enters the sandbox, takes lanes and model files, loads the model, serves. The main
 * thread then waits for situd to close the control socket.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/engine_facts.h"
#include "engine/engine.h"
#include "media/media.h"
#include "worker/channel.h"
#include "worker/lane.h"
#include "worker/program.h"
#include "worker/sandbox.h"

enum { CONTROL_FD = 3 };

struct worker {
    struct program program;
    struct lane *lanes[LIMIT_LANES];
    uint32_t lane_count;
    union message message;
};

static int say(const char *text)
{
    (void)fprintf(stderr, "%s\n", text);
    return EXIT_FAILURE;
}

static bool is_socket(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

static int send_ready(const struct sandbox_state *state)
{
    union message ready = {.ready = {.header = {MESSAGE_VERSION, MESSAGE_READY},
                                     .landlock_abi = (uint32_t)state->landlock_abi,
                                     .seccomp = state->seccomp}};
    return channel_send(CONTROL_FD, &ready);
}

static void fill_loaded(struct worker *worker, int outcome, const struct error *error)
{
    struct message_loaded *loaded = &worker->message.loaded;
    const struct program *program = &worker->program;
    memset(loaded, 0, sizeof *loaded);
    loaded->header = (struct message_header){MESSAGE_VERSION, MESSAGE_LOADED};
    if (outcome < 0) {
        loaded->code = error->code;
        (void)snprintf(loaded->text, sizeof loaded->text, "%.*s", (int)sizeof loaded->text - 1,
                       error->message);
        return;
    }
    const struct engine_signature *signature = program->signature;
    loaded->input_count = signature->input_count;
    loaded->output_count = signature->output_count;
    loaded->image_input = program->image_input;
    loaded->probabilities = program->probabilities;
    loaded->untried = program->untried;
    memcpy(loaded->text, program->reason, sizeof loaded->text);
    loaded->run_ns = program->run_ns;
    loaded->pipeline = program->pipeline;
    memcpy(loaded->left_out, signature->left_out, sizeof loaded->left_out);
}

/* All inputs, then all outputs, in as few messages as they fit in. */
static int send_tensors(struct worker *worker)
{
    const struct engine_signature *signature = worker->program.signature;
    struct message_tensors *told = &worker->message.tensors;
    uint32_t total = signature->input_count + signature->output_count;
    int r = 0;
    for (uint32_t first = 0; first < total && r == 0; first += told->count) {
        told->header = (struct message_header){MESSAGE_VERSION, MESSAGE_TENSORS};
        told->first = first;
        told->count = total - first < MESSAGE_TENSORS_MAX ? total - first : MESSAGE_TENSORS_MAX;
        for (uint32_t i = 0; i < told->count; i++) {
            uint32_t at = first + i;
            uint32_t output = at - signature->input_count;
            told->tensors[i] = at < signature->input_count
                                   ? (struct message_tensor){.info = signature->inputs[at]}
                                   : (struct message_tensor){.info = signature->outputs[output],
                                                             .seen = worker->program.seen[output]};
        }
        r = channel_send(CONTROL_FD, &worker->message);
    }
    return r;
}

static int start_lanes(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->lane_count; i++) {
        int r = lane_start(worker->lanes[i], &worker->program);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int load(struct worker *worker)
{
    struct error error = {0};
    struct message_load request = worker->message.load;
    int outcome = program_load(&worker->program, &request, &error);
    if (outcome == 0 && start_lanes(worker) < 0) {
        outcome = error_memory(&error, "the worker's lanes");
    }
    fill_loaded(worker, outcome, &error);
    bool slow = outcome == 0 && request.cores > 1 && worker->program.run_ns >= request.slow_run_ns;
    worker->message.loaded.all_cores = slow;
    int r = channel_send(CONTROL_FD, &worker->message);
    if (r == 0 && outcome == 0) {
        r = send_tensors(worker);
    }
    if (r == 0 && slow) {
        program_load_all_cores(&worker->program, &request);
    }
    program_release_files(&worker->program);
    return r;
}

static int handle_message(struct worker *worker, int fds[2])
{
    struct error error = {0};
    int r = 0;
    switch (worker->message.header.type) {
    case MESSAGE_LANE:
        if (worker->lane_count == LIMIT_LANES || fds[0] < 0 || fds[1] < 0) {
            return -1;
        }
        r = lane_new(&worker->message.lane, fds[0], fds[1], &worker->lanes[worker->lane_count]);
        worker->lane_count += r == 0;
        return r;
    case MESSAGE_FILE:
        r = fds[0] < 0 ? -1
                       : program_add_file(&worker->program, &worker->message.file, fds[0], &error);
        break;
    case MESSAGE_LOAD:
        return load(worker);
    default:
        return -1;
    }
    if (r < 0) {
        (void)say(error.message);
    }
    return r;
}

static int serve(struct worker *worker)
{
    int fds[2];
    int r = 0;
    while ((r = channel_receive(CONTROL_FD, &worker->message, fds)) > 0) {
        r = handle_message(worker, fds);
        if (r < 0) {
            break;
        }
    }
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int read_options(int argc, char **argv, struct sandbox_options *sandbox,
                        const struct engine_facts **engine)
{
    static const struct option options[] = {
        {"engine", required_argument, NULL, 'e'},
        {"memory", required_argument, NULL, 'm'},
        {"parent", required_argument, NULL, 'p'},
        {NULL, 0, NULL, 0},
    };
    *engine = engine_facts_at(0);
    for (int c = 0;
         (c = getopt_long(argc, argv, "", options, NULL)) != -1;) { // NOLINT(concurrency-mt-unsafe)
        if (c == 'e') {
            *engine = engine_facts_find(optarg);
        } else if (c == 'm') {
            sandbox->memory_bytes = strtoull(optarg, NULL, 10);
        } else if (c == 'p') {
            sandbox->parent = (pid_t)strtol(optarg, NULL, 10);
        } else {
            return -EINVAL;
        }
    }
    return *engine && is_socket(CONTROL_FD) ? 0 : -EINVAL;
}

/* Everything that must be done before the first untrusted byte. */
static int prepare(struct worker *worker, const struct engine_facts *engine,
                   struct sandbox_options *sandbox, struct sandbox_state *ret_state,
                   struct error *error)
{
    if (media_self_test(error) < 0) {
        (void)say(error->message);
    }
    sandbox->system_calls = engine->system_calls;
    worker->program.engine = engine_find(engine->name);
    if (!worker->program.engine) {
        return error_set(error, ERROR_INTERNAL, "situ-worker: no such engine");
    }
    int r = worker->program.engine->open(&worker->program.environment, error);
    return r < 0 ? r : sandbox_enter(sandbox, ret_state, error);
}

int main(int argc, char **argv)
{
    const struct engine_facts *engine = NULL;
    struct sandbox_options sandbox = {.control_fd = CONTROL_FD};
    struct sandbox_state state = {0};
    struct error error = {0};
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker || read_options(argc, argv, &sandbox, &engine) < 0) {
        free(worker);
        return say("situ-worker is started by situd; see situd(8)");
    }
    if (prepare(worker, engine, &sandbox, &state, &error) < 0) {
        free(worker);
        return say(error.message);
    }
    int status = send_ready(&state) < 0 ? EXIT_FAILURE : serve(worker);
    /* Lane threads may be at work: end without destructors. */
    _exit(status);
}
