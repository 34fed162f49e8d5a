/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker process from situd's side. Shared buffers are memfds sealed against shrinking, so that a
 * worker cannot remove pages that the daemon has mapped.
 */
#include "infer/worker_process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "infer/spawner.h"

enum {
    LOG_LINE_SIZE = 1024,
    LOG_LINES_MAX = 1000, /* of one worker; what it writes beyond that is dropped */
    POLL_MS = 250,
    END_WAIT_MS = 100,
    SEND_SECONDS = 5,       /* a worker that accepts no message for so long hangs */
    LAST_MESSAGES_MAX = 64, /* looked at when a worker ends */
};

struct worker_lane {
    int socket;     /* owned; our end */
    int far_socket; /* owned until handed over */
    int memory_fd;  /* owned */
    char *memory;   /* owned mapping */
    uint64_t sequence;
    union message answer;
};

struct worker_process {
    pid_t pid;
    int control; /* owned */
    int log;     /* owned; read end of the worker's stderr */
    char model[LIMIT_MODEL_NAME + 1];
    const struct worker_config *config; /* borrowed; outlives all workers */
    const atomic_bool *abandoned;       /* borrowed for the start, as its model is */
    struct worker_facts facts;
    atomic_bool killed;              /* by us */
    atomic_bool killed_from_outside; /* by a signal that an administrator or the kernel sent */
    char log_line[LOG_LINE_SIZE];
    size_t log_used;
    unsigned log_lines;
    char violation[64];
    struct worker_lane lanes[];
};

static const size_t buffer_bytes = LIMIT_LANE_INPUT_BYTES + LIMIT_LANE_OUTPUT_BYTES;

static int system_error(struct error *error, const char *what)
{
    char text[64];
    return error_set(error, ERROR_UNAVAILABLE, "cannot start a worker: %s: %s", what,
                     error_text(errno, text, sizeof text));
}

