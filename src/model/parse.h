/* SPDX-License-Identifier: Apache-2.0
 *
 * Parses the texts of a package's JSON files. Private to src/model (and its tests and fuzz
 * targets): pure functions, no files. Any thread.
 */
#ifndef SITU_MODEL_PARSE_H
#define SITU_MODEL_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "model/fields.h"
#include "model/package.h"

#define FILE_PROCESSOR "preprocessor_config.json"
#define FILE_CONFIG "config.json"
#define FILE_SITU "situ.json"
#define FILE_OPENCLIP_CONFIG "open_clip_config.json"
#define FILE_OPENCLIP_PREPROCESS "preprocess_cfg.json"

struct model_text {
    const char *text; /* borrowed; NULL if the package has no such file */
    size_t size;
};

struct model_texts {
    struct model_text processor;           /* preprocessor_config.json */
    struct model_text config;              /* config.json */
    struct model_text situ;                /* situ.json */
    struct model_text openclip_config;     /* open_clip_config.json */
    struct model_text openclip_preprocess; /* preprocess_cfg.json */
};

/* Fills task, family, pipeline, softmax, labels, notes and, if situ.json has it, onnx_path of a
 * zeroed spec. After an error, too, the caller owns what was filled. */
must_check int model_parse(const struct model_texts *texts, const char *preset,
                           struct model_spec *spec, struct error *error);

/* The parts. Each fills what its file has; `spec` also takes the notes. */
must_check int hf_processor_parse(const struct fields *processor, const struct json *config,
                                  struct model_spec *spec, struct error *error);
/* Fills task and labels. `stated` is a task that overrides the file's (-1: none), `fallback` one
 * for a file without a task (-1: that is an error). */
must_check int hf_config_parse(const struct json *config, int stated, int fallback,
                               struct model_spec *spec, struct error *error);

bool timm_config_is(const struct json *config);
must_check int timm_parse(const struct fields *config, bool test_size, struct model_spec *spec,
                          struct error *error);

must_check int openclip_parse(const struct fields *openclip, struct model_spec *spec,
                              struct error *error);

struct preset {
    const char *name;
    enum model_task task;
    struct pipeline pipeline;
};
/* The preset of that name, or ERROR_MALFORMED with a list of all presets. */
must_check int preset_find(const char *name, const struct preset **ret_preset, struct error *error);

/* The options in situ.json. Strings are borrowed from the tree. */
struct situ_options {
    const char *preset;
    const char *onnx;
    int decode;         /* enum decode_mode; -1 if not set, as below */
    int task;           /* enum model_task */
    int softmax;        /* 0 or 1 */
    int exif_transpose; /* 0 or 1 */
    bool test_size;     /* timm: test_input_size and test_crop_pct instead of the training ones */
};
must_check int situ_options_parse(const struct fields *situ, struct situ_options *ret_options,
                                  struct error *error);

/* In spec.c: notes and strings of a spec. */
must_check int spec_note(struct model_spec *spec, struct error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
must_check int spec_set_text(char **field, const char *text, struct error *error);
/* Allocates `count` labels, all NULL; ERROR_TOO_LARGE above LIMIT_LABELS. */
must_check int spec_labels_reserve(struct model_spec *spec, size_t count, const char *file,
                                   struct error *error);
must_check int spec_label_set(struct model_spec *spec, size_t index, const char *text,
                              const char *file, struct error *error);
/* Sets "LABEL_i" for each label that is still NULL. */
must_check int spec_labels_fill(struct model_spec *spec, struct error *error);

/* Whether this is a valid path of a file in a package: relative, no empty, `.` or `..` component,
 * no control byte, shorter than PACKAGE_PATH_SIZE. */
enum { PACKAGE_PATH_SIZE = 1024 };
bool package_path_ok(const char *path);

#endif
