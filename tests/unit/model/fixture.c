/* SPDX-License-Identifier: Apache-2.0
 *
 * Temporary packages and comparisons.
 */
#include "fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void package_make(struct package *package)
{
    (void)snprintf(package->path, sizeof package->path, "/tmp/situ-model-XXXXXX");
    assert_non_null(mkdtemp(package->path));
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

void package_remove(struct package *package)
{
    assert_int_equal(nftw(package->path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void package_path(const struct package *package, const char *name, char path[256])
{
    int length = snprintf(path, 256, "%s/%s", package->path, name);
    assert_in_range(length, 1, 255);
}

void package_write(const struct package *package, const char *name, const char *text)
{
    package_write_bytes(package, name, text, strlen(text));
}

void package_write_bytes(const struct package *package, const char *name, const char *bytes,
                         size_t size)
{
    char path[256];
    package_path(package, name, path);
    for (char *slash = strchr(path + strlen(package->path) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

int package_read_texts(const char *processor, const char *config, const char *preset,
                       struct model_spec **ret_spec, struct error *error)
{
    struct package package;
    package_make(&package);
    package_write(&package, "model.onnx", "not looked into");
    if (processor) {
        package_write(&package, "preprocessor_config.json", processor);
    }
    if (config) {
        package_write(&package, "config.json", config);
    }
    *ret_spec = NULL;
    int r = model_package_read(package.path, preset, ret_spec, error);
    package_remove(&package);
    return r;
}

static void assert_numbers(const char *field, double actual, double expected)
{
    if (actual != expected) {
        fail_msg("%s is %.17g, not %.17g", field, actual, expected);
    }
}
#define SAME(field) assert_numbers(#field, (double)actual->field, (double)expected->field)

void assert_pipelines_equal(const struct pipeline *actual, const struct pipeline *expected)
{
    SAME(decode);
    SAME(exif_transpose);
    SAME(resize);
    if (expected->resize != RESIZE_NONE) {
        SAME(resample);
        SAME(resize_height);
    }
    if (expected->resize == RESIZE_EXACT) {
        SAME(resize_width);
    }
    SAME(center_crop);
    if (expected->center_crop) {
        SAME(crop_rounding);
        SAME(crop_height);
        SAME(crop_width);
    }
    SAME(pad);
    for (int c = 0; c < 3; c++) {
        SAME(pad_value[c]);
    }
    SAME(rescale);
    if (expected->rescale) {
        SAME(rescale_factor);
        SAME(rescale_offset);
    }
    SAME(normalize);
    SAME(normalize_twice);
    for (int c = 0; expected->normalize && c < 3; c++) {
        SAME(mean[c]);
        SAME(std[c]);
    }
    SAME(flip_channels);
    SAME(layout);
    SAME(datatype);
}

bool spec_has_note(const struct model_spec *spec, const char *text)
{
    for (size_t i = 0; i < spec->note_count; i++) {
        if (strstr(spec->notes[i], text)) {
            return true;
        }
    }
    return false;
}

void assert_message(const struct error *error, enum error_code code, const char *text)
{
    if (error->code != code || !strstr(error->message, text)) {
        fail_msg("expected %s with '%s', got %s: %s", error_code_name(code), text,
                 error_code_name(error->code), error->message);
    }
}