static int make_lane(struct worker_lane *lane, int64_t object_ms, struct error *error)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        return system_error(error, "socketpair");
    }
    lane->socket = pair[0];
    lane->far_socket = pair[1];
    struct timeval limit = {.tv_sec = object_ms / 1000, .tv_usec = object_ms % 1000 * 1000};
    if (setsockopt(lane->socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0) {
        return system_error(error, "SO_RCVTIMEO");
    }
    lane->memory_fd = memfd_create("situ-lane", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (lane->memory_fd < 0 || ftruncate(lane->memory_fd, (off_t)buffer_bytes) < 0 ||
        fcntl(lane->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        return system_error(error, "memfd");
    }
    void *memory = mmap(NULL, buffer_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, lane->memory_fd, 0);
    if (memory == MAP_FAILED) {
        return system_error(error, "mmap");
    }
    lane->memory = memory;
    return 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

static void log_worker_line(struct worker_process *worker)
{
    if (worker->log_used > 0 && worker->log_lines++ < LOG_LINES_MAX) {
        char quoted[LOG_LINE_SIZE + 64];
        worker->log_line[worker->log_used] = '\0';
        log_event(LOG_LEVEL_WARNING, "worker_says", "model=%s pid=%d text=%s", worker->model,
                  (int)worker->pid, log_quote(quoted, sizeof quoted, worker->log_line));
    }
    worker->log_used = 0;
}

/* False at the pipe's end: the worker closed it, or is gone. */
static bool drain_log(struct worker_process *worker)
{
    char piece[512];
    for (int reads = 0; reads < 64; reads++) { /* limited: a worker may write endlessly */
        ssize_t size = read(worker->log, piece, sizeof piece);
        if (size <= 0) {
            return size < 0;
        }
        for (ssize_t i = 0; i < size; i++) {
            if (piece[i] == '\n' || worker->log_used == sizeof worker->log_line - 1) {
                log_worker_line(worker);
            }
            if (piece[i] != '\n') {
                worker->log_line[worker->log_used++] = piece[i];
            }
        }
    }
    return true;
}

/* Signals that a fault of the process itself raises. Any other was sent by another process: the
 * sandbox permits a worker none. */
static bool is_of_a_fault(int number)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        if (faults[i] == number) {
            return true;
        }
    }
    return false;
}

/* Finds out how the worker ended. Its sockets close just before waitid() can see its end; a worker
 * that closed them and goes on is not waited for long. The zombie is left for reap(). */
static void note_end(struct worker_process *worker)
{
    struct timespec pause = {.tv_nsec = NS_PER_MS};
    for (int i = 0; i < END_WAIT_MS && !atomic_load(&worker->killed); i++) {
        siginfo_t info = {0};
        if (waitid(P_PID, (id_t)worker->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            info.si_pid != 0) {
            bool signalled = info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED;
            if (signalled && !is_of_a_fault(info.si_status) && !atomic_load(&worker->killed)) {
                atomic_store(&worker->killed_from_outside, true);
            }
            return;
        }
        (void)nanosleep(&pause, NULL);
    }
}

/* The error for a worker that ended during its start. Before it is ready it has seen nothing of the
 * model. A signal that no fault raises comes from an administrator, or, if SIGKILL, from the kernel
 * when memory is short. */
static int ended_early(struct worker_process *worker, bool ready, struct error *error)
{
    if (worker->violation[0]) {
        return error_set(error, ERROR_UNFIT,
                         "the model made its worker call %s, which the sandbox forbids",
                         worker->violation);
    }
    note_end(worker);
    if (atomic_load(&worker->killed_from_outside)) {
        return error_set(error, ERROR_UNAVAILABLE,
                         "the worker was killed while it was started (by somebody, or because "
                         "memory is short)");
    }
    if (!ready) {
        return error_set(error, ERROR_UNAVAILABLE,
                         "the worker ended before it was given the model; situd's log has what it "
                         "said");
    }
    return error_set(error, ERROR_WORKER_CRASHED,
                     "the worker ended while it loaded the model (out of the memory it may use, or "
                     "a broken model)");
}

static int send_message(struct worker_process *worker, const union message *message, const int *fds,
                        size_t fd_count, struct error *error)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control = {0};
    struct iovec vector = {.iov_base = (void *)(uintptr_t)message,
                           .iov_len = message_size(message)};
    struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
    if (fd_count > 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&header);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
    }
    if (sendmsg(worker->control, &header, MSG_NOSIGNAL) < 0) {
        return ended_early(worker, true, error);
    }
    return 0;
}

/* Takes one message from the control socket: 1, 0 at its end, or -EAGAIN; keeps a violation's name.
 */
static int read_control(struct worker_process *worker, union message *message)
{
    ssize_t size = recv(worker->control, message, sizeof *message, MSG_DONTWAIT);
    if (size < 0) {
        return errno == EAGAIN || errno == EINTR ? -EAGAIN : 0;
    }
    struct error ignored;
    if (size == 0 || message_check(message, (size_t)size, &ignored) < 0) {
        return 0;
    }
    if (message->header.type == MESSAGE_VIOLATION) {
        (void)snprintf(worker->violation, sizeof worker->violation, "%s", message->violation.name);
        utf8_clean(worker->violation);
        return 0;
    }
    return 1;
}

