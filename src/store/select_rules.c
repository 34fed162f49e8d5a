/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of a selection as a value, and in files.
 */
#include "store/select_rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "store/exclusion.h"

void select_rules_done(struct select_rules *rules)
{
    free(rules->exclude);
    free(rules->defaults);
    *rules = (struct select_rules){.sniff = false};
}

int select_rules_copy(const struct select_rules *rules, struct select_rules *ret_copy)
{
    struct select_rules copy = {.sniff = rules->sniff};
    if (text_copy(rules->exclude, &copy.exclude) < 0 ||
        text_copy(rules->defaults, &copy.defaults) < 0) {
        select_rules_done(&copy);
        return -ENOMEM;
    }
    *ret_copy = copy;
    return 0;
}

bool select_rules_are_same(const struct select_rules *a, const struct select_rules *b)
{
    return a->sniff == b->sniff && text_is_same(a->exclude, b->exclude) &&
           text_is_same(a->defaults, b->defaults);
}

static void put_lines(struct json_writer *w, const char *key, const char *lines)
{
    if (!lines) {
        return;
    }
    json_begin_array(w, key);
    for (const char *at = lines; *at;) {
        size_t size = strcspn(at, "\n");
        json_put_bytes(w, NULL, at, size);
        at += size + (at[size] == '\n');
    }
    json_end_array(w);
}

static void put_if_true(struct json_writer *w, const char *key, bool value)
{
    if (value) {
        json_put_bool(w, key, true);
    }
}

void select_rules_put_file(struct json_writer *w, const struct select_rules *rules)
{
    put_lines(w, "exclude", rules->exclude);
    put_lines(w, "exclude_defaults", rules->defaults);
    put_if_true(w, "sniff", rules->sniff);
}

void select_rules_put_select(struct json_writer *w, const struct select_rules *rules)
{
    put_lines(w, "exclude", rules->exclude);
    if (!rules->defaults) {
        json_put_bool(w, "exclude_defaults", false);
    }
    put_if_true(w, "sniff", rules->sniff);
}

static int read_lines(const struct json *object, const char *name, char **place, unsigned *members)
{
    cleanup_buffer struct buffer lines = BUFFER_INIT;
    const struct json *node = json_member(object, name);
    if (!node) {
        return 0;
    }
    (*members)++;
    if (json_type_of(node) != JSON_TYPE_ARRAY || json_length(node) > LIMIT_EXCLUDE_PATTERNS) {
        return -EINVAL;
    }
    for (size_t i = 0; i < json_length(node); i++) {
        const char *pattern = json_get_string(json_element(node, i), "");
        if (exclusion_check(pattern, NULL) < 0) {
            return -EINVAL;
        }
        buffer_append_text(&lines, pattern);
        buffer_append_char(&lines, '\n');
    }
    const char *text = buffer_text(&lines);
    *place = text ? strdup(text) : NULL;
    return *place ? 0 : -ENOMEM;
}

int select_rules_read_file(const struct json *object, struct select_rules *ret_rules,
                           unsigned *ret_members)
{
    struct select_rules rules = {.sniff = false};
    unsigned members = 0;
    const struct json *sniff = json_member(object, "sniff");
    int r = read_lines(object, "exclude", &rules.exclude, &members);
    if (r == 0) {
        r = read_lines(object, "exclude_defaults", &rules.defaults, &members);
    }
    if (r == 0 && sniff) {
        members++;
        rules.sniff = json_get_bool(sniff, false);
        r = json_type_of(sniff) == JSON_TYPE_BOOL ? 0 : -EINVAL;
    }
    if (r < 0) {
        select_rules_done(&rules);
        return r;
    }
    *ret_rules = rules;
    *ret_members = members;
    return 0;
}
