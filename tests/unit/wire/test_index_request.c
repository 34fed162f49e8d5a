/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests for indexes: what is read, and what is refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/index_request.h"

static int parse(const char *text, struct index_request *request, struct error *error)
{
    return index_request_parse(text, strlen(text), request, error);
}

static void a_name_a_model_and_a_store_are_enough(void **state)
{
    (void)state;
    struct index_request request = {0};
    assert_int_equal(parse("{\"name\":\"like\",\"model\":\"clip\",\"select\":{\"store\":\"p\"}}",
                           &request, NULL),
                     0);
    assert_string_equal(request.name, "like");
    assert_string_equal(request.model, "clip");
    assert_string_equal(request.version, "");
    assert_string_equal(request.store, "p");
    assert_string_equal(request.prefix, "");
    assert_null(request.glob);
    assert_string_equal(request.metric, "cosine");
    assert_int_equal(request.interval_s, 60);
    index_request_done(&request);
}

static void every_member_is_read(void **state)
{
    (void)state;
    struct index_request request = {0};
    assert_int_equal(
        parse("{\"name\":\"A-z_0.9\",\"model\":\"clip@12\",\"select\":{\"store\":\"p\","
              "\"prefix\":\"2024/\",\"glob\":\"*.jpg\"},\"metric\":\"euclidean\","
              "\"interval_s\":86400,\"later\":1}",
              &request, NULL),
        0);
    assert_string_equal(request.version, "12");
    assert_string_equal(request.prefix, "2024/");
    assert_string_equal(request.glob, "*.jpg");
    assert_string_equal(request.metric, "euclidean");
    assert_int_equal(request.interval_s, 86400);
    index_request_done(&request);
}

static void the_metric_goes_by_two_words(void **state)
{
    (void)state;
    struct index_request request = {0};
    const char *metric = NULL;
    assert_int_equal(parse("{\"name\":\"a\",\"model\":\"clip\",\"select\":{\"store\":\"p\"},"
                           "\"distanceMetric\":\"euclidean\"}",
                           &request, NULL),
                     0);
    assert_string_equal(request.metric, "euclidean");
    index_request_done(&request);
    assert_int_equal(index_request_metric(NULL, NULL, &metric, NULL), 0);
    assert_string_equal(metric, "cosine");
    assert_int_equal(index_request_metric("dot", "dot", &metric, NULL), 0);
    assert_string_equal(metric, "dot");
    assert_int_equal(index_request_metric("dot", "cosine", &metric, NULL), -EINVAL);
    assert_int_equal(index_request_metric("cosine", "l2", &metric, NULL), -EINVAL);
    assert_int_equal(index_request_metric(NULL, "l2", &metric, NULL), -EINVAL);
}

static void what_is_not_understood_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "[]",
        "{\"model\":\"m\",\"select\":{\"store\":\"p\"}}",
        "{\"name\":\"\",\"model\":\"m\",\"select\":{\"store\":\"p\"}}",
        "{\"name\":\".n\",\"model\":\"m\",\"select\":{\"store\":\"p\"}}",
        "{\"name\":\"a/b\",\"model\":\"m\",\"select\":{\"store\":\"p\"}}",
        "{\"name\":\"n\",\"select\":{\"store\":\"p\"}}",
        "{\"name\":\"n\",\"model\":\"m@\",\"select\":{\"store\":\"p\"}}",
        "{\"name\":\"n\",\"model\":\"m\"}",
        "{\"name\":\"n\",\"model\":\"m\",\"select\":{}}",
        "{\"name\":\"n\",\"model\":\"m\",\"select\":{\"store\":\"p\",\"keys\":[]}}",
        "{\"name\":\"n\",\"model\":\"m\",\"select\":{\"store\":\"p\",\"prefix\":1}}",
        "{\"name\":\"n\",\"model\":\"m\",\"select\":{\"store\":\"p\"},\"metric\":\"l2\"}",
        "{\"name\":\"n\",\"model\":\"m\",\"select\":{\"store\":\"p\"},\"distanceMetric\":3}",
        "{\"name\":\"n\",\"model\":\"m\",\"select\":{\"store\":\"p\"},\"metric\":\"dot\","
        "\"distanceMetric\":\"cosine\"}",
        "{\"name\":\"n\",\"model\":\"m\",\"select\":{\"store\":\"p\"},\"interval_s\":0}",
        "{\"name\":\"n\",\"model\":\"m\",\"select\":{\"store\":\"p\"},\"interval_s\":86401}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct index_request request = {0};
        struct error error = {0};
        assert_int_equal(parse(bodies[i], &request, &error), -EINVAL);
        assert_int_equal(error.code, ERROR_MALFORMED);
        assert_null(request.body);
    }
}

static void a_rebuild_names_a_model(void **state)
{
    (void)state;
    static const char good[] = "{\"model\":\"clip@2\"}";
    static const char rules[] = "{\"exclude_defaults\":true}";
    static const char wrong[] = "{\"exclude_defaults\":1}";
    struct rebuild_request request;
    assert_int_equal(rebuild_request_parse(good, strlen(good), &request, NULL), 0);
    assert_string_equal(request.model, "clip");
    assert_string_equal(request.version, "2");
    assert_false(request.exclude_defaults);
    assert_int_equal(rebuild_request_parse(rules, strlen(rules), &request, NULL), 0);
    assert_string_equal(request.model, "");
    assert_true(request.exclude_defaults);
    assert_int_equal(rebuild_request_parse(wrong, strlen(wrong), &request, NULL), -EINVAL);
    assert_int_equal(rebuild_request_parse("{}", 2, &request, NULL), -EINVAL);
    assert_int_equal(rebuild_request_parse("3", 1, &request, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_a_model_and_a_store_are_enough),
        cmocka_unit_test(every_member_is_read),
        cmocka_unit_test(the_metric_goes_by_two_words),
        cmocka_unit_test(what_is_not_understood_is_refused),
        cmocka_unit_test(a_rebuild_names_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