static int wait_message(struct worker_process *worker, int64_t deadline_ns, uint32_t type,
                        union message *message, struct error *error)
{
    bool has_log = true;
    for (;;) {
        /* A closed log would wake poll() endlessly. */
        struct pollfd fds[2] = {{.fd = worker->control, .events = POLLIN},
                                {.fd = has_log ? worker->log : -1, .events = POLLIN}};
        int64_t left_ms = (deadline_ns - clock_now_ns()) / NS_PER_MS;
        if (left_ms <= 0) {
            return error_set(error, ERROR_DEADLINE,
                             "the worker took longer than %" PRId64 " s to load the model",
                             worker->config->load_ms / 1000);
        }
        if (worker->config->stop && atomic_load(worker->config->stop)) {
            return error_set(error, ERROR_UNAVAILABLE, "situd is stopping");
        }
        if (worker->abandoned && atomic_load(worker->abandoned)) {
            return error_set(error, ERROR_CANCELLED, "nobody waits for it any more");
        }
        if (poll(fds, 2, left_ms < POLL_MS ? (int)left_ms : POLL_MS) < 0 && errno != EINTR) {
            return system_error(error, "poll");
        }
        has_log = has_log && drain_log(worker);
        int r = fds[0].revents ? read_control(worker, message) : -EAGAIN;
        if (r == 0 || (r > 0 && message->header.type != type)) {
            return ended_early(worker, type != MESSAGE_READY, error);
        }
        if (r > 0) {
            return 0;
        }
    }
}

static int hand_over_lanes(struct worker_process *worker, struct error *error)
{
    for (uint32_t i = 0; i < worker->config->lane_count; i++) {
        struct worker_lane *lane = &worker->lanes[i];
        union message message = {.lane = {.header = {MESSAGE_VERSION, MESSAGE_LANE},
                                          .index = i,
                                          .cpu = worker->config->lane_cpus[i],
                                          .input_bytes = LIMIT_LANE_INPUT_BYTES,
                                          .output_bytes = LIMIT_LANE_OUTPUT_BYTES}};
        int fds[2] = {lane->far_socket, lane->memory_fd};
        int r = send_message(worker, &message, fds, 2, error);
        if (r < 0) {
            return r;
        }
        close_fd(&lane->far_socket);
    }
    return 0;
}

static int hand_over_file(struct worker_process *worker, const char *package_path, const char *file,
                          const char *name, struct error *error)
{
    cleanup_fd int fd = -1;
    struct stat status;
    struct error cause = {0};
    if (model_package_open(package_path, file, &fd, &cause) < 0) {
        if (!strstr(cause.message, package_path)) {
            return error_set(error, cause.code, "%s", cause.message);
        }
        if (worker->abandoned && atomic_load(worker->abandoned)) {
            return error_set(error, ERROR_CANCELLED, "nobody waits for it any more");
        }
        log_event(LOG_LEVEL_ERROR, "package_gone", "model=%s path=%s", worker->model, package_path);
        return error_set(error, cause.code,
                         "the package's directory cannot be opened any more; the log has where it "
                         "was");
    }
    if (fstat(fd, &status) < 0) {
        return system_error(error, file);
    }
    union message message = {.file = {.header = {MESSAGE_VERSION, MESSAGE_FILE},
                                      .size_bytes = (uint64_t)status.st_size,
                                      .is_model = name == NULL}};
    const char *told = name ? name : strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
    if (strlen(told) >= sizeof message.file.path) {
        return error_set(error, ERROR_TOO_LARGE, "%.200s: the name is too long", file);
    }
    memcpy(message.file.path, told, strlen(told) + 1);
    return send_message(worker, &message, &fd, 1, error);
}

static int hand_over_files(struct worker_process *worker, const char *package_path,
                           const struct model_spec *spec, struct error *error)
{
    int r = hand_over_file(worker, package_path, spec->onnx_path, NULL, error);
    for (size_t i = 0; i < spec->file_count && r == 0; i++) {
        const struct model_file *file = &spec->files[i];
        if (file->data_path) {
            r = hand_over_file(worker, package_path, file->path, file->data_path, error);
        }
    }
    return r;
}

/* A duration that the worker reports, limited to what is possible. */
static int64_t within(int64_t duration_ns, int64_t limit_ms)
{
    int64_t limit_ns = limit_ms * NS_PER_MS;
    if (duration_ns < 0) {
        return 0;
    }
    return duration_ns < limit_ns ? duration_ns : limit_ns;
}

