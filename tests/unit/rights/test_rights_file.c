/* SPDX-License-Identifier: Apache-2.0
 *
 * Token files as editors of any system write them, and those that let strangers in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "rights/rights.h"

#define PARSE(text, error) parse(text, sizeof(text) - 1, error)

static struct rights *parse(const char *text, size_t size, struct error *error)
{
    struct rights *rights = NULL;
    *error = (struct error){0};
    int r = rights_parse(text, size, &rights, error);
    assert_int_equal(r < 0, rights == NULL);
    return rights;
}

static void assert_taken(const char *text, size_t size, const char *token)
{
    struct error error;
    struct rights *rights = parse(text, size, &error);
    assert_non_null(rights);
    assert_non_null(rights_find_token(rights, token));
    assert_null(rights_find_token(rights, ""));
    rights_unref(rights);
}

static void assert_refused(const char *text, size_t size, const char *reason)
{
    struct error error;
    assert_null(parse(text, size, &error));
    assert_int_equal(error.code, ERROR_MALFORMED);
    if (!strstr(error.message, reason)) {
        fail_msg("%s", error.message);
    }
}

#define TAKEN(text, token) assert_taken(text, sizeof(text) - 1, token)
#define REFUSED(text, reason) assert_refused(text, sizeof(text) - 1, reason)

static void what_editors_write_is_taken(void **state)
{
    (void)state;
    TAKEN("secret", "secret");
    TAKEN("secret\n", "secret");
    TAKEN("secret\r\n", "secret");
    TAKEN("\r\n# two\r\nfirst\r\nsecret\r\n", "secret");
    TAKEN("\xef\xbb\xbfsecret\n", "secret");
    TAKEN("\xef\xbb\xbf# with a mark\r\nsecret", "secret");
    TAKEN("  \tsecret \t\n", "secret");
    TAKEN("   \n\t\nsecret\n  # not a token\n", "secret");
    TAKEN("two words\n", "two words");
    TAKEN("gr\xc3\xbc\xc3\x9f\x65\n", "gr\xc3\xbc\xc3\x9f\x65");
}

static void control_bytes_are_refused_by_line(void **state)
{
    (void)state;
    REFUSED("first\rsecond\r", "line 1 has a carriage return");
    REFUSED("first\n\nsecond\r", "line 3 has a carriage return");
    REFUSED("first\r\r\nsecond\n", "line 1 has a carriage return");
    REFUSED("\r", "line 1");
    REFUSED("first\nsec\0ond\n", "line 2 has a control byte (0x00)");
    REFUSED("# comment \x01\nfirst\n", "line 1 has a control byte (0x01)");
    REFUSED("first\x7f\n", "line 1 has a control byte (0x7f)");
    REFUSED("fir\tst\n", "line 1 has a control byte (0x09)");
    REFUSED("fir\x1b[0mst\n", "line 1");
    REFUSED("\xff\xfe"
            "s\0e\0c\0", /* UTF-16 */
            "line 1");
}

static void a_file_without_a_token_is_refused(void **state)
{
    (void)state;
    REFUSED("", "no token");
    REFUSED("\n", "no token");
    REFUSED(" \t \n   \n", "no token");
    REFUSED("\xef\xbb\xbf", "no token");
    REFUSED("# nothing\n \n", "no token");
}

static const char hash_a[] =
    "[token a]\nhash = "
    "2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90\n"; /* of "alice" */

static void sections_are_read(void **state)
{
    (void)state;
    char text[1024];
    struct error error;
    (void)snprintf(text, sizeof text,
                   "# all of it\n%srights = reader jobs volumes:lun1\n"
                   "stores = photos/2024/ photos/2024/spring/ scans photos/20%%2025/ b/\n"
                   "expires = 2027-01-31\r\nrequests_per_second=50\nconcurrent =\t8\n"
                   "\n[user anna]\nrights = admin\nstores = *\n[group staff]\n",
                   hash_a);
    struct rights *rights = parse(text, strlen(text), &error);
    assert_non_null(rights);
    const struct grant *grant = rights_find_token(rights, "alice");
    assert_non_null(grant);
    assert_null(rights_find_token(rights, "bob"));
    assert_string_equal(grant->name, "a");
    assert_int_equal(grant->rights, RIGHTS_READER | RIGHT_JOBS);
    assert_int_equal(grant->scope_count, 4);
    assert_string_equal(grant->scopes[0], "b");
    assert_string_equal(grant->scopes[1], "photos/20 25/");
    assert_string_equal(grant->scopes[2], "photos/2024/");
    assert_string_equal(grant->scopes[3], "scans");
    assert_int_equal(grant->volume_count, 1);
    assert_string_equal(grant->volumes[0], "lun1");
    assert_int_equal(grant->expires_s, 1801353600);
    assert_int_equal(grant->requests_per_second, 50);
    assert_int_equal(grant->concurrent, 8);
    grant = rights_find(rights, GRANT_USER, "anna");
    assert_non_null(grant);
    assert_true(grant->all_stores);
    assert_int_equal(grant->rights, RIGHTS_ALL);
    assert_int_equal(grant->volume_count, 0); /* `admin` names no volume */
    assert_int_equal(rights_find(rights, GRANT_GROUP, "staff")->rights, 0);
    assert_int_equal(rights_plain_line(rights), 0);
    rights_unref(rights);
}

