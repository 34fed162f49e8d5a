/* SPDX-License-Identifier: Apache-2.0
 *
 * Packages for the tests of src/model: a temporary directory that is filled file by file and
 * removed again, and a comparison of pipelines that names the field that differs.
 */
#ifndef SITU_TESTS_MODEL_FIXTURE_H
#define SITU_TESTS_MODEL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/package.h"

struct package {
    char path[64];
};

void package_make(struct package *package);
void package_remove(struct package *package);
/* Directories in the name are created. */
void package_write(const struct package *package, const char *name, const char *text);
void package_write_bytes(const struct package *package, const char *name, const char *bytes,
                         size_t size);
/* The full path of one of its files. */
void package_path(const struct package *package, const char *name, char path[256]);

/* A package of a model.onnx and these files (NULL: not there), read with a preset (or NULL). */
int package_read_texts(const char *processor, const char *config, const char *preset,
                       struct model_spec **ret_spec, struct error *error);

void assert_pipelines_equal(const struct pipeline *actual, const struct pipeline *expected);

/* True if one of the notes has the text. */
bool spec_has_note(const struct model_spec *spec, const char *text);

/* Fails, and shows the message, if it does not have the text. */
void assert_message(const struct error *error, enum error_code code, const char *text);

#endif