/* Of the pipeline, only what the model decides is taken from the worker. */
static void take_facts(struct worker_process *worker, const struct pipeline *pipeline,
                       const struct message_loaded *loaded)
{
    struct worker_facts *facts = &worker->facts;
    facts->all_cores = loaded->all_cores != 0;
    facts->run_ns = within(loaded->run_ns, worker->config->load_ms);
    facts->probabilities = loaded->probabilities;
    facts->untried = loaded->untried != 0;
    memcpy(facts->untried_reason, loaded->text, sizeof facts->untried_reason);
    utf8_clean(facts->untried_reason);
    memcpy(facts->left_out, loaded->left_out, sizeof facts->left_out);
    utf8_clean(facts->left_out);
    facts->pipeline = *pipeline;
    facts->pipeline.layout = loaded->pipeline.layout;
    facts->pipeline.datatype = loaded->pipeline.datatype;
}

static int make_room(struct worker_facts *facts, uint32_t inputs, uint32_t outputs,
                     struct error *error)
{
    facts->inputs = calloc((size_t)inputs + 1, sizeof *facts->inputs);
    facts->outputs = calloc((size_t)outputs + 1, sizeof *facts->outputs);
    facts->seen = calloc((size_t)outputs + 1, sizeof *facts->seen);
    if (!facts->inputs || !facts->outputs || !facts->seen) {
        return error_memory(error, NULL);
    }
    facts->input_count = inputs;
    facts->output_count = outputs;
    return 0;
}

/* Copies one message's tensors after the first `have`. */
static void keep_tensors(struct worker_facts *facts, const struct message_tensors *message,
                         uint32_t have)
{
    for (uint32_t i = 0; i < message->count; i++, have++) {
        if (have < facts->input_count) {
            facts->inputs[have] = message->tensors[i].info;
        } else {
            facts->outputs[have - facts->input_count] = message->tensors[i].info;
            facts->seen[have - facts->input_count] = message->tensors[i].seen;
        }
    }
}

/* The inputs and outputs, as many as LOADED says; each message continues the one before. */
static int take_tensors(struct worker_process *worker, int64_t deadline_ns, union message *message,
                        struct error *error)
{
    struct worker_facts *facts = &worker->facts;
    const struct message_tensors *tensors = &message->tensors;
    int r = make_room(facts, message->loaded.input_count, message->loaded.output_count, error);
    if (r < 0) {
        return r;
    }
    uint32_t total = facts->input_count + facts->output_count;
    for (uint32_t have = 0; have < total; have += tensors->count) {
        r = wait_message(worker, deadline_ns, MESSAGE_TENSORS, message, error);
        if (r < 0) {
            return r;
        }
        if (tensors->first != have || tensors->count > total - have) {
            return ended_early(worker, true, error);
        }
        keep_tensors(facts, tensors, have);
    }
    return 0;
}

static int check_sandbox(struct worker_process *worker, const struct message_ready *ready,
                         struct error *error)
{
    worker->facts.landlock_abi = ready->landlock_abi;
    worker->facts.seccomp = ready->seccomp != 0;
    if (worker->config->require_sandbox && (!ready->seccomp || ready->landlock_abi == 0)) {
        return error_set(error, ERROR_UNAVAILABLE,
                         "this kernel lacks %s, and --require-sandbox is given",
                         ready->seccomp ? "Landlock" : "seccomp");
    }
    return 0;
}

/* After the files: has the model loaded, and takes the facts that the worker reports. */
static int load_model(struct worker_process *worker, const struct model_spec *spec,
                      int64_t deadline_ns, union message *message, struct error *error)
{
    const struct worker_config *config = worker->config;
    memset(message, 0, sizeof *message);
    message->load = (struct message_load){.header = {MESSAGE_VERSION, MESSAGE_LOAD},
                                          .has_pipeline = spec->task != MODEL_TENSOR,
                                          .cores = config->engine->all_cores ? config->cores : 1,
                                          .slow_run_ns = config->slow_run_ns,
                                          .pipeline = spec->pipeline};
    int r = send_message(worker, message, NULL, 0, error);
    if (r < 0) {
        return r;
    }
    r = wait_message(worker, deadline_ns, MESSAGE_LOADED, message, error);
    if (r < 0) {
        return r;
    }
    struct message_loaded *loaded = &message->loaded;
    if (loaded->code != ERROR_NONE) {
        utf8_clean(loaded->text);
        return error_set(error, (enum error_code)loaded->code, "%s", loaded->text);
    }
    take_facts(worker, &spec->pipeline, loaded);
    return take_tensors(worker, deadline_ns, message, error);
}