static void assert_section_refused(const char *rest, const char *reason)
{
    char text[4096];
    (void)snprintf(text, sizeof text, "%s%s", hash_a, rest);
    assert_refused(text, strlen(text), reason);
}

static void sections_with_faults_are_refused_by_line(void **state)
{
    (void)state;
    static const char *const faults[][2] = {
        {"rights = infer read\n", "line 3: 'read' is no right"},
        {"rights = volumes:\n", "line 3: rights: volumes:NAME"},
        {"stores = photos/2024\n", "line 3: stores: a prefix ends with a slash"},
        {"stores = photos//\n", "line 3: stores: "},
        {"stores = photos/../\n", "line 3: stores: "},
        {"stores = /a/\n", "line 3: stores: STORE"},
        {"stores = a%zz/\n", "line 3: stores: % is followed"},
        {"stores = pho?os\n", "line 3: stores: the name of a store"},
        {"expires = tomorrow\n", "line 3: expires: a date"},
        {"expires = 2027-02-31x\n", "line 3: expires: a date"},
        {"expires = 1960-01-01\n", "line 3: expires: the year"},
        {"expires = 2027-02-31\n", "line 3: expires: a date"},
        {"expires = 2027-1-31\n", "line 3: expires: a date"},
        {"expires =  2027-01-31T24:00:00Z\n", "line 3: expires: a date"},
        {"concurrent = 0\n", "line 3: concurrent: a number from 1"},
        {"concurrent = -1\n", "line 3: concurrent: a number from 1"},
        {"requests_per_second = 1e3\n", "line 3: requests_per_second: a number from 1"},
        {"right = infer\n", "line 3: there is no such setting"},
        {"hash = 00\n", "line 3: the section has this setting already"},
        {"rights\n", "line 3: `name = value`"},
        {"[token a]\n", "line 3: the section is there already, in line 1"},
        {"[token b]\n", "line 3: [token b] has no hash"},
        {"[token b b]\n", "line 3: the name of a token"},
        {"[token ]\n", "line 3: the name of a token"},
        {"[user a\"b]\n", "line 3: the name of a user"},
        {"[user a\xff]\n", "line 3: the name of a user"},
        {"[group x]\nexpires = 2027-01-31\n", "line 4: only a [token NAME] expires"},
        {"[user x]\nhash = 00\n", "line 4: only a [token NAME] has a hash"},
        {"[token b]\nhash = 12\n", "line 4: hash: the SHA-256"},
        {"[store b]\n", "line 3: `name = value`"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        assert_section_refused(faults[i][0], faults[i][1]);
    }
    char twice[512];
    (void)snprintf(twice, sizeof twice, "[token b]%s", strchr(hash_a, '\n'));
    assert_section_refused(twice, "line 3: the section has the same hash as that of line 1");
    REFUSED("[token a]\nhash = "
            "E3B0C44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
            "line 2: hash: it is the SHA-256 of an empty text");
    REFUSED("; a note is no token\n[token a\n", "line 2: a section is [token NAME]");
    REFUSED("[tokens a]\nhash = 00\n", "line 1: a section is [token NAME]");
    REFUSED("# x\nhash = 00\n", "line 2: a setting outside of a section");
    assert_refused("plain-token\n[token a]\n", 22, "line 2: a section behind plain tokens");
}

/* What is within a scope follows it directly, whatever bytes sort between. */
static void scopes_within_another_are_dropped(void **state)
{
    (void)state;
    static const char text[] = "[user u]\nrights = volumes:b list volumes:a\n"
                               "stores = a-b a/x/ a b/c/d/ b/c/ b/c-/ b/c/d/e/ b/c/ c/ ; d\n";
    static const char *const left[] = {"a", "a-b", "b/c/", "b/c-/", "c"};
    struct error error;
    REFUSED(text, "line 3: stores: the name of a store"); /* no note at the end of a line */
    struct rights *rights = parse(text, strlen(text) - strlen(" ; d\n"), &error);
    assert_non_null(rights);
    const struct grant *grant = rights_find(rights, GRANT_USER, "u");
    assert_int_equal(grant->scope_count, sizeof left / sizeof left[0]);
    for (size_t i = 0; i < grant->scope_count; i++) {
        assert_string_equal(grant->scopes[i], left[i]);
    }
    assert_int_equal(grant->volume_count, 2);
    assert_string_equal(grant->volumes[1], "a");
    assert_null(rights_find(rights, GRANT_GROUP, "u"));
    rights_unref(rights);
}

/* As large a file as is read: neither its sections nor its words are compared each with each. */
static void large_files_are_read(void **state)
{
    (void)state;
    static char text[LIMIT_TOKEN_FILE_BYTES + 1];
    struct error error;
    char name[32];
    size_t size = 0;
    size_t count = 0;
    while (size + 32 < sizeof text) {
        size += (size_t)snprintf(text + size, 32, "[user u%zu]\n", count++);
    }
    struct rights *rights = parse(text, size, &error);
    assert_non_null(rights);
    assert_int_equal(rights_count(rights, GRANT_USER), count);
    (void)snprintf(name, sizeof name, "u%zu", count - 1);
    assert_int_equal(rights_find(rights, GRANT_USER, name)->line, count);
    assert_null(rights_find(rights, GRANT_USER, "u"));
    rights_unref(rights);

    for (int words = LIMIT_GRANT_WORDS; words <= (int)LIMIT_GRANT_WORDS + 1; words++) {
        size = (size_t)snprintf(text, sizeof text, "[user u]\nstores =");
        for (int i = 0; i < words; i++) {
            size += (size_t)snprintf(text + size, 16, " s%d", i);
        }
        rights = parse(text, size, &error);
        assert_int_equal(rights != NULL, words == LIMIT_GRANT_WORDS);
        rights_unref(rights);
    }
    assert_non_null(strstr(error.message, "line 2: more than 1024 words"));
}

static void short_tokens_are_told_by_line(void **state)
{
    (void)state;
    struct error error;
    struct rights *rights = PARSE("0123456789abcdef\n# x\nshort\nshorter\n", &error);
    assert_non_null(rights);
    assert_int_equal(rights_count(rights, GRANT_TOKEN), 3);
    assert_int_equal(rights_short_line(rights), 3);
    assert_ptr_equal(rights_find(rights, GRANT_TOKEN, "line-3"),
                     rights_find_token(rights, "short"));
    assert_null(rights_find(rights, GRANT_TOKEN, "line-2"));
    assert_null(rights_find(rights, GRANT_TOKEN, "line-03"));
    assert_null(rights_find(rights, GRANT_TOKEN, "line-5"));
    assert_null(rights_find(rights, GRANT_USER, "line-3"));
    rights_unref(rights);
    rights = PARSE("0123456789abcdef\n", &error);
    assert_non_null(rights);
    assert_int_equal(rights_short_line(rights), 0);
    rights_unref(rights);
}

static void many_lines_have_room_however_they_end(void **state)
{
    (void)state;
    enum { LINES = 5000 };
    static char text[LINES * 8 + 1];
    struct error error;
    for (size_t i = 0; i < LINES; i++) {
        (void)snprintf(text + 8 * i, 9, "t%05zu\r\n", i);
    }
    struct rights *rights = parse(text, sizeof text - 1, &error);
    assert_non_null(rights);
    assert_int_equal(rights_count(rights, GRANT_TOKEN), LINES);
    assert_non_null(rights_find_token(rights, "t04999"));
    rights_unref(rights);
    for (size_t i = 0; i < LINES; i++) {
        text[8 * i + 7] = '\r';
    }
    assert_null(parse(text, sizeof text - 1, &error));
    assert_non_null(strstr(error.message, "line 1 "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_editors_write_is_taken),
        cmocka_unit_test(control_bytes_are_refused_by_line),
        cmocka_unit_test(a_file_without_a_token_is_refused),
        cmocka_unit_test(sections_are_read),
        cmocka_unit_test(sections_with_faults_are_refused_by_line),
        cmocka_unit_test(scopes_within_another_are_dropped),
        cmocka_unit_test(large_files_are_read),
        cmocka_unit_test(short_tokens_are_told_by_line),
        cmocka_unit_test(many_lines_have_room_however_they_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
