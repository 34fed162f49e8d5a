/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies of run requests: what they select, and what is refused.
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
#include "wire/run_request.h"

static int parse(const char *text, struct run_request *request, struct error *error)
{
    return run_request_parse(text, strlen(text), request, error);
}

static void a_store_selects_all_by_default(void **state)
{
    (void)state;
    struct run_request request = {0};
    struct error error = {0};
    assert_int_equal(parse("{\"select\":{\"store\":\"photos\"}}", &request, &error), 0);
    assert_string_equal(request.store, "photos");
    assert_string_equal(request.prefix, "");
    assert_string_equal(request.after, "");
    assert_null(request.keys);
    assert_int_equal(request.top, 5);
    assert_true(request.labels);
    run_request_done(&request);
}

static void every_member_is_read(void **state)
{
    (void)state;
    struct run_request request = {0};
    struct error error = {0};
    assert_int_equal(
        parse("{\"select\":{\"store\":\"p\",\"prefix\":\"a/\",\"after\":\"a/b\",\"x\":1},"
              "\"top\":1000,\"labels\":false,\"later\":[]}",
              &request, &error),
        0);
    assert_string_equal(request.prefix, "a/");
    assert_string_equal(request.after, "a/b");
    assert_int_equal(request.top, 1000);
    assert_false(request.labels);
    run_request_done(&request);
}

static void keys_come_in_their_order(void **state)
{
    (void)state;
    struct run_request request = {0};
    struct error error = {0};
    assert_int_equal(parse("{\"select\":{\"keys\":[\"p/b\",\"p/a\"]}}", &request, &error), 0);
    assert_null(request.store);
    assert_int_equal(request.key_count, 2);
    assert_string_equal(run_request_key(&request, 0), "p/b");
    assert_string_equal(run_request_key(&request, 1), "p/a");
    assert_null(run_request_key(&request, 2));
    run_request_done(&request);
}

static void what_is_not_understood_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        "{\"select\":[]}",
        "{\"select\":{}}",
        "{\"select\":{\"store\":\"p\",\"keys\":[]}}",
        "{\"select\":{\"store\":5}}",
        "{\"select\":{\"store\":\"p\",\"prefix\":5}}",
        "{\"select\":{\"store\":\"p\",\"prefix\":null}}",
        "{\"select\":{\"store\":\"p\",\"after\":[\"a\"]}}",
        "{\"select\":{\"keys\":\"p/a\"}}",
        "{\"select\":{\"keys\":{\"a\":\"p/a\"}}}",
        "{\"select\":{\"keys\":[\"p/a\",1]}}",
        "{\"select\":{\"store\":\"p\"},\"top\":0}",
        "{\"select\":{\"store\":\"p\"},\"top\":1001}",
        "{\"select\":{\"store\":\"p\"},\"top\":\"5\"}",
        "{\"select\":{\"store\":\"p\"},\"labels\":0}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct run_request request = {0};
        struct error error = {0};
        assert_int_equal(parse(bodies[i], &request, &error), -EINVAL);
        assert_int_equal(error.code, ERROR_MALFORMED);
        assert_null(request.body);
    }
}

static void too_many_keys_are_refused(void **state)
{
    (void)state;
    cleanup_buffer struct buffer body = BUFFER_INIT;
    for (unsigned extra = 0; extra < 2; extra++) {
        struct run_request request = {0};
        struct error error = {0};
        buffer_clear(&body);
        buffer_append_text(&body, "{\"select\":{\"keys\":[\"p/a\"");
        for (unsigned i = 1; i < LIMIT_RUN_KEYS + extra; i++) {
            buffer_append_text(&body, ",\"p/a\"");
        }
        buffer_append_text(&body, "]}}");
        int result = run_request_parse(body.data, body.size, &request, &error);
        assert_int_equal(error.code, extra ? ERROR_TOO_LARGE : ERROR_NONE);
        assert_int_equal(request.key_count, extra ? 0 : LIMIT_RUN_KEYS);
        assert_true(extra ? result < 0 : result == 0);
        run_request_done(&request);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_selects_all_by_default),
        cmocka_unit_test(every_member_is_read),
        cmocka_unit_test(keys_come_in_their_order),
        cmocka_unit_test(what_is_not_understood_is_refused),
        cmocka_unit_test(too_many_keys_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
