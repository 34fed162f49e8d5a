/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of a job's log: what is written reads back, what was changed is seen, names survive.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "data/object_name.h"
#include "jobs/job_record.h"

static const char plain[] = "{\"object\":\"photos/a.jpg\",\"classes\":[{\"index\":285}]}";

/* The stored line without its line feed; the caller frees it. */
static char *stored(const char *object, const struct job_record_facts *facts, size_t *ret_size)
{
    struct buffer out = BUFFER_INIT;
    job_record_write(&out, object, strlen(object), facts);
    assert_int_equal(buffer_ok(&out), 0);
    assert_true(out.size > 0 && out.size <= strlen(object) + JOB_RECORD_EXTRA_BYTES);
    assert_int_equal(out.data[out.size - 1], '\n');
    *ret_size = out.size - 1;
    assert_null(memchr(out.data, '\n', *ret_size));
    return out.data;
}

static void reads_back(const char *object, const struct job_record_facts *facts)
{
    size_t size;
    size_t visible;
    struct job_record_facts got;
    char *line = stored(object, facts, &size);
    assert_int_equal(job_record_check(line, size, &visible, &got), 0);
    assert_int_equal(visible, strlen(object) - 1);
    assert_memory_equal(line, object, visible);
    assert_int_equal(got.cached, facts->cached);
    assert_int_equal(got.flawed, facts->flawed);
    assert_int_equal(got.bytes_read, facts->bytes_read);
    assert_int_equal(got.pass, facts->pass);
    assert_int_equal(got.has_identity, facts->has_identity);
    assert_true(identity_is_same(&got.identity, &facts->identity));

    /* The stored line is JSON, too. */
    struct json *root;
    assert_int_equal(json_parse(line, size, "line", &root, NULL), 0);
    assert_string_equal(json_get_string(json_member(root, "object"), ""), "photos/a.jpg");
    json_free(root);
    free(line);
}

static void a_line_reads_back_with_its_facts(void **state)
{
    (void)state;
    reads_back(plain, &(struct job_record_facts){0});
    reads_back(plain, &(struct job_record_facts){.cached = true});
    reads_back(plain, &(struct job_record_facts){.flawed = true});
    reads_back(plain, &(struct job_record_facts){.cached = true, .bytes_read = UINT64_MAX});
    reads_back(plain, &(struct job_record_facts){.bytes_read = 1, .pass = 7});
    reads_back(plain, &(struct job_record_facts){.pass = 10});
    reads_back(plain, &(struct job_record_facts){
                          .cached = true,
                          .flawed = true,
                          .bytes_read = UINT64_MAX,
                          .pass = UINT64_MAX,
                          .has_identity = true,
                          .identity = identity_of_words((const uint64_t[]){
                              UINT64_MAX, UINT64_MAX, UINT64_MAX, (uint64_t)INT64_MIN, UINT64_MAX}),
                      });
    reads_back(plain, &(struct job_record_facts){
                          .bytes_read = 5,
                          .has_identity = true,
                          .identity = identity_of_words((const uint64_t[]){1, 2, 0, 3, 4})});
    reads_back(plain, &(struct job_record_facts){
                          .pass = 2,
                          .has_identity = true,
                          .identity = identity_of_words((const uint64_t[]){1, 2, 0, 3, 4})});
}

