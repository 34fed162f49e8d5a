/* SPDX-License-Identifier: Apache-2.0
 *
 * A situ-worker that lies: situd gets it in place of the real one. The "model" is a word that says
 * how. It shares only the message structs with the program under test.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "wire/message.h"

enum { CONTROL_FD = 3, CLASSES = 4 };

struct lane {
    int socket;
    char *output;
};

struct worker {
    char mode[64];
    uint32_t lane_count;
    struct lane lanes[LIMIT_LANES];
    union message message;
    unsigned seed;
};

static void die(const char *what)
{
    (void)fprintf(stderr, "hostile worker: %s: %d\n", what, errno);
    _exit(2);
}

static bool mode_is(const struct worker *worker, const char *mode)
{
    return strcmp(worker->mode, mode) == 0;
}

static void send_bytes(int fd, const void *bytes, size_t size)
{
    if (send(fd, bytes, size, MSG_NOSIGNAL) < 0) {
        _exit(0); /* situd has closed the connection */
    }
}

static void pause_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&time, NULL);
}

static unsigned next_random(struct worker *worker)
{
    worker->seed = worker->seed * 1103515245u + 12345u;
    return worker->seed >> 8;
}

static void receive(struct worker *worker, int fds[2])
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control;
    struct iovec vector = {.iov_base = &worker->message, .iov_len = sizeof worker->message};
    struct msghdr header = {.msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    if (recvmsg(CONTROL_FD, &header, 0) <= 0) {
        _exit(0);
    }
    struct cmsghdr *c = CMSG_FIRSTHDR(&header);
    if (c) {
        memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
    }
}

static void take_lane(struct worker *worker, const int fds[2])
{
    const struct message_lane *message = &worker->message.lane;
    struct lane *lane = &worker->lanes[worker->lane_count++];
    void *memory = mmap(NULL, message->input_bytes + message->output_bytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED, fds[1], 0);
    if (memory == MAP_FAILED) {
        die("mmap");
    }
    lane->socket = fds[0];
    lane->output = (char *)memory + message->input_bytes;
}

static void talk_without_end(void)
{
    struct timespec until;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 2;
    do {
        for (int i = 0; i < 1000; i++) {
            ssize_t ignored = write(STDERR_FILENO, "chatter\n", 8);
            (void)ignored;
        }
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec < until.tv_sec);
}

static void send_tensors(struct worker *worker)
{
    static union message message;
    struct message_tensors *told = &message.tensors;
    told->header = (struct message_header){MESSAGE_VERSION, MESSAGE_TENSORS};
    told->count = mode_is(worker, "no_outputs") ? 1 : 3;
    told->tensors[0].info = (struct tensor_info){"pixel_values", DATATYPE_FP32, {4, {-1, 3, 8, 8}}};
    told->tensors[1].info = (struct tensor_info){"logits", DATATYPE_FP32, {2, {-1, CLASSES}}};
    told->tensors[1].seen = (struct tensor_shape){2, {1, CLASSES}};
    told->tensors[2].info = (struct tensor_info){"other", DATATYPE_FP32, {2, {-1, CLASSES}}};
    if (mode_is(worker, "rank")) {
        told->tensors[1].info.shape.rank = 99;
    } else if (mode_is(worker, "name")) {
        memset(told->tensors[1].info.name, 'x', sizeof told->tensors[1].info.name);
    } else if (mode_is(worker, "bytes_in_names")) {
        (void)snprintf(told->tensors[2].info.name, sizeof told->tensors[2].info.name,
                       "\xc3\xa9\"\n\x01");
    } else if (mode_is(worker, "raw_name")) {
        (void)snprintf(told->tensors[2].info.name, sizeof told->tensors[2].info.name, "\xff");
    } else if (mode_is(worker, "seen")) {
        told->tensors[1].seen = (struct tensor_shape){2, {1, -1}};
    } else if (mode_is(worker, "more_tensors")) {
        told->count = 4;
    } else if (mode_is(worker, "first_tensor_late")) {
        told->first = 1;
        told->count = 2;
    }
    send_bytes(CONTROL_FD, &message, message_size(&message));
}

static void send_loaded(struct worker *worker)
{
    struct message_load request = worker->message.load;
    struct message_loaded *loaded = &worker->message.loaded;
    memset(loaded, 0, sizeof *loaded);
    loaded->header = (struct message_header){MESSAGE_VERSION, MESSAGE_LOADED};
    loaded->input_count = 1;
    loaded->output_count = mode_is(worker, "no_outputs") ? 0 : 2;
    loaded->run_ns = INT64_MAX;
    loaded->pipeline = request.pipeline;
    if (mode_is(worker, "bytes_in_names")) {
        memset(&loaded->pipeline, 0xfe, sizeof loaded->pipeline);
    } else if (mode_is(worker, "count")) {
        loaded->output_count = 0x7fffffff;
    } else if (mode_is(worker, "closed_log")) {
        (void)close(STDERR_FILENO);
        pause_ms(2000);
    } else if (mode_is(worker, "chatter")) {
        talk_without_end();
    }
    send_bytes(CONTROL_FD, loaded, sizeof *loaded);
    send_tensors(worker);
}

/* A JPEG, judged by its size. */
static void describe_thumbnail(const struct worker *worker, struct tensor_ref *ref)
{
    uint64_t size = 64;
    if (mode_is(worker, "large")) {
        size = LIMIT_THUMBNAIL_BYTES + 1;
    } else if (mode_is(worker, "empty")) {
        size = 0;
    }
    *ref = (struct tensor_ref){
        .datatype = DATATYPE_UINT8, .shape = {1, {(int64_t)size}}, .size_bytes = size};
    if (mode_is(worker, "rank_two")) {
        ref->shape = (struct tensor_shape){2, {8, 8}};
    } else if (mode_is(worker, "float")) {
        ref->datatype = DATATYPE_FP32;
        ref->shape.dims[0] /= (int64_t)sizeof(float);
    }
}

