/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests for jobs, as a body and as a query: what is read, and what is refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "wire/job_request.h"

static int parse(const char *text, struct job_request *request, struct error *error)
{
    return job_request_parse(text, strlen(text), request, error);
}

static void a_store_selects_all_by_default(void **state)
{
    (void)state;
    struct job_request request = {0};
    struct error error = {0};
    assert_int_equal(parse("{\"model\":\"m\",\"select\":{\"store\":\"photos\"}}", &request, &error),
                     0);
    assert_string_equal(request.model, "m");
    assert_string_equal(request.version, "");
    assert_string_equal(request.store, "photos");
    assert_string_equal(request.prefix, "");
    assert_null(request.glob);
    assert_false(request.names);
    assert_int_equal(request.top, 5);
    assert_true(request.labels && !request.binary);
    assert_int_equal(request.priority, 5);
    assert_true(request.max_failures == UINT64_MAX);
    assert_true(request.cache);
    assert_true(request.keep);
    assert_false(request.standing);
    assert_int_equal(request.interval_s, 60);
    assert_string_equal(request.token, "");
    job_request_done(&request);
}

static void every_member_is_read(void **state)
{
    (void)state;
    struct job_request request = {0};
    struct error error = {0};
    assert_int_equal(
        parse(
            "{\"model\":\"m@12\",\"select\":{\"store\":\"p\",\"prefix\":\"a/\",\"glob\":\"*.jpg\","
            "\"x\":1},\"top\":1000,\"output\":{\"labels\":false,\"embedding\":\"base64\",\"y\":0},"
            "\"priority\":0,"
            "\"max_failures\":0,\"cache\":false,\"keep\":false,\"standing\":true,"
            "\"interval_s\":86400,\"token\":\"A-z_0.9\",\"later\":[]}",
            &request, &error),
        0);
    assert_string_equal(request.model, "m");
    assert_string_equal(request.version, "12");
    assert_string_equal(request.prefix, "a/");
    assert_string_equal(request.glob, "*.jpg");
    assert_int_equal(request.top, 1000);
    assert_false(request.labels);
    assert_true(request.binary);
    assert_int_equal(request.priority, 0);
    assert_true(request.max_failures == 0);
    assert_false(request.cache);
    assert_false(request.keep);
    assert_true(request.standing);
    assert_int_equal(request.interval_s, 86400);
    assert_string_equal(request.token, "A-z_0.9");
    job_request_done(&request);
}

static void keys_come_in_their_order_with_a_store_or_without(void **state)
{
    (void)state;
    struct job_request request = {0};
    struct error error = {0};
    assert_int_equal(
        parse("{\"model\":\"m\",\"select\":{\"keys\":[\"p/b\",\"p/a\"]}}", &request, &error), 0);
    assert_null(request.store);
    assert_true(request.names);
    assert_int_equal(request.key_count, 2);
    assert_string_equal(job_request_key(&request, 0), "p/b");
    assert_string_equal(job_request_key(&request, 1), "p/a");
    assert_null(job_request_key(&request, 2));
    job_request_done(&request);
    assert_int_equal(
        parse("{\"model\":\"m\",\"select\":{\"store\":\"p\",\"keys\":[]}}", &request, &error), 0);
    assert_string_equal(request.store, "p");
    assert_true(request.names);
    assert_int_equal(request.key_count, 0);
    job_request_done(&request);
}

static void names_that_came_encoded_are_bytes(void **state)
{
    (void)state;
    struct job_request request = {0};
    struct error error = {0};
    assert_int_equal(
        parse("{\"model\":\"m\",\"select\":{\"keys\":[{\"object\":\"p/%E9%25%0A\","
              "\"encoded\":true,\"classes\":[]},{\"object\":\"p/%E9\"},\"p/%E9\\n\"]}}",
              &request, &error),
        0);
    assert_string_equal(job_request_key(&request, 0), "p/\xe9%\n");
    assert_string_equal(job_request_key(&request, 1), "p/%E9");
    assert_string_equal(job_request_key(&request, 2), "p/%E9\n");
    job_request_done(&request);
    assert_int_equal(parse("{\"model\":\"m\",\"select\":{\"encoded\":true,\"keys\":[\"p/%E9\","
                           "{\"object\":\"p/%E9\"}]}}",
                           &request, &error),
                     0);
    assert_string_equal(job_request_key(&request, 0), "p/\xe9");
    assert_string_equal(job_request_key(&request, 1), "p/%E9");
    job_request_done(&request);
    assert_int_equal(
        parse("{\"model\":\"m\",\"select\":{\"store\":\"p\",\"prefix\":\"%E9/\",\"glob\":"
              "\"*%FF\",\"encoded\":true}}",
              &request, &error),
        0);
    assert_string_equal(request.prefix, "\xe9/");
    assert_string_equal(request.glob, "*\xff");
    job_request_done(&request);
}

