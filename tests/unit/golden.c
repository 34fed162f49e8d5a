/* SPDX-License-Identifier: Apache-2.0
 *
 * See golden.h. GOLDEN_DIRECTORY is tests/golden, given by Meson.
 */
#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BYTES_A_LINE = 32 };

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fail_msg("%s is missing: SITU_GOLDEN_WRITE=1 makes it", path);
    }
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    size_t size = fread(text, 1, (1 << 20) - 1, file);
    assert_true(feof(file) && size > 0);
    (void)fclose(file);
    return text;
}

void golden_check_text(const char *name, const char *text, size_t size)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", GOLDEN_DIRECTORY, name);
    if (getenv("SITU_GOLDEN_WRITE")) { // NOLINT(concurrency-mt-unsafe): one thread
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(text, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
    }
    char *wanted = read_text(path);
    if (strlen(wanted) != size || memcmp(wanted, text, size) != 0) {
        print_error("%s: wanted\n%s\ngot\n%.*s\n", name, wanted, (int)size, text);
        fail();
    }
    free(wanted);
}

void golden_check_bytes(const char *name, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    size_t room = size * 2 + size / BYTES_A_LINE + 3;
    char *text = malloc(room);
    assert_non_null(text);
    char *end = text;
    for (size_t i = 0; i < size; i++) {
        bool last = i + 1 == size || (i + 1) % BYTES_A_LINE == 0;
        end += snprintf(end, room - (size_t)(end - text), "%02x%s", from[i], last ? "\n" : "");
    }
    golden_check_text(name, text, (size_t)(end - text));
    free(text);
}
