/* SPDX-License-Identifier: Apache-2.0
 *
 * situd's side with a worker that sends anything: the input's bytes are the datagrams that wait on
 * the control and lane sockets when situd reads them. The file under test is included, to reach its
 * parts without a process.
 */
#include "infer/worker_process.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No process is started here. */
int spawner_start(struct spawner *spawner, const struct spawner_command *command, pid_t *ret_pid)
{
    (void)spawner;
    (void)command;
    (void)ret_pid;
    return -ENOSYS;
}

int model_package_open(const char *path, const char *file, int *ret_fd, struct error *error)
{
    (void)path;
    (void)file;
    (void)ret_fd;
    return error_set(error, ERROR_NOT_FOUND, "no package here");
}

/* Of the shape [rest of the input: length in two bytes, bytes]. */
static size_t send_piece(int fd, const uint8_t *data, size_t size)
{
    if (size < 2) {
        return size;
    }
    size_t length = (size_t)data[0] | (size_t)data[1] << 8;
    length = length < size - 2 ? length : size - 2;
    if (send(fd, data + 2, length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        return size;
    }
    return length + 2;
}

static void check_outputs(const struct message_done *done, const char *output)
{
    unsigned sum = 0;
    uint64_t total = 0;
    for (uint32_t i = 0; i < done->output_count; i++) {
        const struct tensor_ref *ref = &done->outputs[i];
        total += ref->size_bytes;
        if (ref->size_bytes > 0) { /* the ends show whether it is inside */
            sum += (unsigned char)output[ref->offset];
            sum += (unsigned char)output[ref->offset + ref->size_bytes - 1];
        }
    }
    if (total > LIMIT_LANE_OUTPUT_BYTES || done->code != ERROR_NONE || sum != 0) {
        abort();
    }
}

static void run_once(struct worker_process *worker, enum run_kind kind)
{
    struct message_run run = {.kind = kind, .outputs = tensor_set_of(0)};
    if (kind != RUN_THUMBNAIL) {
        tensor_set_add(&run.outputs, 2);
    }
    const struct message_done *done = NULL;
    const char *output = NULL;
    struct error error = {0};
    int r = worker_process_run(worker, 0, &run, &done, &output, &error);
    if (r == 0) {
        check_outputs(done, output);
        if (kind == RUN_THUMBNAIL &&
            (done->output_count != 1 || done->outputs[0].size_bytes > LIMIT_THUMBNAIL_BYTES)) {
            abort();
        }
    } else if (error.code == ERROR_NONE || !memchr(error.message, '\0', sizeof error.message)) {
        abort();
    }
}

/* As make_lane() makes it, except for the buffer: the first one is reused, because mapping 128 MiB
 * each time takes most of the time under the sanitizer. */
static int open_lane(struct worker_lane *lane)
{
    static char *memory;
    struct timeval limit = {.tv_usec = 1000};
    int pair[2];
    if (!memory) {
        void *mapped = mmap(NULL, buffer_bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        memory = mapped == MAP_FAILED ? NULL : mapped;
    }
    if (!memory || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        return -errno;
    }
    lane->memory = memory;
    lane->memory_fd = -1;
    lane->socket = pair[0];
    lane->far_socket = pair[1];
    return setsockopt(lane->socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct pipeline pipeline = {0};
    struct worker_config config = {
        .engine = engine_facts_find("null"), .lane_count = 1, .load_ms = 1000, .object_ms = 1};
    struct worker_process *worker = calloc(1, sizeof *worker + sizeof worker->lanes[0]);
    int control[2];
    int log[2];
    struct error error = {0};
    log_set_level(LOG_LEVEL_ERROR);
    if (!worker || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0 ||
        pipe2(log, O_CLOEXEC | O_NONBLOCK) < 0 || open_lane(&worker->lanes[0]) < 0) {
        abort();
    }
    worker->pid = -1;
    atomic_store(&worker->killed, true); /* there is no process to wait for */
    worker->config = &config;
    worker->control = control[0];
    worker->log = log[0];
    size_t used = send_piece(control[1], data, size);
    used += send_piece(control[1], data + used, size - used);
    if (size > used) {
        (void)shutdown(control[1], SHUT_WR);
        union message message = {0};
        if (wait_message(worker, clock_now_ns() + NS_PER_S, MESSAGE_LOADED, &message, &error) ==
            0) {
            take_facts(worker, &pipeline, &message.loaded);
            int r = take_tensors(worker, clock_now_ns() + NS_PER_S, &message, &error);
            (void)r; /* everything is used below */
        }
    }
    worker->facts.output_count = worker->facts.output_count ? worker->facts.output_count : 3;
    used += send_piece(worker->lanes[0].far_socket, data + used, size - used);
    (void)send_piece(worker->lanes[0].far_socket, data + used, size - used);
    (void)shutdown(worker->lanes[0].far_socket, SHUT_WR);
    run_once(worker, RUN_IMAGE);
    run_once(worker, RUN_THUMBNAIL);
    (void)close(control[1]);
    (void)close(log[1]);
    worker->lanes[0].memory = NULL;
    worker_process_free(worker);
    return 0;
}
