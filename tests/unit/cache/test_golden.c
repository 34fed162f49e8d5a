/* SPDX-License-Identifier: Apache-2.0
 *
 * The payloads of the result cache, byte for byte: a cache of an older version is read by a newer
 * one, and the other way round.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../golden.h"
#include "cache/content.h"

static void check(const char *name, const struct answer *answer)
{
    cleanup_buffer struct buffer out = BUFFER_INIT;
    assert_int_equal(answer_encode(&out, answer), 0);
    golden_check_bytes(name, out.data, out.size);
}

static void answers_keep_their_bytes(void **state)
{
    (void)state;
    static const float embedding[] = {0.5f, -0.25f, 0.8291562f};
    static const int64_t labels[] = {7, -1};
    static const float scores[] = {0.125f, 2.5f};
    const struct tensor tensors[] = {
        {"scores", 0, DATATYPE_FP32, {.rank = 2, .dims = {1, 2}}, scores, sizeof scores},
        {"labels", 2, DATATYPE_INT64, {.rank = 1, .dims = {2}}, labels, sizeof labels},
    };
    check("cache-classes.hex",
          &(struct answer){.kind = &answer_classes,
                           .few = {{.index = 285, .score = 0.5f}, {.index = 7, .score = 0.25f}},
                           .class_count = 2});
    check("cache-embedding.hex",
          &(struct answer){.kind = &answer_embedding, .embedding = embedding, .embedding_size = 3});
    check("cache-tensors.hex",
          &(struct answer){.kind = &answer_tensors, .tensors = tensors, .tensor_count = 2});
    check("cache-failure.hex", &(struct answer){.kind = &answer_failure,
                                                .error_code = ERROR_UNDECODABLE,
                                                .error_message = "file is truncated"});
}

static void an_identity_keeps_its_bytes(void **state)
{
    (void)state;
    uint8_t bytes[CONTENT_SIZE];
    const struct identity identity =
        identity_of_words((const uint64_t[]){2, 3, 4096, 1795424400000000001, 1795424400000000002});
    struct cache_digest content;
    memset(content.bytes, 0xA5, sizeof content.bytes);
    content_encode(bytes, &identity, &content);
    golden_check_bytes("cache-content.hex", bytes, sizeof bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_keep_their_bytes),
        cmocka_unit_test(an_identity_keeps_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