static void what_is_not_understood_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const bodies[][2] = {
        /* in the message, the body */
        {"request body", ""},
        {"object", "[]"},
        {"\"model\"", "{}"},
        {"\"model\"", "{\"model\":7,\"select\":{\"store\":\"p\"}}"},
        {"\"model\"", "{\"model\":\"\",\"select\":{\"store\":\"p\"}}"},
        {"\"model\"", "{\"model\":\"m@\",\"select\":{\"store\":\"p\"}}"},
        {"\"model\"", "{\"model\":\"@1\",\"select\":{\"store\":\"p\"}}"},
        {"\"model\"", "{\"model\":\"m@111111111111111111111111\",\"select\":{\"store\":\"p\"}}"},
        {"\"select\"", "{\"model\":\"m\"}"},
        {"\"select\"", "{\"model\":\"m\",\"select\":[]}"},
        {"\"select\"", "{\"model\":\"m\",\"select\":{}}"},
        {"\"select\"", "{\"model\":\"m\",\"select\":{\"prefix\":\"a\"}}"},
        {"\"select\"", "{\"model\":\"m\",\"select\":{\"prefix\":\"a\",\"keys\":[]}}"},
        {"\"select\"", "{\"model\":\"m\",\"select\":{\"glob\":\"*\",\"keys\":[]}}"},
        {"\"store\"", "{\"model\":\"m\",\"select\":{\"store\":5}}"},
        {"\"prefix\"", "{\"model\":\"m\",\"select\":{\"store\":\"p\",\"prefix\":5}}"},
        {"\"prefix\"", "{\"model\":\"m\",\"select\":{\"store\":\"p\",\"prefix\":null}}"},
        {"\"glob\"", "{\"model\":\"m\",\"select\":{\"store\":\"p\",\"glob\":[\"a\"]}}"},
        {"\"keys\"", "{\"model\":\"m\",\"select\":{\"keys\":\"p/a\"}}"},
        {"\"keys\"", "{\"model\":\"m\",\"select\":{\"keys\":{\"a\":\"p/a\"}}}"},
        {"keys[1]", "{\"model\":\"m\",\"select\":{\"keys\":[\"p/a\",1]}}"},
        {"keys[0]", "{\"model\":\"m\",\"select\":{\"keys\":[\"\"]}}"},
        {"keys[0]", "{\"model\":\"m\",\"select\":{\"keys\":[{\"object\":\"\"}]}}"},
        {"keys[0]", "{\"model\":\"m\",\"select\":{\"keys\":[{\"encoded\":true}]}}"},
        {"keys[0]",
         "{\"model\":\"m\",\"select\":{\"keys\":[{\"object\":\"p/%\",\"encoded\":true}]}}"},
        {"prefix",
         "{\"model\":\"m\",\"select\":{\"store\":\"p\",\"prefix\":\"%0\",\"encoded\":true}}"},
        {"glob",
         "{\"model\":\"m\",\"select\":{\"store\":\"p\",\"glob\":\"%00\",\"encoded\":true}}"},
        {"encoded",
         "{\"model\":\"m\",\"select\":{\"store\":\"p\",\"prefix\":\"a\",\"encoded\":1}}"},
        {"\"top\"", "{\"model\":\"m\",\"select\":{\"store\":\"p\"},\"top\":0}"},
        {"1 to 1000", "{\"model\":\"m\",\"select\":{\"store\":\"p\"},\"top\":1001}"},
        {"\"top\"", "{\"model\":\"m\",\"select\":{\"store\":\"p\"},\"top\":\"5\"}"},
        {"\"top\"", "{\"model\":\"m\",\"select\":{\"store\":\"p\"},\"top\":null}"},
        {"\"embedding\"",
         "{\"model\":\"m\",\"select\":{\"store\":\"p\"},\"output\":{\"embedding\":true}}"},
        {"\"embedding\"",
         "{\"model\":\"m\",\"select\":{\"store\":\"p\"},\"output\":{\"embedding\":\"hex\"}}"},
        {"\"labels\"", "{\"model\":\"m\",\"select\":{\"store\":\"p\"},\"output\":{\"labels\":0}}"},
        {"\"output\"", "{\"model\":\"m\",\"select\":{\"store\":\"p\"},\"output\":false}"},
        {"0 to 9", "{\"model\":\"m\",\"select\":{\"store\":\"p\"},\"priority\":10}"},
        {"\"priority\"", "{\"model\":\"m\",\"select\":{\"store\":\"p\"},\"priority\":-1}"},
        {"\"max_failures\"", "{\"model\":\"m\",\"select\":{\"store\":\"p\"},\"max_failures\":-1}"},
        {"\"max_failures\"", "{\"model\":\"m\",\"select\":{\"store\":\"p\"},\"max_failures\":1.5}"},
        {"\"cache\"", "{\"model\":\"m\",\"select\":{\"store\":\"p\"},\"cache\":0}"},
        {"\"keep\"", "{\"model\":\"m\",\"select\":{\"store\":\"p\"},\"keep\":\"no\"}"},
        {"\"standing\"", "{\"model\":\"m\",\"select\":{\"store\":\"p\"},\"standing\":1}"},
        {"\"standing\"", "{\"model\":\"m\",\"select\":{\"keys\":[]},\"standing\":true}"},
        {"1 to 86400", "{\"model\":\"m\",\"select\":{\"store\":\"p\"},\"interval_s\":0}"},
        {"\"token\"", "{\"model\":\"m\",\"select\":{\"store\":\"p\"},\"token\":\"a b\"}"},
        {"\"token\"", "{\"model\":\"m\",\"select\":{\"store\":\"p\"},\"token\":\"\"}"},
        {"\"token\"", "{\"model\":\"m\",\"select\":{\"store\":\"p\"},\"token\":\""
                      "0123456789012345678901234567890123456789012345678901234567890123x\"}"},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct job_request request = {0};
        struct error error = {0};
        if (parse(bodies[i][1], &request, &error) != -EINVAL || error.code != ERROR_MALFORMED ||
            !strstr(error.message, bodies[i][0]) || request.body) {
            fail_msg("%s: %s", bodies[i][1], error.message);
        }
    }
}

