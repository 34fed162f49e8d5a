/* SPDX-License-Identifier: Apache-2.0
 *
 * bare_onnxruntime DIRECTORY...: runs DIRECTORY/model.onnx on the tensors of DIRECTORY/inputs with
 * ONNX Runtime only, and writes DIRECTORY/outputs, with which situd's answers are compared. Each
 * runs in a process of its own, for at most 20 seconds; errors go into DIRECTORY/error. A file is a
 * sequence of tensors: the name's length (u32) and bytes, the type as ONNX numbers it (u32; 0: no
 * tensor, and nothing follows), the rank (u32), dimensions (i64), the size (u64) and the data;
 * strings each after their length (u32).
 */
#include <onnxruntime_c_api.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TENSORS_MAX = 256, RANK_MAX = 16, SECONDS = 20, NAME_SIZE = 256 };

static const OrtApi *api;

/* Ends the process. */
static void check(OrtStatus *status)
{
    if (status) {
        (void)fprintf(stderr, "%s\n", api->GetErrorMessage(status));
        (void)fflush(stderr);
        _exit(EXIT_FAILURE);
    }
}

static void *room(size_t size)
{
    void *memory = malloc(size ? size : 1);
    if (!memory) {
        _exit(EXIT_FAILURE);
    }
    return memory;
}

static bool take(FILE *file, void *to, size_t size)
{
    return fread(to, 1, size, file) == size;
}

static OrtValue *read_strings(FILE *file, const int64_t *dims, uint32_t rank)
{
    OrtAllocator *allocator = NULL;
    OrtValue *value = NULL;
    OrtTensorTypeAndShapeInfo *info = NULL;
    size_t count = 0;
    check(api->GetAllocatorWithDefaultOptions(&allocator));
    check(api->CreateTensorAsOrtValue(allocator, dims, rank, ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING,
                                      &value));
    check(api->GetTensorTypeAndShape(value, &info));
    check(api->GetTensorShapeElementCount(info, &count));
    api->ReleaseTensorTypeAndShapeInfo(info);
    for (size_t i = 0; i < count; i++) {
        uint32_t length = 0;
        char *buffer = NULL;
        if (!take(file, &length, sizeof length)) {
            _exit(EXIT_FAILURE);
        }
        check(api->GetResizedStringTensorElementBuffer(value, i, length, &buffer));
        if (!take(file, buffer, length)) {
            _exit(EXIT_FAILURE);
        }
    }
    return value;
}

/* False at the end of the file. */
static bool read_tensor(FILE *file, OrtMemoryInfo *memory, char name[NAME_SIZE],
                        OrtValue **ret_value)
{
    uint32_t length = 0;
    uint32_t type = 0;
    uint32_t rank = 0;
    uint64_t size = 0;
    int64_t dims[RANK_MAX] = {0};
    if (!take(file, &length, sizeof length) || length >= NAME_SIZE || !take(file, name, length)) {
        return false;
    }
    name[length] = '\0';
    if (!take(file, &type, sizeof type) || !take(file, &rank, sizeof rank) || rank > RANK_MAX ||
        !take(file, dims, rank * sizeof dims[0]) || !take(file, &size, sizeof size)) {
        return false;
    }
    if (type == ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING) {
        *ret_value = read_strings(file, dims, rank);
        return true;
    }
    void *data = room(size);
    if (!take(file, data, size)) {
        return false;
    }
    check(api->CreateTensorWithDataAsOrtValue(memory, data, size, dims, rank,
                                              (ONNXTensorElementDataType)type, ret_value));
    return true;
}

static void write_strings(FILE *file, const OrtValue *value, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = 0;
        check(api->GetStringTensorElementLength(value, i, &length));
        char *text = room(length);
        uint32_t told = (uint32_t)length;
        check(api->GetStringTensorElement(value, length, i, text));
        (void)fwrite(&told, sizeof told, 1, file);
        (void)fwrite(text, 1, length, file);
        free(text);
    }
}

static size_t element_size(ONNXTensorElementDataType type)
{
    static const size_t sizes[] = {0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8, 8, 16, 2};
    return (size_t)type < sizeof sizes / sizeof sizes[0] ? sizes[type] : 1;
}