static void the_form_is_the_one_that_is_documented(void **state)
{
    (void)state;
    size_t size;
    struct job_record_facts facts = {
        .cached = true,
        .bytes_read = 1204,
        .pass = 12,
        .has_identity = true,
        .identity = identity_of_words((const uint64_t[]){0x9f3c, 0x71, 0x4b4, 0x17e0, 0x17e1})};
    char *line = stored("{\"object\":\"p/a\",\"classes\":[]}", &facts, &size);
    const char *wanted = "{\"object\":\"p/a\",\"classes\":[],"
                         "\"log\":\"c r1204 12 9f3c 71 4b4 17e0 17e1 ";
    assert_memory_equal(line, wanted, strlen(wanted));
    assert_int_equal(size, strlen(wanted) + 10);
    free(line);
    facts.pass = 0;
    line = stored("{\"object\":\"p/a\",\"classes\":[]}", &facts, &size);
    wanted = "{\"object\":\"p/a\",\"classes\":[],\"log\":\"c r1204 i 9f3c 71 4b4 17e0 17e1 ";
    assert_memory_equal(line, wanted, strlen(wanted));
    assert_int_equal(size, strlen(wanted) + 10);
    free(line);
    line = stored("{\"object\":\"p/a\",\"classes\":[]}", &(struct job_record_facts){0}, &size);
    assert_int_equal(size, strlen("{\"object\":\"p/a\",\"classes\":[],\"log\":\"12345678\"}"));
    free(line);
}

static void any_changed_bit_and_any_missing_byte_is_seen(void **state)
{
    (void)state;
    size_t size;
    size_t visible;
    struct job_record_facts facts = {.cached = true, .bytes_read = 33, .pass = 3};
    char *line = stored(plain, &facts, &size);
    for (size_t i = 0; i < size * 8; i++) {
        line[i / 8] = (char)(line[i / 8] ^ 1 << i % 8);
        assert_int_equal(job_record_check(line, size, &visible, &facts), -EBADMSG);
        line[i / 8] = (char)(line[i / 8] ^ 1 << i % 8);
    }
    for (size_t i = 0; i < size; i++) {
        char *copy = malloc(i + 1);
        assert_non_null(copy);
        memcpy(copy, line, i);
        assert_int_equal(job_record_check(copy, i, &visible, &facts), -EBADMSG);
        memcpy(copy, line + size - i, i);
        assert_int_equal(job_record_check(copy, i, &visible, &facts), -EBADMSG);
        free(copy);
    }
    assert_int_equal(job_record_check(line, size, &visible, &facts), 0);
    free(line);
}

static void an_object_that_looks_like_a_line_of_the_log_stays_one_object(void **state)
{
    (void)state;
    size_t size;
    size_t visible;
    struct job_record_facts facts;
    const char *object = "{\"object\":\"p/a\",\"log\":\"c 00000000\"}";
    char *line = stored(object, &(struct job_record_facts){.pass = 4}, &size);
    assert_int_equal(job_record_check(line, size, &visible, &facts), 0);
    assert_int_equal(visible, strlen(object) - 1);
    assert_int_equal(facts.pass, 4);
    assert_false(facts.cached);
    free(line);
}

static void failures_and_objects_that_are_gone_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *object;
        bool failure;
        bool gone;
    } cases[] = {
        {"{\"object\":\"p/a\",\"error\":{\"code\":\"unfit\",\"message\":\"x\"}}", true, false},
        {"{\"object\":\"p/a\",\"gone\":true}", false, true},
        {"{\"object\":\"p/a\",\"classes\":[]}", false, false},
        /* Names that look like members. */
        {"{\"object\":\"p/\\\",\\\"error\\\":\",\"classes\":[]}", false, false},
        {"{\"object\":\"p/\\\\\",\"error\":{\"code\":\"io\",\"message\":\"x\"}}", true, false},
        {"{\"object\":\"p/,\\\"gone\\\":true\",\"embedding\":[1]}", false, false},
        {"{\"object\":\"p/a\",\"classes\":[{\"label\":\"x\\\",\\\"error\\\":\"}]}", false, false},
        {"{\"object\":\"p/a\"}", false, false},
        {"{\"object\":\"p/%E9\",\"encoded\":true,\"error\":{\"code\":\"io\",\"message\":\"x\"}}",
         true, false},
        {"{\"object\":\"p/%E9\",\"encoded\":true,\"gone\":true}", false, true},
        {"{\"object\":\"p/%E9\",\"encoded\":true,\"classes\":[]}", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size;
        char *line = stored(cases[i].object, &(struct job_record_facts){.cached = true}, &size);
        assert_int_equal(job_record_is_failure(line, size), cases[i].failure);
        assert_int_equal(job_record_is_gone(line, size), cases[i].gone);
        free(line);
    }
    assert_false(job_record_is_failure("{\"object\":\"", 11));
    assert_false(job_record_is_failure("{\"object\":\"a\\", 13));
    assert_false(job_record_is_gone("", 0));
}

