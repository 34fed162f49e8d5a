/* SPDX-License-Identifier: Apache-2.0
 *
 * The pure parts of the library: addresses, names in requests, selections, the request of a job.
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
#include "client/job_input.h"
#include "client/job_post.h"
#include "client/name_check.h"
#include "client/url.h"

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
        {"unix:situd.sock", "http://localhost", "situd.sock", true},
        {"unix:./a b/situd.sock", "http://localhost", "./a b/situd.sock", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address address;
        struct situ_error error = {.message = ""};
        int r = address_parse(cases[i].text, &address, &error);
        if (!cases[i].url) {
            assert_int_equal(r, -EINVAL);
            continue;
        }
        assert_string_equal(error.message, "");
        assert_int_equal(r, 0);
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
                                        "unix://",
                                        "unix://relative",
                                        "unix:a\nb",
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

static void put(const struct job_input *input, const char *glob, struct buffer *out)
{
    struct json_writer w = JSON_WRITER(out);
    job_input_put(input, glob, &w);
}

static void a_prefix_is_asked_for_as_it_is(void **state)
{
    (void)state;
    struct job_input input;
    struct buffer out = BUFFER_INIT;
    assert_int_equal(job_input_of_prefix(&input, "photos/2024/", NULL), 0);
    put(&input, "*.jp\"g", &out);
    assert_string_equal(buffer_text(&out), "\"select\":{\"store\":\"photos\",\"prefix\":"
                                           "\"2024/\",\"glob\":\"*.jp\\\"g\"}");
    assert_null(job_input_refused(&input));
    job_input_done(&input);
    buffer_clear(&out);
    assert_int_equal(job_input_of_prefix(&input, "photos", NULL), 0);
    put(&input, NULL, &out);
    assert_string_equal(buffer_text(&out), "\"select\":{\"store\":\"photos\"}");
    job_input_done(&input);
    assert_int_equal(job_input_of_prefix(&input, "/photos", NULL), -EINVAL);
    job_input_done(&input);
    buffer_done(&out);
}

static void names_that_cannot_be_sent_fail_in_their_place(void **state)
{
    (void)state;
    static const char *const names[] = {"s/a", "s/\"", "s/\xff", "s/b\nc", "", "s/d"};
    struct job_input input;
    struct buffer out = BUFFER_INIT;
    assert_int_equal(job_input_of_names(&input, names, 6, NULL), 0);
    assert_false(input.as_text);
    assert_int_equal(job_input_sent(&input), 5);
    put(&input, NULL, &out);
    assert_string_equal(buffer_text(&out),
                        "\"select\":{\"keys\":[\"s/a\",\"s/\\\"\",{\"object\":\"s/%FF\","
                        "\"encoded\":true},\"s/b\\nc\",\"s/d\"]}");
    job_input_forget_names(&input);
    static const char *const why[] = {NULL, NULL, NULL, NULL, "the name is empty", NULL, NULL};
    for (size_t i = 0; i < 7; i++) {
        const struct refused_name *refused = job_input_refused(&input);
        assert_int_equal(refused != NULL, why[i] != NULL);
        if (refused) {
            assert_string_equal(refused->why, why[i]);
            assert_string_equal(refused->name, "");
        }
        job_input_advance(&input);
    }
    job_input_done(&input);
    buffer_done(&out);
}

/* The text of a list, read in pieces of `piece` bytes. */
static void read_text(const struct job_input *input, size_t piece, struct buffer *out)
{
    struct names_reader reader = {.input = input};
    char bytes[64];
    size_t got;
    buffer_clear(out);
    while ((got = names_reader_read(&reader, bytes, piece)) > 0) {
        buffer_append(out, bytes, got);
    }
}