static void write_tensor(FILE *file, const char *name, OrtValue *value)
{
    uint32_t length = (uint32_t)strlen(name);
    uint32_t type = 0;
    size_t rank = 0;
    size_t count = 0;
    int64_t dims[RANK_MAX] = {0};
    int is_tensor = 0;
    ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    OrtTensorTypeAndShapeInfo *info = NULL;
    (void)fwrite(&length, sizeof length, 1, file);
    (void)fwrite(name, 1, length, file);
    check(api->IsTensor(value, &is_tensor));
    if (!is_tensor) {
        (void)fwrite(&type, sizeof type, 1, file);
        return;
    }
    check(api->GetTensorTypeAndShape(value, &info));
    check(api->GetTensorElementType(info, &element));
    check(api->GetDimensionsCount(info, &rank));
    check(api->GetDimensions(info, dims, rank < RANK_MAX ? rank : RANK_MAX));
    check(api->GetTensorShapeElementCount(info, &count));
    type = element;
    uint32_t told_rank = (uint32_t)rank;
    uint64_t size = count * element_size(element);
    (void)fwrite(&type, sizeof type, 1, file);
    (void)fwrite(&told_rank, sizeof told_rank, 1, file);
    (void)fwrite(dims, sizeof dims[0], rank, file);
    (void)fwrite(&size, sizeof size, 1, file);
    if (element == ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING) {
        write_strings(file, value, count);
        return;
    }
    void *data = NULL;
    check(api->GetTensorMutableData(value, &data));
    (void)fwrite(data, 1, size, file);
}

static void run(const char *directory)
{
    OrtEnv *env = NULL;
    OrtSessionOptions *options = NULL;
    OrtSession *session = NULL;
    OrtMemoryInfo *memory = NULL;
    OrtAllocator *allocator = NULL;
    static char names[TENSORS_MAX][NAME_SIZE];
    const char *input_names[TENSORS_MAX];
    char *output_names[TENSORS_MAX];
    OrtValue *inputs[TENSORS_MAX] = {0};
    OrtValue *outputs[TENSORS_MAX] = {0};
    size_t input_count = 0;
    size_t output_count = 0;
    if (chdir(directory) < 0 || !freopen("error", "w", stderr)) {
        _exit(EXIT_FAILURE);
    }
    (void)alarm(SECONDS);
    check(api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "bare", &env));
    check(api->CreateSessionOptions(&options));
    check(api->SetIntraOpNumThreads(options, 1));
    check(api->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &memory));
    check(api->CreateSession(env, "model.onnx", options, &session));
    check(api->GetAllocatorWithDefaultOptions(&allocator));
    FILE *file = fopen("inputs", "rb");
    while (file && input_count < TENSORS_MAX &&
           read_tensor(file, memory, names[input_count], &inputs[input_count])) {
        input_names[input_count] = names[input_count];
        input_count++;
    }
    check(api->SessionGetOutputCount(session, &output_count));
    if (output_count > TENSORS_MAX) {
        _exit(EXIT_FAILURE);
    }
    for (size_t i = 0; i < output_count; i++) {
        check(api->SessionGetOutputName(session, i, allocator, &output_names[i]));
    }
    check(api->Run(session, NULL, input_names, (const OrtValue *const *)inputs, input_count,
                   (const char *const *)output_names, output_count, outputs));
    FILE *result = fopen("outputs", "wb");
    for (size_t i = 0; result && i < output_count; i++) {
        write_tensor(result, output_names[i], outputs[i]);
    }
    _exit(result && fclose(result) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    api = OrtGetApiBase()->GetApi(18);
    if (!api) {
        return EXIT_FAILURE;
    }
    for (int i = 1; i < argc; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            run(argv[i]);
        }
        if (child < 0 || waitpid(child, &status, 0) < 0) {
            return EXIT_FAILURE;
        }
        (void)printf("%s %d\n", argv[i], status);
        (void)fflush(stdout);
    }
    return EXIT_SUCCESS;
}