/* Fields of an answer, changed at random. */
static void scramble(struct worker *worker, struct message_done *done, size_t *size)
{
    unsigned char *bytes = (unsigned char *)done;
    done->output_count = next_random(worker) % 4;
    *size = message_size((union message *)(void *)done);
    for (unsigned i = next_random(worker) % 4; i > 0; i--) {
        bytes[next_random(worker) % *size] = (unsigned char)next_random(worker);
    }
    *size = next_random(worker) % 8 == 0 ? next_random(worker) % (*size + 1) : *size;
}

static void answer(struct worker *worker, struct lane *lane)
{
    static union message message;
    struct message_run *run = &message.run;
    if (recv(lane->socket, &message, sizeof message, 0) <= 0) {
        _exit(0);
    }
    static union message reply;
    struct message_done *done = &reply.done;
    memset(&reply, 0, sizeof reply);
    done->header = (struct message_header){MESSAGE_VERSION, MESSAGE_DONE};
    done->sequence = run->sequence + mode_is(worker, "sequence");
    done->decode_ns = done->run_ns = INT64_MAX;
    done->output_count = 1;
    for (uint32_t i = 0; i < LIMIT_MODEL_TENSORS; i++) {
        done->outputs[i] = (struct tensor_ref){.datatype = DATATYPE_FP32,
                                               .shape = {2, {1, CLASSES}},
                                               .size_bytes = CLASSES * sizeof(float)};
    }
    if (run->kind == RUN_THUMBNAIL) {
        describe_thumbnail(worker, &done->outputs[0]);
    }
    if (mode_is(worker, "duplicate")) {
        done->output_count = LIMIT_MODEL_TENSORS;
        for (uint32_t i = 0; i < LIMIT_MODEL_TENSORS; i++) {
            done->outputs[i].shape = (struct tensor_shape){2, {1, LIMIT_LANE_OUTPUT_BYTES / 4}};
            done->outputs[i].size_bytes = LIMIT_LANE_OUTPUT_BYTES;
        }
    } else if (mode_is(worker, "outside")) {
        done->outputs[0].offset = LIMIT_LANE_OUTPUT_BYTES - 4;
    } else if (mode_is(worker, "wraps")) {
        done->outputs[0].offset = UINT64_MAX - 8;
    } else if (mode_is(worker, "unasked")) {
        done->outputs[0].index = 1;
    } else if (mode_is(worker, "own_word")) {
        done->code = ERROR_UNAUTHORIZED;
    } else if (mode_is(worker, "endless_text")) {
        done->code = ERROR_UNFIT;
        memset(done->text, 0xff, sizeof done->text);
    } else if (mode_is(worker, "odd_text")) {
        done->code = ERROR_UNFIT;
        (void)snprintf(done->text, sizeof done->text, "\xff\"\n%%s%%n");
    } else if (mode_is(worker, "huge_dims")) {
        done->outputs[0].shape = (struct tensor_shape){2, {(INT64_C(1) << 60) - 1, 0}};
        done->outputs[0].size_bytes = 0;
    } else if (mode_is(worker, "no_outputs")) {
        done->output_count = 0;
    }
    size_t size = mode_is(worker, "short") ? 3 : message_size(&reply);
    if (mode_is(worker, "random")) {
        scramble(worker, done, &size);
    }
    send_bytes(lane->socket, done, size);
    while (mode_is(worker, "control")) { /* without end */
        union message ready = {.ready = {.header = {MESSAGE_VERSION, MESSAGE_READY}}};
        send_bytes(CONTROL_FD, &ready, sizeof ready.ready);
    }
}

static void serve(struct worker *worker)
{
    struct pollfd fds[LIMIT_LANES + 1];
    for (;;) {
        for (uint32_t i = 0; i < worker->lane_count; i++) {
            fds[i] = (struct pollfd){.fd = worker->lanes[i].socket, .events = POLLIN};
        }
        fds[worker->lane_count] = (struct pollfd){.fd = CONTROL_FD, .events = POLLIN};
        if (poll(fds, worker->lane_count + 1, -1) < 0 || fds[worker->lane_count].revents) {
            _exit(0);
        }
        for (uint32_t i = 0; i < worker->lane_count; i++) {
            if (fds[i].revents) {
                answer(worker, &worker->lanes[i]);
            }
        }
    }
}

int main(void)
{
    struct worker *worker = calloc(1, sizeof *worker);
    union message ready = {.ready = {.header = {MESSAGE_VERSION, MESSAGE_READY}, .seccomp = 1}};
    if (!worker) {
        return EXIT_FAILURE;
    }
    worker->seed = (unsigned)getpid();
    send_bytes(CONTROL_FD, &ready, sizeof ready.ready);
    for (;;) {
        int fds[2] = {-1, -1};
        receive(worker, fds);
        if (worker->message.header.type == MESSAGE_LANE) {
            take_lane(worker, fds);
        } else if (worker->message.header.type == MESSAGE_FILE) {
            if (read(fds[0], worker->mode, sizeof worker->mode - 1) < 0) {
                die("read");
            }
        } else if (worker->message.header.type == MESSAGE_LOAD) {
            send_loaded(worker);
            serve(worker);
        }
    }
}