static void a_token_of_64_characters_is_taken(void **state)
{
    (void)state;
    struct job_request request = {0};
    struct error error = {0};
    assert_int_equal(parse("{\"model\":\"m\",\"select\":{\"store\":\"p\"},\"token\":\""
                           "0123456789012345678901234567890123456789012345678901234567890123\"}",
                           &request, &error),
                     0);
    assert_int_equal(strlen(request.token), 64);
    job_request_done(&request);
}

static void too_much_is_refused(void **state)
{
    (void)state;
    cleanup_buffer struct buffer body = BUFFER_INIT;
    for (unsigned extra = 0; extra < 2; extra++) {
        struct job_request request = {0};
        struct error error = {0};
        buffer_clear(&body);
        buffer_append_text(&body, "{\"model\":\"m\",\"select\":{\"keys\":[\"p/a\"");
        for (unsigned i = 1; i < LIMIT_RUN_KEYS + extra; i++) {
            buffer_append_text(&body, ",\"p/a\"");
        }
        buffer_append_text(&body, "]}}");
        int r = job_request_parse(body.data, body.size, &request, &error);
        assert_int_equal(error.code, extra ? ERROR_TOO_LARGE : ERROR_NONE);
        assert_int_equal(request.key_count, extra ? 0 : LIMIT_RUN_KEYS);
        assert_true(extra ? r < 0 : r == 0);
        job_request_done(&request);

        buffer_clear(&body);
        buffer_append_text(&body, "{\"model\":\"m\",\"select\":{\"store\":\"p\",\"prefix\":\"");
        for (unsigned i = 0; i < LIMIT_KEY_BYTES + extra; i++) {
            buffer_append_char(&body, 'x');
        }
        buffer_append_text(&body, "\"}}");
        error = (struct error){0};
        r = job_request_parse(body.data, body.size, &request, &error);
        assert_int_equal(error.code, extra ? ERROR_TOO_LARGE : ERROR_NONE);
        assert_true(extra ? r < 0 : r == 0);
        job_request_done(&request);
    }
}