static int converse(struct worker_process *worker, const struct worker_package *package,
                    struct error *error)
{
    int64_t deadline_ns = clock_now_ns() + worker->config->load_ms * NS_PER_MS;
    union message message = {0};
    int r = wait_message(worker, deadline_ns, MESSAGE_READY, &message, error);
    if (r < 0) {
        return r;
    }
    r = check_sandbox(worker, &message.ready, error);
    if (r < 0) {
        return r;
    }
    r = hand_over_lanes(worker, error);
    if (r < 0) {
        return r;
    }
    r = hand_over_files(worker, package->path, package->spec, error);
    return r < 0 ? r : load_model(worker, package->spec, deadline_ns, &message, error);
}

/* Address space: what the engine takes for the model, and for each lane its buffer, a stack and a
 * malloc arena. */
static uint64_t memory_limit(const struct worker_config *config, const struct model_spec *spec)
{
    uint64_t lane_bytes = buffer_bytes + 8 * MIB + 128 * MIB;
    return config->memory_bytes > 0 ? config->memory_bytes
                                    : engine_facts_memory(config->engine, spec->size_bytes,
                                                          config->lane_count * lane_bytes);
}

/* The control sockets, and a pipe for the worker's stderr. */
static int open_channels(struct worker_process *worker, int *ret_far_control, int *ret_far_log,
                         struct error *error)
{
    int pair[2];
    int pipe_ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        return system_error(error, "socketpair");
    }
    worker->control = pair[0];
    *ret_far_control = pair[1];
    struct timeval limit = {.tv_sec = SEND_SECONDS};
    if (setsockopt(worker->control, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0) {
        return system_error(error, "SO_SNDTIMEO");
    }
    if (pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        return system_error(error, "pipe");
    }
    worker->log = pipe_ends[0];
    *ret_far_log = pipe_ends[1];
    return 0;
}

static int spawn(struct worker_process *worker, struct spawner *spawner,
                 const struct model_spec *spec, struct error *error)
{
    const struct worker_config *config = worker->config;
    cleanup_fd int far_control = -1;
    cleanup_fd int far_log = -1;
    int r = open_channels(worker, &far_control, &far_log, error);
    if (r < 0) {
        return r;
    }
    char memory[32];
    char parent[32];
    (void)snprintf(memory, sizeof memory, "%" PRIu64, memory_limit(config, spec));
    (void)snprintf(parent, sizeof parent, "%d", (int)getpid());
    const char *const arguments[] = {config->path, "--engine", config->engine->name,
                                     "--memory",   memory,     "--parent",
                                     parent,       NULL};
    const char *const *given = config->engine->environment;
    const char *const environment[] = {"LC_ALL=C", given[0], given[1], given[2], NULL};
    const struct spawner_command command = {arguments, environment, far_control, far_log};
    r = spawner_start(spawner, &command, &worker->pid);
    if (r < 0) {
        worker->pid = -1;
        errno = -r;
        return system_error(error, config->path);
    }
    return 0;
}

static int start(struct worker_process *worker, struct spawner *spawner,
                 const struct worker_package *package, struct error *error)
{
    for (uint32_t i = 0; i < worker->config->lane_count; i++) {
        int r = make_lane(&worker->lanes[i], worker->config->object_ms, error);
        if (r < 0) {
            return r;
        }
    }
    int r = spawn(worker, spawner, package->spec, error);
    return r < 0 ? r : converse(worker, package, error);
}