static void a_long_list_is_text_however_it_is_read(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static const char *names[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        names[i] = i % 3 ? "s/key" : "store/a longer key.jpg";
    }
    names[0] = "s/first\nline";
    names[17] = "s/\xc3";
    names[18] = "s/cr\r";
    names[COUNT - 1] = "";
    struct job_input input;
    struct buffer out = BUFFER_INIT;
    assert_int_equal(job_input_of_names(&input, names, COUNT, NULL), 0);
    assert_true(input.as_text);
    assert_true(input.nul_separated);
    assert_int_equal(job_input_sent(&input), COUNT - 1);
    for (size_t piece = 1; piece <= 64; piece += 9) {
        read_text(&input, piece, &out);
        assert_int_equal(out.size, input.text_bytes);
        assert_memory_equal(out.data, "s/first\nline\0s/key\0s/key\0store/a longer key.jpg\0", 48);
        size_t lines = 0;
        for (size_t i = 0; i < out.size; i++) {
            lines += out.data[i] == '\0';
        }
        assert_int_equal(lines, COUNT - 1);
    }
    job_input_done(&input);
    names[0] = "s/first line";
    names[18] = "s/cr\r.jpg";
    assert_int_equal(job_input_of_names(&input, names, COUNT, NULL), 0);
    assert_false(input.nul_separated);
    read_text(&input, 64, &out);
    assert_memory_equal(out.data, "s/first line\ns/key\n", 19);
    job_input_done(&input);
    buffer_done(&out);
}

static int make(const struct situ_run_options *options, struct job_input *input,
                struct buffer *target, struct buffer *body)
{
    struct job_post job;
    struct model_name model = {.name = "cnn", .version = "2"};
    struct job_order order = {.model = &model, .input = input, .options = options, .follow = true};
    int r = job_post_make(&job, &order, NULL);
    buffer_clear(target);
    buffer_clear(body);
    if (r == 0) {
        buffer_append_text(target, job.request.target);
        buffer_append_text(body, job.request.body);
        /* The token is never the same. */
        assert_non_null(buffer_text(body));
        char *token = strstr(body->data, "\"token\":");
        assert_non_null(token);
        assert_int_equal(strlen(token), 8 + 14 + 1);
        *token = '\0';
        assert_true(job.request.repeatable && job.request.compressed);
    }
    job_post_done(&job);
    return r;
}

static void options_become_members(void **state)
{
    (void)state;
    struct job_input input;
    struct buffer target = BUFFER_INIT;
    struct buffer body = BUFFER_INIT;
    assert_int_equal(job_input_of_prefix(&input, "s/", NULL), 0);
    struct situ_run_options options = {.struct_size = sizeof options};
    assert_int_equal(make(&options, &input, &target, &body), 0);
    assert_string_equal(buffer_text(&target), "/v1/jobs?follow=1");
    assert_string_equal(body.data, "{\"model\":\"cnn@2\",\"select\":{\"store\":\"s\"},"
                                   "\"output\":{\"labels\":false,\"embedding\":\"base64\"},"
                                   "\"keep\":false,");
    options.top = 3;
    options.priority = UINT32_MAX;
    options.max_failures = UINT64_MAX;
    options.no_cache = 1;
    options.standing = 1;
    options.interval_s = 7;
    options.progress = 1;
    options.glob = "**";
    assert_int_equal(make(&options, &input, &target, &body), 0);
    assert_string_equal(buffer_text(&target), "/v1/jobs?follow=1&progress=1");
    assert_string_equal(
        body.data,
        "{\"model\":\"cnn@2\",\"select\":{\"store\":\"s\",\"glob\":\"**\"},\"top\":3,"
        "\"output\":{\"labels\":false,\"embedding\":\"base64\"},\"priority\":0,\"max_failures\":0,"
        "\"cache\":false,\"keep\":false,\"standing\":true,\"interval_s\":7,");
    options.interval_s = 86401;
    assert_int_equal(make(&options, &input, &target, &body), -EINVAL);
    options.interval_s = 0;
    options.priority = 10;
    assert_int_equal(make(&options, &input, &target, &body), -EINVAL);
    job_input_done(&input);
    static const char *const names[] = {"s/a"};
    options.priority = 9;
    assert_int_equal(job_input_of_names(&input, names, 1, NULL), 0);
    assert_int_equal(make(&options, &input, &target, &body), -EINVAL);
    job_input_done(&input);
    buffer_done(&target);
    buffer_done(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_that_are_taken),
        cmocka_unit_test(addresses_that_are_refused),
        cmocka_unit_test(the_default_address),
        cmocka_unit_test(model_names),
        cmocka_unit_test(targets_are_encoded),
        cmocka_unit_test(a_prefix_is_asked_for_as_it_is),
        cmocka_unit_test(names_that_cannot_be_sent_fail_in_their_place),
        cmocka_unit_test(a_long_list_is_text_however_it_is_read),
        cmocka_unit_test(options_become_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
