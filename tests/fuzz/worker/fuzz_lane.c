/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker's side with any message on a lane's socket and the null engine. The first bytes fill
 * the shared buffer, so that images and tensors are accepted, too.
 */
#include "worker/lane.c"

#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { AREA = 1 << 16, HEAD = 256 };

/* One program for all inputs: `{"null engine", 8 x 8 images}`. */
static struct program *make_program(void)
{
    static struct program program;
    static const char text[] = "sleep 0\n";
    struct engine_source source = {.model = {"model.onnx", text, sizeof text - 1}};
    struct error error = {0};
    if (program.engine) {
        return &program;
    }
    program.engine = &engine_null;
    if (program.engine->open(&program.environment, &error) < 0 ||
        program.engine->load(program.environment, &source, 1, &program.model, &error) < 0) {
        abort();
    }
    program.signature = program.engine->signature(program.model);
    program.has_pipeline = true;
    program.pipeline = (struct pipeline){
        .resize = RESIZE_EXACT, .resize_height = 8, .resize_width = 8, .datatype = DATATYPE_FP32};
    program.image_shape = (struct tensor_shape){4, {1, 3, 8, 8}};
    program.image_bytes = 3 * 8 * 8 * sizeof(float);
    return &program;
}

static void check_answer(int socket)
{
    union message answer;
    struct error error = {0};
    ssize_t size = recv(socket, &answer, sizeof answer, MSG_DONTWAIT);
    if (size <= 0) {
        return; /* the lane ended: the message was malformed */
    }
    if (message_check(&answer, (size_t)size, &error) < 0 ||
        message_check_tensors(answer.done.outputs, answer.done.output_count, LIMIT_MODEL_TENSORS,
                              AREA, &error) < 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *memory = aligned_alloc(TENSOR_ALIGNMENT, 2 * AREA);
    struct lane *lane = calloc(1, sizeof *lane);
    int pair[2];
    if (!memory || !lane || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        abort();
    }
    memset(memory, 0, 2 * AREA);
    size_t head = size < HEAD ? size : HEAD;
    memcpy(memory, data, head);
    lane->cpu = -1;
    lane->socket = pair[0];
    lane->input = memory;
    lane->output = memory + AREA;
    lane->input_bytes = lane->output_bytes = AREA;
    lane->program = make_program();
    lane->tensor = aligned_alloc(TENSOR_ALIGNMENT, lane->program->image_bytes);
    if (!lane->tensor || media_new(&lane->media) < 0) {
        abort();
    }
    if (send(pair[1], data + head, size - head, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 ||
        size - head > 100000) {
        (void)shutdown(pair[1], SHUT_WR);
        (void)lane_main(lane);
        check_answer(pair[1]);
    }
    media_free(lane->media);
    free(lane->tensor);
    free(lane);
    free(memory);
    (void)close(pair[0]);
    (void)close(pair[1]);
    return 0;
}