int worker_process_start(struct spawner *spawner, const struct worker_config *config,
                         const struct worker_package *package, struct worker_process **ret_worker,
                         struct error *error)
{
    struct worker_process *worker =
        calloc(1, sizeof *worker + config->lane_count * sizeof worker->lanes[0]);
    if (!worker) {
        return error_memory(error, NULL);
    }
    worker->pid = -1;
    worker->control = worker->log = -1;
    worker->config = config;
    worker->abandoned = package->abandoned;
    (void)snprintf(worker->model, sizeof worker->model, "%s", package->name);
    for (uint32_t i = 0; i < config->lane_count; i++) {
        worker->lanes[i].socket = worker->lanes[i].far_socket = worker->lanes[i].memory_fd = -1;
    }
    int r = start(worker, spawner, package, error);
    if (r < 0) {
        worker_process_free(worker);
        return r;
    }
    *ret_worker = worker;
    return 0;
}

void worker_process_kill(struct worker_process *worker)
{
    if (worker->pid > 0 && !atomic_exchange(&worker->killed, true)) {
        (void)kill(worker->pid, SIGKILL); /* not reaped yet: the id is still ours */
    }
}

static void reap(struct worker_process *worker)
{
    union message message;
    int last = 0; /* limited: it may send endlessly */
    while (worker->control >= 0 && last < LAST_MESSAGES_MAX && read_control(worker, &message) > 0) {
        last++;
    }
    bool by_us = atomic_load(&worker->killed);
    worker_process_kill(worker);
    int status = 0;
    while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR) {
    }
    (void)drain_log(worker);
    log_worker_line(worker);
    if (!worker->violation[0] && WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
        (void)snprintf(worker->violation, sizeof worker->violation, "unknown");
    }
    if (worker->violation[0]) {
        log_event(LOG_LEVEL_ERROR, "sandbox_violation", "model=%s pid=%d syscall=%s", worker->model,
                  (int)worker->pid, worker->violation);
    }
    log_event(LOG_LEVEL_INFO, "worker_ended", "model=%s pid=%d %s=%d killed=%d", worker->model,
              (int)worker->pid, WIFSIGNALED(status) ? "signal" : "status",
              WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), by_us);
}

void worker_process_free(struct worker_process *worker)
{
    if (!worker) {
        return;
    }
    if (worker->pid > 0) {
        reap(worker);
    }
    worker_facts_done(&worker->facts);
    close_fd(&worker->control);
    close_fd(&worker->log);
    for (uint32_t i = 0; i < worker->config->lane_count; i++) {
        struct worker_lane *lane = &worker->lanes[i];
        if (lane->memory) {
            (void)munmap(lane->memory, buffer_bytes);
        }
        close_fd(&lane->socket);
        close_fd(&lane->far_socket);
        close_fd(&lane->memory_fd);
    }
    free(worker);
}

bool worker_process_watch(struct worker_process *worker)
{
    (void)drain_log(worker);
    union message message;
    return read_control(worker, &message) == -EAGAIN;
}

const struct worker_facts *worker_process_facts(const struct worker_process *worker)
{
    return &worker->facts;
}

pid_t worker_process_pid(const struct worker_process *worker)
{
    return worker->pid;
}

bool worker_process_was_killed(const struct worker_process *worker)
{
    return atomic_load(&worker->killed_from_outside);
}

uint64_t worker_process_memory(const struct worker_process *worker)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)worker->pid);
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[4096];
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (size <= 0) {
        return 0;
    }
    text[size] = '\0';
    const char *line = strstr(text, "RssAnon:");
    return line ? strtoull(line + strlen("RssAnon:"), NULL, 10) * 1024 : 0;
}

void *worker_process_input(struct worker_process *worker, uint32_t lane)
{
    return worker->lanes[lane].memory;
}

static int lost(struct worker_process *worker, struct error *error)
{
    note_end(worker);
    worker_process_kill(worker);
    return error_set(error, ERROR_WORKER_CRASHED, "the worker ended while it had this object");
}

