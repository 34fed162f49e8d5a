/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests for searches, as a body and as a query: what is read, and what is refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "wire/search_request.h"

static int parse(const char *text, struct search_request *request, struct error *error)
{
    return search_request_parse(text, strlen(text), request, error);
}

static void an_object_is_enough(void **state)
{
    (void)state;
    struct search_request request = {0};
    assert_int_equal(parse("{\"object\":\"photos/a.jpg\",\"later\":[]}", &request, NULL), 0);
    assert_int_equal(request.by, SEARCH_BY_OBJECT);
    assert_false(request.list);
    assert_int_equal(request.query_count, 1);
    assert_string_equal(search_request_object(&request, 0), "photos/a.jpg");
    assert_int_equal(request.k, 10);
    assert_string_equal(request.prefix, "");
    assert_false(request.has_min_score);
    assert_true(request.self);
    search_request_done(&request);
}

static void every_member_is_read(void **state)
{
    (void)state;
    struct search_request request = {0};
    assert_int_equal(parse("{\"objects\":[\"p/a\",\"p/b\"],\"k\":1000,\"prefix\":\"p/2024\","
                           "\"min_score\":-2,\"self\":false}",
                           &request, NULL),
                     0);
    assert_true(request.list);
    assert_int_equal(request.query_count, 2);
    assert_string_equal(search_request_object(&request, 1), "p/b");
    assert_int_equal(request.k, 1000);
    assert_string_equal(request.prefix, "p/2024");
    assert_true(request.has_min_score && request.min_score == -2);
    assert_false(request.self);
    search_request_done(&request);
    assert_int_equal(parse("{\"object\":\"a\",\"topK\":7,\"min_score\":null}", &request, NULL), 0);
    assert_int_equal(request.k, 7);
    assert_false(request.has_min_score);
    search_request_done(&request);
}

static void vectors_become_float32(void **state)
{
    (void)state;
    struct search_request request = {0};
    assert_int_equal(parse("{\"vectors\":[[0.1,2],[-3e38,1e-50]]}", &request, NULL), 0);
    assert_int_equal(request.by, SEARCH_BY_VECTOR);
    assert_int_equal(request.dimension, 2);
    const float wanted[] = {0.1F, 2, -3e38F, 0};
    assert_memory_equal(request.vectors, wanted, sizeof wanted);
    search_request_done(&request);
    assert_int_equal(parse("{\"vector\":[1]}", &request, NULL), 0);
    assert_false(request.list);
    assert_true(request.vectors[0] == 1);
    search_request_done(&request);
}

static void what_is_not_understood_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        "{\"object\":\"a\",\"vector\":[1]}",
        "{\"object\":\"\"}",
        "{\"object\":[\"a\"]}",
        "{\"objects\":\"a\"}",
        "{\"objects\":[]}",
        "{\"objects\":[\"a\",1]}",
        "{\"vector\":[]}",
        "{\"vector\":[1,null]}",
        "{\"vector\":[1e39]}",
        "{\"vector\":[[1]]}",
        "{\"vectors\":[[1],[1,2]]}",
        "{\"vectors\":[[1],2]}",
        "{\"object\":\"a\",\"k\":0}",
        "{\"object\":\"a\",\"k\":1001}",
        "{\"object\":\"a\",\"k\":1.5}",
        "{\"object\":\"a\",\"topK\":\"3\"}",
        "{\"object\":\"a\",\"prefix\":3}",
        "{\"object\":\"a\",\"min_score\":\"0.5\"}",
        "{\"object\":\"a\",\"self\":0}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct search_request request = {0};
        struct error error = {0};
        assert_int_equal(parse(bodies[i], &request, &error), -EINVAL);
        assert_int_equal(error.code, ERROR_MALFORMED);
        assert_null(request.body);
    }
}

/* `count` times `piece`, with commas between, after `head` and before `tail`. */
static int parse_many(const char *head, const char *piece, size_t count, const char *tail,
                      struct error *error)
{
    cleanup_buffer struct buffer body = BUFFER_INIT;
    struct search_request request = {0};
    buffer_append_text(&body, head);
    for (size_t i = 0; i < count; i++) {
        buffer_append_text(&body, i > 0 ? "," : "");
        buffer_append_text(&body, piece);
    }
    buffer_append_text(&body, tail);
    int r = search_request_parse(body.data, body.size, &request, error);
    search_request_done(&request);
    return r;
}

static void sizes_have_limits(void **state)
{
    (void)state;
    struct error error = {0};
    assert_int_equal(parse_many("{\"objects\":[", "\"a\"", 64, "]}", NULL), 0);
    assert_true(parse_many("{\"objects\":[", "\"a\"", 65, "]}", &error) < 0);
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    assert_int_equal(parse_many("{\"vector\":[", "1", 4096, "]}", NULL), 0);
    assert_true(parse_many("{\"vector\":[", "1", 4097, "]}", &error) < 0);
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    assert_true(parse_many("{\"later\":[", "[]", 300000, "]}", &error) < 0);
    assert_int_equal(error.code, ERROR_TOO_LARGE);
}

struct parameters {
    const char *k;
    const char *top_k;
    const char *prefix;
    const char *min_score;
};

static const char *get(void *context, const char *name)
{
    const struct parameters *parameters = context;
    return strcmp(name, "k") == 0           ? parameters->k
           : strcmp(name, "topK") == 0      ? parameters->top_k
           : strcmp(name, "prefix") == 0    ? parameters->prefix
           : strcmp(name, "min_score") == 0 ? parameters->min_score
                                            : NULL;
}

static void an_image_is_asked_by_the_query(void **state)
{
    (void)state;
    struct search_request request = {0};
    struct parameters none = {0};
    assert_int_equal(search_request_from_query(get, &none, &request, NULL), 0);
    assert_int_equal(request.by, SEARCH_BY_IMAGE);
    assert_int_equal(request.k, 10);
    assert_int_equal(request.query_count, 1);
    struct parameters all = {.top_k = "3", .prefix = "p/", .min_score = "-1.5e-1"};
    assert_int_equal(search_request_from_query(get, &all, &request, NULL), 0);
    assert_int_equal(request.k, 3);
    assert_string_equal(request.prefix, "p/");
    assert_true(request.has_min_score && request.min_score == -0.15);
    static const char *const bad_k[] = {"", "0", "-1", "+1", "1001", "1x", " 1"};
    for (size_t i = 0; i < sizeof bad_k / sizeof bad_k[0]; i++) {
        struct parameters bad = {.k = bad_k[i]};
        assert_int_equal(search_request_from_query(get, &bad, &request, NULL), -EINVAL);
    }
    static const char *const bad_score[] = {"", "nan", "inf", "0x1", "1e999", "1-", " 1"};
    for (size_t i = 0; i < sizeof bad_score / sizeof bad_score[0]; i++) {
        struct parameters bad = {.min_score = bad_score[i]};
        assert_int_equal(search_request_from_query(get, &bad, &request, NULL), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_is_enough),
        cmocka_unit_test(every_member_is_read),
        cmocka_unit_test(vectors_become_float32),
        cmocka_unit_test(what_is_not_understood_is_refused),
        cmocka_unit_test(sizes_have_limits),
        cmocka_unit_test(an_image_is_asked_by_the_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
