/* SPDX-License-Identifier: Apache-2.0
 *
 * Model packages: a directory -> struct model_spec. Reads the JSON files of Hugging Face, timm and
 * OpenCLIP and finds the ONNX file and its external data files. Never reads the content of the ONNX
 * file; the worker does this in its sandbox. Any thread; a finished spec is constant.
 */
#ifndef SITU_MODEL_PACKAGE_H
#define SITU_MODEL_PACKAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/limits.h"
#include "wire/pipeline.h"

/* A task is the index of its kind of answers in answer_kinds (data/answer.h). These are the ones
 * that code refers to by name; their differences are in the tables of the kinds. */
enum model_task {
    MODEL_IMAGE_CLASSIFICATION,
    MODEL_FEATURE_EXTRACTION,
    MODEL_TENSOR, /* named tensors in, named tensors out; no pipeline */
};

enum { MODEL_DIGEST_SIZE = 32, MODEL_DIGEST_HEX = 65 };

struct model_file {
    char *path; /* owned; relative to the package, '/' separated */
    uint64_t size_bytes;
    /* Borrowed, the end of `path`: the name relative to the .onnx file's directory if this file may
     * hold external tensor data of the model; NULL for .onnx files, for JSON and text, and for
     * files elsewhere. */
    const char *data_path;
};

struct model_spec {
    enum model_task task;
    char *family;             /* owned; "ViTImageProcessor", "timm", "preset imagenet"... */
    struct pipeline pipeline; /* layout and datatype preliminary: NCHW, FP32 */
    /* The softmax: 1 yes, 0 no, -1 to decide by the output (whether it sums to 1). */
    int apply_softmax;
    bool normalize_embedding; /* L2 */

    char **labels; /* owned, each owned; label_count of them, by class index; NULL: unknown */
    size_t label_count;

    char *onnx_path;          /* owned; the model file, relative to the package */
    struct model_file *files; /* owned; every file of the package, sorted by path */
    size_t file_count;
    uint64_t size_bytes;               /* of all files */
    uint8_t digest[MODEL_DIGEST_SIZE]; /* SHA-256 over every file's path, size and content */
    char **notes; /* owned, each owned: facts from a table, not from the files */
    size_t note_count;
};

/* Reads the package in directory `path`. A directory with one .onnx and no JSON needs a `preset`
 * ("imagenet", "clip", "siglip", ...; NULL for none). situ.json in a package stores the preset (and
 * options such as "decode": "fast") of a package that was added with one:
 *
 *   {"preset": "imagenet", "task": "feature-extraction", "softmax": true, "decode": "fast",
 *    "exif_transpose": true, "onnx": "onnx/model_fp16.onnx", "use_test_input_size": true}
 *
 * Every field is optional; they override the package's other files. Names that begin with a dot
 * (.git, .gitattributes, .cache) are not part of a package. Everything else that is neither a
 * regular file nor a directory is refused, as are symbolic links, unless they point to a regular
 * file beneath the package. The model is `model.onnx`, otherwise `onnx/model.onnx`, otherwise the
 * only *.onnx. Errors name the file and field: ERROR_MALFORMED, ERROR_UNFIT (an unknown field that
 * would change the numbers), ERROR_NOT_FOUND (no .onnx, and what was searched), ERROR_TOO_LARGE. */
must_check int model_package_read(const char *path, const char *preset,
                                  struct model_spec **ret_spec, struct error *error);
void model_spec_free(struct model_spec *spec); /* NULL is fine */

/* Computes only the digest, for a file list as in struct model_spec, from the files in `path`. */
must_check int model_package_digest(const char *path, const struct model_spec *spec,
                                    uint8_t ret_digest[MODEL_DIGEST_SIZE], struct error *error);

/* Opens a file of the package in directory `path` for reading, by the same rules; `file` is a path
 * as in struct model_file. */
must_check int model_package_open(const char *path, const char *file, int *ret_fd,
                                  struct error *error);

void model_digest_hex(const uint8_t digest[MODEL_DIGEST_SIZE], char ret_hex[MODEL_DIGEST_HEX]);

const char *model_task_name(enum model_task task); /* "image-classification"... */

#endif