/* A flawed name is encoded without a mark, as earlier versions wrote it. */
static void name_survives(const char *name, bool flawed)
{
    struct buffer object = BUFFER_INIT;
    if (flawed) {
        buffer_append_text(&object, "{\"object\":");
        object_name_put_value(&JSON_WRITER(&object), NULL, name, true);
    } else {
        buffer_append_char(&object, '{');
        object_name_put(&JSON_WRITER(&object), "object", name);
    }
    assert_true(utf8_valid(object.data, object.size));
    buffer_append_text(&object, ",\"error\":{}}");
    size_t size;
    size_t visible;
    struct job_record_facts facts = {.flawed = flawed};
    char *line = stored(buffer_text(&object), &facts, &size);
    assert_int_equal(job_record_check(line, size, &visible, &facts), 0);
    assert_true(job_record_is_failure(line, size));
    char *got;
    assert_int_equal(job_record_object(line, size, &facts, &got), 0);
    assert_string_equal(got, name);
    free(got);
    free(line);
    buffer_done(&object);
}

static void names_come_back_byte_for_byte(void **state)
{
    (void)state;
    name_survives("photos/a.jpg", false);
    name_survives("photos/a\"b\\c\n\t\x7f/\xc3\xa9.jpg", false);
    name_survives("photos/100%41.jpg", false);
    name_survives("photos/a.jpg", true);
    name_survives("photos/caf\xe9.jpg", true);
    name_survives("photos/100%41%.jpg\xff", true);
    name_survives("\x80\xc3\xe2\x82\xf0\x9f\x92\xed\xa0\x80\xc2\x85\xc2\xa0 \x01\x1f\x7f~", true);
    char all[256];
    for (size_t i = 0; i < 255; i++) {
        all[i] = (char)(i + 1);
    }
    all[255] = '\0';
    name_survives(all, true);
    name_survives(all, false);
    name_survives("photos/caf\xe9.jpg", false);
    name_survives("photos/100%41%\n.jpg\xff", false);
}

static void lines_without_a_name_have_none(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "{}",
        "{\"classes\":[]}",
        "{\"object\":\"",
        "{\"object\":\"a",
        "{\"object\":\"a\\",
        "{\"object\":\"\"}",
        "{\"object\":\"\\u0000\"}",
        "{\"object\":\"\\q\"}",
        "{\"object\":\"\xe9\"}",
        "{\"object\": \"a\"}",
    };
    static const char *const flawed[] = {"{\"object\":\"a%\"}", "{\"object\":\"a%4\"}",
                                         "{\"object\":\"a%4g\"}", "{\"object\":\"a%00\"}"};
    struct job_record_facts facts = {0};
    char *object;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_int_equal(job_record_object(lines[i], strlen(lines[i]), &facts, &object), -EBADMSG);
    }
    facts.flawed = true;
    for (size_t i = 0; i < sizeof flawed / sizeof flawed[0]; i++) {
        assert_int_equal(job_record_object(flawed[i], strlen(flawed[i]), &facts, &object),
                         -EBADMSG);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_reads_back_with_its_facts),
        cmocka_unit_test(the_form_is_the_one_that_is_documented),
        cmocka_unit_test(any_changed_bit_and_any_missing_byte_is_seen),
        cmocka_unit_test(an_object_that_looks_like_a_line_of_the_log_stays_one_object),
        cmocka_unit_test(failures_and_objects_that_are_gone_are_told_apart),
        cmocka_unit_test(names_come_back_byte_for_byte),
        cmocka_unit_test(lines_without_a_name_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