/* "name=value" texts, as a query has them. */
static const char *of_list(void *context, const char *name)
{
    const char *const *list = context;
    size_t length = strlen(name);
    for (; *list; list++) {
        if (strncmp(*list, name, length) == 0 && (*list)[length] == '=') {
            return *list + length + 1;
        }
    }
    return NULL;
}

static int from_query(const char *const *list, struct job_request *request, struct error *error)
{
    return job_request_from_query(of_list, (void *)(uintptr_t)list, request, error);
}

static void a_query_says_the_same(void **state)
{
    (void)state;
    static const char *const few[] = {"model=m", NULL};
    static const char *const all[] = {"model=m@2",        "store=p",          "top=3",   "labels=0",
                                      "embedding=base64", "priority=9",       "cache=0", "keep=0",
                                      "token=t",          "max_failures=100", NULL};
    struct job_request request = {0};
    struct error error = {0};
    assert_int_equal(from_query(few, &request, &error), 0);
    assert_true(request.names && !request.keys && !request.store && request.cache && request.keep);
    assert_true(request.labels && !request.binary && request.max_failures == UINT64_MAX);
    assert_int_equal(request.top, 5);
    job_request_done(&request);
    assert_int_equal(from_query(all, &request, &error), 0);
    assert_string_equal(request.model, "m");
    assert_string_equal(request.version, "2");
    assert_string_equal(request.store, "p");
    assert_string_equal(request.token, "t");
    assert_int_equal(request.top, 3);
    assert_int_equal(request.priority, 9);
    assert_true(request.max_failures == 100);
    assert_false(request.labels || request.cache || request.keep);
    assert_true(request.binary);
    assert_false(request.nul_separated);
    job_request_done(&request);
    static const char *const nul[] = {"model=m", "separator=nul", NULL};
    static const char *const other[] = {"model=m", "separator=,", NULL};
    assert_int_equal(from_query(nul, &request, &error), 0);
    assert_true(request.nul_separated);
    job_request_done(&request);
    assert_true(from_query(other, &request, &error) < 0);
    assert_non_null(strstr(error.message, "separator"));
}

static void a_query_that_is_not_understood_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const queries[][2] = {
        {"top=3", NULL},
        {"model=", NULL},
        {"model=m", "top=0"},
        {"model=m", "top=+5"},
        {"model=m", "top=5x"},
        {"model=m", "top="},
        {"model=m", "labels=no"},
        {"model=m", "priority=10"},
        {"model=m", "max_failures=-1"},
        {"model=m", "embedding=b"},
        {"model=m", "cache=2"},
        {"model=m", "keep=false"},
        {"model=m", "token=a b"},
    };
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        const char *const list[] = {queries[i][0], queries[i][1], NULL};
        struct job_request request = {0};
        struct error error = {0};
        assert_int_equal(from_query(list, &request, &error), -EINVAL);
        assert_int_equal(error.code, ERROR_MALFORMED);
        const char *named = queries[i][1] ? queries[i][1] : "model=";
        char name[32] = "";
        (void)strncat(name, named, strcspn(named, "="));
        assert_non_null(strstr(error.message, name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_selects_all_by_default),
        cmocka_unit_test(every_member_is_read),
        cmocka_unit_test(keys_come_in_their_order_with_a_store_or_without),
        cmocka_unit_test(names_that_came_encoded_are_bytes),
        cmocka_unit_test(what_is_not_understood_is_refused_by_name),
        cmocka_unit_test(a_token_of_64_characters_is_taken),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(a_query_says_the_same),
        cmocka_unit_test(a_query_that_is_not_understood_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
