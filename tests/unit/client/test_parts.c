/* SPDX-License-Identifier: Apache-2.0
 *
 * The pure parts of the library: addresses, names in requests, the place where a run goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/address.h"
#include "client/names.h"
#include "client/selection.h"

static void addresses_that_are_taken(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *url;
        const char *socket;
        bool loopback;
    } cases[] = {
        {"http://array:7433", "http://array:7433", NULL, false},
        {"http://array", "http://array", NULL, false},
        {"https://array.example.com/", "https://array.example.com", NULL, false},
        {"https://array:1/base/path//", "https://array:1/base/path", NULL, false},
        {"array", "http://array:7433", NULL, false},
        {"array:80", "http://array:80", NULL, false},
        {"10.0.0.7", "http://10.0.0.7:7433", NULL, false},
        {"127.0.0.1:9", "http://127.0.0.1:9", NULL, true},
        {"127.0.0.1.example.com", "http://127.0.0.1.example.com:7433", NULL, false},
        {"http://LocalHost:65535", "http://LocalHost:65535", NULL, true},
        {"[::1]", "http://[::1]:7433", NULL, true},
        {"http://[fe80::1%eth0]:7433", NULL, NULL, false},
        {"https://[2001:db8::7]:8443", "https://[2001:db8::7]:8443", NULL, false},
        {"unix:/run/situ/situd.sock", "http://localhost", "/run/situ/situd.sock", true},
        {"unix:///run/x", "http://localhost", "/run/x", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address address;
        struct situ_error error = {.message = ""};
        int result = address_parse(cases[i].text, &address, &error);
        if (!cases[i].url) {
            assert_int_equal(result, -EINVAL);
            continue;
        }
        assert_string_equal(error.message, "");
        assert_int_equal(result, 0);
        assert_string_equal(address.base_url, cases[i].url);
        assert_int_equal(address.loopback, cases[i].loopback);
        if (cases[i].socket) {
            assert_string_equal(address.socket_path, cases[i].socket);
        } else {
            assert_null(address.socket_path);
        }
        address_done(&address);
    }
}

static void addresses_that_are_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {"",
                                        "http://",
                                        "ftp://array",
                                        "http://user:pass@array",
                                        "array:0",
                                        "array:65536",
                                        "array:x",
                                        "array:",
                                        "array/base",
                                        "http://array:1?q",
                                        "http://array/#f",
                                        "http://array /x",
                                        "a\r\nb",
                                        "::1",
                                        "[::1",
                                        "http://[]",
                                        "unix:",
                                        "unix:relative",
                                        "http://array:80\\x",
                                        "http://array:80@evil",
                                        "-"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0] - 1; i++) {
        struct address address;
        struct situ_error error = {.message = ""};
        if (address_parse(cases[i], &address, &error) != -EINVAL) {
            fail_msg("'%s' was taken", cases[i]);
        }
        assert_int_equal(error.code, SITU_USAGE);
        assert_non_null(strstr(error.message, "address"));
    }
    char longest[400] = "unix:/";
    memset(longest + 6, 'x', sizeof longest - 7);
    longest[sizeof longest - 1] = '\0';
    struct address address;
    assert_int_equal(address_parse(longest, &address, NULL), -EINVAL);
}

static void the_default_address(void **state)
{
    (void)state;
    assert_int_equal(setenv("SITU_ADDRESS", "unix:/x", 1), 0);
    assert_string_equal(address_default(), "unix:/x");
    assert_int_equal(setenv("SITU_ADDRESS", "", 1), 0);
    const char *address = address_default();
    assert_true(strcmp(address, "http://127.0.0.1:7433") == 0 ||
                strcmp(address, "unix:/run/situ/situd.sock") == 0);
}

static void model_names(void **state)
{
    (void)state;
    struct model_name name;
    assert_int_equal(model_name_parse("resnet50", &name, NULL), 0);
    assert_string_equal(name.name, "resnet50");
    assert_string_equal(name.version, "");
    assert_int_equal(model_name_parse("a@12", &name, NULL), 0);
    assert_string_equal(name.version, "12");
    static const char *const bad[] = {
        "",    "@1",  "a@",  "a@1@2",
        "a/b", "a b", "a\n", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(model_name_parse(bad[i], &name, NULL), -EINVAL);
    }
    assert_int_equal(model_name_parse(NULL, &name, NULL), -EINVAL);
}

static void targets_are_encoded(void **state)
{
    (void)state;
    struct buffer out = BUFFER_INIT;
    url_append(&out, "photos/a b%?#\xc3\xa9~-._.jpg", true);
    url_append_query(&out, "name", "x/y&z=1+\xff");
    url_append_query(&out, "top", "5");
    assert_string_equal(buffer_text(&out), "photos/a%20b%25%3F%23%C3%A9~-._.jpg"
                                           "?name=x%2Fy%26z%3D1%2B%FF&top=5");
    buffer_done(&out);
}

static const char *written(struct selection *selection, struct buffer *out)
{
    buffer_clear(out);
    selection_write(selection, out);
    return buffer_text(out);
}

static void a_prefix_goes_on_behind_the_last_sure_key(void **state)
{
    (void)state;
    struct selection selection;
    struct buffer out = BUFFER_INIT;
    assert_int_equal(selection_of_prefix(&selection, "photos/2024/", NULL), 0);
    assert_string_equal(written(&selection, &out),
                        "\"select\":{\"store\":\"photos\",\"prefix\":\"2024/\"}");
    assert_int_equal(selection_advance(&selection, "photos/2024/a%20.jpg", false, NULL), 1);
    assert_int_equal(selection_advance(&selection, "photos/2024/b%FF.jpg", true, NULL), 1);
    assert_int_equal(selection_advance(&selection, "photos/2024/b%FF.jpg", true, NULL), 1);
    assert_string_equal(written(&selection, &out), "\"select\":{\"store\":\"photos\",\"prefix\":"
                                                   "\"2024/\",\"after\":\"2024/a%20.jpg\"}");
    assert_int_equal(selection_advance(&selection, "photos/2024/b%FF.jpg", true, NULL), 0);
    assert_int_equal(selection_advance(&selection, "photos/2024/c.jpg", true, NULL), 1);
    assert_int_equal(selection_advance(&selection, "photos/2024/b%FF.jpg", true, NULL), 1);
    selection_done(&selection);
    assert_int_equal(selection_of_prefix(&selection, "photos", NULL), 0);
    assert_string_equal(written(&selection, &out),
                        "\"select\":{\"store\":\"photos\",\"prefix\":\"\"}");
    selection_done(&selection);
    assert_int_equal(selection_of_prefix(&selection, "/photos", NULL), -EINVAL);
    selection_done(&selection);
    buffer_done(&out);
}

static void a_list_goes_on_at_its_position(void **state)
{
    (void)state;
    static const char *const names[] = {"s/a", "s/\"", "s/\xff", "s/c"};
    struct selection selection;
    struct buffer out = BUFFER_INIT;
    const char *why = NULL;
    assert_int_equal(selection_of_names(&selection, names, 4, NULL), 0);
    assert_string_equal(written(&selection, &out), "\"select\":{\"keys\":[\"s/a\",\"s/\\\"\"]}");
    assert_int_equal(selection_advance(&selection, "s/a", false, NULL), 1);
    assert_false(selection_batch_full(&selection));
    assert_string_equal(written(&selection, &out), "\"select\":{\"keys\":[\"s/\\\"\"]}");
    assert_null(selection_refused(&selection, &why));
    assert_int_equal(selection_advance(&selection, "s/\"", true, NULL), 1);
    assert_true(selection_batch_full(&selection));
    assert_int_equal(selection_advance(&selection, "s/?", false, NULL), -EPROTO);
    assert_string_equal(selection_refused(&selection, &why), "s/\xff");
    assert_string_equal(why, "the name is not UTF-8");
    selection.position++;
    assert_string_equal(written(&selection, &out), "\"select\":{\"keys\":[\"s/c\"]}");
    assert_int_equal(selection_advance(&selection, "s/c", false, NULL), 1);
    assert_true(selection_at_end(&selection));
    selection_done(&selection);
    buffer_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_that_are_taken),
        cmocka_unit_test(addresses_that_are_refused),
        cmocka_unit_test(the_default_address),
        cmocka_unit_test(model_names),
        cmocka_unit_test(targets_are_encoded),
        cmocka_unit_test(a_prefix_goes_on_behind_the_last_sure_key),
        cmocka_unit_test(a_list_goes_on_at_its_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
