/* SPDX-License-Identifier: Apache-2.0
 *
 * Every form of the inner loops of resampling and normalising gives the bytes of the plain C one.
 * Needs only the inner loops and their tables, so it can be built for another processor, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random_axes.h"

enum { LOOKUP_MOST = 200 };

static uint8_t *random_bytes(uint64_t *state, size_t size)
{
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++) {
        uint32_t kind = next_random(state);
        bytes[i] = kind % 4 == 0 ? (kind & 16 ? 255 : 0) : (uint8_t)(kind >> 8);
    }
    return bytes;
}

/* Weights that no filter has, to test carries between their parts and clipping. */
static void randomize_weights(struct coefficients *c, uint64_t *state, bool wide)
{
    for (uint32_t i = 0; i < c->axis.count; i++) {
        for (uint32_t k = 0; k < c->used[i]; k++) {
            int32_t range = wide ? 1 << 26 : (1 << 23) - (1 << 16);
            int32_t weight = (int32_t)random_below(state, (uint32_t)range);
            c->weights[(size_t)i * c->taps + k] = next_random(state) & 1 ? weight : -weight;
        }
    }
    c->wide = wide;
    c->copies = false;
}

/* The buffer ends where the padding ends, so that a sanitizer detects any longer read. */
static void compare_rows(const struct kernels *kernels, struct coefficients *c, uint64_t *state)
{
    size_t pixels_size = (size_t)(c->window_end - c->window_first) * 3 + KERNEL_ROW_PADDING;
    size_t plane = kernels_round_up(c->axis.count, KERNEL_GROUP);
    uint8_t *pixels = random_bytes(state, pixels_size);
    uint8_t *expected = calloc(3, plane), *found = calloc(3, plane);
    assert_non_null(expected);
    assert_non_null(found);
    assert_int_equal(kernels_prepare_rows(kernels, c), 0);
    kernels_c.rows(c, pixels, expected, plane);
    kernels->rows(c, pixels, found, plane);
    for (size_t colour = 0; colour < 3; colour++) {
        assert_memory_equal(found + colour * plane, expected + colour * plane, c->axis.count);
    }
    free(pixels);
    free(expected);
    free(found);
}

static void compare_columns(const struct kernels *kernels, struct coefficients *c, uint64_t *state)
{
    size_t size = KERNEL_BLOCK * (1 + random_below(state, 4));
    uint32_t total = c->window_end - c->window_first;
    uint8_t *image = random_bytes(state, total * size);
    uint8_t *expected = malloc(size), *found = malloc(size);
    const uint8_t **rows = calloc(c->taps + 4, sizeof(*rows));
    assert_non_null(expected);
    assert_non_null(found);
    assert_non_null(rows);
    assert_int_equal(kernels_prepare_columns(kernels, c), 0);
    for (uint32_t i = 0; i < c->axis.count; i += 1 + c->axis.count / 8) {
        for (uint32_t k = 0; k < kernels_round_up(c->used[i], 4); k++) {
            rows[k] = image + (size_t)(c->start[i] + (k < c->used[i] ? k : 0)) * size;
        }
        kernels_c.columns(c, i, rows, expected, size);
        kernels->columns(c, i, rows, found, size);
        assert_memory_equal(found, expected, size);
    }
    free(image);
    free(expected);
    free(found);
    free(rows);
}

static void every_form_resamples_as_plain_c(void **unused)
{
    (void)unused;
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = select_form(isas[isa]);
        if (!kernels) {
            print_message("this CPU or build has no %s\n", isas[isa]);
            continue;
        }
        uint64_t state = 11;
        for (int i = 0; i < ROUNDS; i++) {
            struct axis axis = random_axis(&state);
            struct coefficients *c = make(&axis);
            if (i % 3 != 0) {
                randomize_weights(c, &state, i % 3 == 2);
            }
            compare_rows(kernels, c, &state);
            compare_columns(kernels, c, &state);
            coefficients_free(c);
        }
    }
}

static void make_byte_table(struct byte_table *table, unsigned element_size, uint64_t *state)
{
    memset(table, 0, sizeof(*table));
    table->element_size = element_size;
    uint8_t *elements = (uint8_t *)&table->elements;
    for (unsigned byte = 0; byte < 256; byte++) {
        for (unsigned i = 0; i < element_size; i++) {
            table->bytes[i][byte] = (uint8_t)next_random(state);
            elements[byte * element_size + i] = table->bytes[i][byte];
        }
    }
}

static void compare_lookup(const struct kernels *kernels, const struct byte_table *table,
                           size_t count, uint64_t *state)
{
    uint8_t expected[LOOKUP_MOST * 4 + 1], found[LOOKUP_MOST * 4 + 1];
    uint8_t *bytes = random_bytes(state, count + 1);
    memset(expected, 0x5a, sizeof(expected));
    memset(found, 0x5a, sizeof(found));
    for (size_t i = 0; i < count; i++) {
        memcpy(expected + i * table->element_size,
               (const uint8_t *)&table->elements + bytes[i] * table->element_size,
               table->element_size);
    }
    kernels->lookup(table, bytes, found, count);
    assert_memory_equal(found, expected, sizeof(found)); /* nothing after the last element */
    free(bytes);
}

static void every_form_looks_up_all_sizes(void **unused)
{
    (void)unused;
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = select_form(isas[isa]);
        uint64_t state = 12;
        for (unsigned size = 1; kernels && size <= 4; size *= 2) {
            struct byte_table table;
            make_byte_table(&table, size, &state);
            for (size_t count = 0; count < LOOKUP_MOST; count++) {
                compare_lookup(kernels, &table, count, &state);
            }
        }
    }
}

static void an_unknown_form_is_refused(void **unused)
{
    (void)unused;
    assert_true(media_select_isa("mmx") < 0);
    assert_int_equal(media_select_isa("c"), 0);
    assert_string_equal(media_isa(), "c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_resamples_as_plain_c),
        cmocka_unit_test(every_form_looks_up_all_sizes),
        cmocka_unit_test(an_unknown_form_is_refused),
    };
    return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
