/* SPDX-License-Identifier: Apache-2.0
 *
 * A package's directory -> struct model_spec: lists the files, reads the JSON ones, finds the model
 * and computes the digest.
 */
#include "model/package.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/digest.h"
#include "model/directory.h"
#include "model/parse.h"

static const struct model_file *find_file(const struct model_spec *spec, const char *path)
{
    for (size_t i = 0; i < spec->file_count; i++) {
        if (strcmp(spec->files[i].path, path) == 0) {
            return &spec->files[i];
        }
    }
    return NULL;
}

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text);
    size_t size = strlen(ending);
    return length > size && strcmp(text + length - size, ending) == 0;
}

/* Reads a JSON file of the root if the package has it. */
static int read_text(int root, const struct model_spec *spec, const char *file,
                     struct buffer *buffer, struct model_text *ret_text, struct error *error)
{
    if (!find_file(spec, file)) {
        return 0;
    }
    int r = directory_read(root, file, LIMIT_CONFIG_BYTES, buffer, error);
    if (r < 0) {
        return r;
    }
    const char *text = buffer_text(buffer);
    if (!text) {
        return error_memory(error, "a model package");
    }
    *ret_text = (struct model_text){text, buffer->size};
    return 0;
}

static int read_json(int root, const char *preset, struct model_spec *spec, struct error *error)
{
    cleanup_buffer struct buffer processor = BUFFER_INIT;
    cleanup_buffer struct buffer config = BUFFER_INIT;
    cleanup_buffer struct buffer situ = BUFFER_INIT;
    cleanup_buffer struct buffer openclip = BUFFER_INIT;
    cleanup_buffer struct buffer preprocess = BUFFER_INIT;
    struct model_texts texts = {0};
    const struct {
        const char *file;
        struct buffer *buffer;
        struct model_text *text;
    } rows[] = {{FILE_PROCESSOR, &processor, &texts.processor},
                {FILE_CONFIG, &config, &texts.config},
                {FILE_SITU, &situ, &texts.situ},
                {FILE_OPENCLIP_CONFIG, &openclip, &texts.openclip_config},
                {FILE_OPENCLIP_PREPROCESS, &preprocess, &texts.openclip_preprocess}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int r = read_text(root, spec, rows[i].file, rows[i].buffer, rows[i].text, error);
        if (r < 0) {
            return r;
        }
    }
    return model_parse(&texts, preset, spec, error);
}

/* Checked before the JSON files: a directory without a model is the wrong one. */
static int check_any_onnx(const struct model_spec *spec, struct error *error)
{
    for (size_t i = 0; i < spec->file_count; i++) {
        if (ends_with(spec->files[i].path, ".onnx")) {
            return 0;
        }
    }
    return error_set(error, ERROR_NOT_FOUND,
                     "the package has no model: looked for model.onnx, onnx/model.onnx and any "
                     "*.onnx among %zu files",
                     spec->file_count);
}

static int find_onnx(struct model_spec *spec, struct error *error)
{
    if (spec->onnx_path) { /* set in situ.json */
        if (!find_file(spec, spec->onnx_path)) {
            return error_set(error, ERROR_NOT_FOUND,
                             "%s: 'onnx' names '%.200s', which the package "
                             "does not have",
                             FILE_SITU, spec->onnx_path);
        }
        return 0;
    }
    static const char *const usual[] = {"model.onnx", "onnx/model.onnx"};
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        if (find_file(spec, usual[i])) {
            return spec_set_text(&spec->onnx_path, usual[i], error);
        }
    }
    const char *found = NULL;
    for (size_t i = 0; i < spec->file_count; i++) {
        const char *path = spec->files[i].path;
        if (!ends_with(path, ".onnx")) {
            continue;
        }
        if (found) {
            return error_set(error, ERROR_MALFORMED,
                             "the package has several models ('%.80s', '%.80s') and none is named "
                             "model.onnx; name one in %s: {\"onnx\": \"%.80s\"}",
                             found, path, FILE_SITU, found);
        }
        found = path;
    }
    if (!found) {
        return check_any_onnx(spec, error);
    }
    return spec_set_text(&spec->onnx_path, found, error);
}

/* External tensor data is in the model's directory or below it. */
static void mark_data(struct model_spec *spec, const char *onnx)
{
    static const char *const others[] = {".onnx", ".json", ".txt", ".md"};
    const char *slash = strrchr(onnx, '/');
    size_t prefix = slash ? (size_t)(slash + 1 - onnx) : 0;
    for (size_t i = 0; i < spec->file_count; i++) {
        struct model_file *file = &spec->files[i];
        bool data = strncmp(file->path, onnx, prefix) == 0 && strcmp(file->path, onnx) != 0;
        for (size_t j = 0; data && j < sizeof others / sizeof others[0]; j++) {
            data = !ends_with(file->path, others[j]);
        }
        file->data_path = data ? file->path + prefix : NULL;
    }
}

/* All of the specification except the digest. */
static int read_model(int root, const char *preset, struct model_spec *spec, struct error *error)
{
    int r = directory_list(root, spec, error);
    if (r < 0) {
        return r;
    }
    r = check_any_onnx(spec, error);
    if (r < 0) {
        return r;
    }
    r = read_json(root, preset, spec, error);
    return r < 0 ? r : find_onnx(spec, error);
}

static void cleanup_spec_function(struct model_spec **spec)
{
    model_spec_free(*spec);
}
#define cleanup_spec __attribute__((cleanup(cleanup_spec_function)))

int model_package_read(const char *path, const char *preset, struct model_spec **ret_spec,
                       struct error *error)
{
    cleanup_fd int root = -1;
    cleanup_spec struct model_spec *spec = calloc(1, sizeof *spec);
    if (!spec) {
        return error_memory(error, "a model package");
    }
    int r = directory_open(path, &root, error);
    if (r < 0) {
        return r;
    }
    r = read_model(root, preset, spec, error);
    if (r < 0) {
        return r;
    }
    if (!spec->onnx_path) {
        return error_set(error, ERROR_INTERNAL, "a model was found and lost again");
    }
    mark_data(spec, spec->onnx_path);
    r = digest_files(root, spec, spec->digest, error);
    if (r < 0) {
        return r;
    }
    *ret_spec = take_ptr(spec);
    return 0;
}

int model_package_digest(const char *path, const struct model_spec *spec,
                         uint8_t ret_digest[MODEL_DIGEST_SIZE], struct error *error)
{
    cleanup_fd int root = -1;
    int r = directory_open(path, &root, error);
    return r < 0 ? r : digest_files(root, spec, ret_digest, error);
}

int model_package_open(const char *path, const char *file, int *ret_fd, struct error *error)
{
    cleanup_fd int root = -1;
    uint64_t size = 0;
    int r = directory_open(path, &root, error);
    return r < 0 ? r : directory_open_file(root, file, ret_fd, &size, error);
}