/* Each requested output at most once, and no more bytes than there is room for: outputs are copied,
 * and an answer that names the same bytes many times would take memory without limit. */
static bool outputs_ok(const struct worker_process *worker, const struct message_run *run,
                       const struct message_done *done)
{
    struct error ignored;
    struct tensor_set wanted = run->outputs;
    uint64_t total = 0;
    if (run->kind == RUN_THUMBNAIL) {
        return done->code != ERROR_NONE ||
               message_check_thumbnail(done, LIMIT_LANE_OUTPUT_BYTES, &ignored) == 0;
    }
    if (message_check_tensors(done->outputs, done->output_count, worker->facts.output_count,
                              LIMIT_LANE_OUTPUT_BYTES, &ignored) < 0) {
        return false;
    }
    for (uint32_t i = 0; i < done->output_count; i++) {
        if (!tensor_set_has(&wanted, done->outputs[i].index)) {
            return false;
        }
        tensor_set_remove(&wanted, done->outputs[i].index);
        total += done->outputs[i].size_bytes;
    }
    return total <= LIMIT_LANE_OUTPUT_BYTES;
}

/* Errors that a worker may report of an object; situd itself reports the others. */
static bool is_objects_fault(uint32_t code)
{
    return code == ERROR_UNDECODABLE || code == ERROR_UNFIT || code == ERROR_TOO_LARGE ||
           code == ERROR_MALFORMED || code == ERROR_MEMORY || code == ERROR_INTERNAL;
}

int worker_process_run(struct worker_process *worker, uint32_t lane_index, struct message_run *run,
                       const struct message_done **ret_done, const char **ret_output,
                       struct error *error)
{
    struct worker_lane *lane = &worker->lanes[lane_index];
    run->header = (struct message_header){MESSAGE_VERSION, MESSAGE_RUN};
    run->sequence = ++lane->sequence;
    size_t length = offsetof(struct message_run, inputs) + run->input_count * sizeof run->inputs[0];
    if (send(lane->socket, run, length, MSG_NOSIGNAL) < 0) {
        return lost(worker, error);
    }
    ssize_t size = 0;
    do {
        size = recv(lane->socket, &lane->answer, sizeof lane->answer, 0);
    } while (size < 0 && errno == EINTR);
    if (size < 0 && errno == EAGAIN) {
        worker_process_kill(worker);
        return error_set(error, ERROR_DEADLINE, "no answer from the model within %" PRId64 " ms",
                         worker->config->object_ms);
    }
    struct message_done *done = &lane->answer.done;
    struct error ignored;
    if (size <= 0 || message_check(&lane->answer, (size_t)size, &ignored) < 0 ||
        lane->answer.header.type != MESSAGE_DONE || done->sequence != run->sequence ||
        !outputs_ok(worker, run, done) ||
        (done->code != ERROR_NONE && !is_objects_fault(done->code))) {
        return lost(worker, error);
    }
    done->decode_ns = within(done->decode_ns, worker->config->object_ms);
    done->run_ns = within(done->run_ns, worker->config->object_ms);
    *ret_done = done;
    if (done->code != ERROR_NONE) {
        utf8_clean(done->text);
        return error_set(error, (enum error_code)done->code, "%s", done->text);
    }
    *ret_output = lane->memory + LIMIT_LANE_INPUT_BYTES;
    return 0;
}

static void punch(int fd, uint64_t start, uint64_t used)
{
    if (used > LIMIT_LANE_RESIDENT_BYTES) {
        (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                        (off_t)(start + LIMIT_LANE_RESIDENT_BYTES),
                        (off_t)(used - LIMIT_LANE_RESIDENT_BYTES));
    }
}

void worker_process_trim(struct worker_process *worker, uint32_t lane, uint64_t input_used,
                         uint64_t output_used)
{
    punch(worker->lanes[lane].memory_fd, 0, input_used);
    punch(worker->lanes[lane].memory_fd, LIMIT_LANE_INPUT_BYTES, output_used);
}
