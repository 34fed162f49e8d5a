/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting and reporting what is skipped.
 */
#include "store/left_out.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"

void left_out_tally_add(struct left_out_tally *sum, const struct left_out_tally *more)
{
    for (int i = 0; i < SUFFIX_KINDS; i++) {
        sum->suffixes[i] += more->suffixes[i];
    }
    sum->links += more->links;
    sum->names += more->names;
    sum->excluded += more->excluded;
}

uint64_t left_out_tally_skipped(const struct left_out_tally *tally)
{
    uint64_t skipped = 0;
    for (int i = 0; i < SUFFIX_KINDS; i++) {
        skipped += tally->suffixes[i];
    }
    return skipped;
}

/* Inserts a suffix among the most frequent ones. Those of equal numbers are in order of names,
 * since `number` only increases. */
static void rank(struct left_out *left_out, int number, uint64_t files)
{
    unsigned at = left_out->suffix_count;
    while (at > 0 && left_out->suffixes[at - 1].files < files) {
        at--;
    }
    if (at == LIMIT_TOLD_SUFFIXES) {
        return;
    }
    if (left_out->suffix_count < LIMIT_TOLD_SUFFIXES) {
        left_out->suffix_count++;
    }
    memmove(&left_out->suffixes[at + 1], &left_out->suffixes[at],
            (left_out->suffix_count - 1 - at) * sizeof left_out->suffixes[0]);
    struct left_out_suffix *place = &left_out->suffixes[at];
    *place = (struct left_out_suffix){.files = files};
    (void)strncpy(place->suffix, suffix_text(number), sizeof place->suffix - 1);
}

struct left_out left_out_of(const struct left_out_tally *tally)
{
    struct left_out left_out = {.links = tally->links,
                                .names = tally->names,
                                .excluded = tally->excluded,
                                .skipped = left_out_tally_skipped(tally)};
    for (int i = 0; i < SUFFIX_KINDS; i++) {
        if (tally->suffixes[i] > 0) {
            rank(&left_out, i, tally->suffixes[i]);
        }
    }
    return left_out;
}

bool left_out_is_same(const struct left_out *a, const struct left_out *b)
{
    bool same = a->skipped == b->skipped && a->links == b->links && a->names == b->names &&
                a->excluded == b->excluded && a->suffix_count == b->suffix_count;
    for (unsigned i = 0; same && i < a->suffix_count; i++) {
        same = a->suffixes[i].files == b->suffixes[i].files &&
               strcmp(a->suffixes[i].suffix, b->suffixes[i].suffix) == 0;
    }
    return same;
}

uint64_t left_out_sum(const struct left_out *left_out)
{
    return left_out->skipped + left_out->links + left_out->names + left_out->excluded;
}

/* JSON's numbers here end at INT64_MAX. */
static uint64_t bounded(uint64_t value)
{
    return value < INT64_MAX ? value : INT64_MAX;
}

static void put_if_any(struct json_writer *w, const char *key, uint64_t value)
{
    if (value > 0) {
        json_put_unsigned(w, key, bounded(value));
    }
}

void left_out_put_json(struct json_writer *w, const struct left_out *left_out)
{
    json_put_unsigned(w, "skipped", bounded(left_out->skipped));
    if (left_out->suffix_count > 0) {
        json_begin_object(w, "skipped_suffixes");
        for (unsigned i = 0; i < left_out->suffix_count; i++) {
            json_put_unsigned(w, left_out->suffixes[i].suffix,
                              bounded(left_out->suffixes[i].files));
        }
        json_end_object(w);
    }
    put_if_any(w, "links", left_out->links);
    put_if_any(w, "excluded", left_out->excluded);
    put_if_any(w, "names", left_out->names);
}

static int read_count(const struct json *object, const char *name, uint64_t *place,
                      unsigned *members)
{
    const struct json *node = json_member(object, name);
    int64_t value = json_get_integer(node, node ? -1 : 0);
    if (value < 0) {
        return -EINVAL;
    }
    *members += node != NULL;
    *place = (uint64_t)value;
    return 0;
}

/* A suffix as it is written above: lower case letters and digits. */
static int read_suffix(void *context, const char *key, const struct json *value)
{
    struct left_out *left_out = context;
    int64_t files = json_get_integer(value, 0);
    size_t size = strlen(key);
    if (left_out->suffix_count == LIMIT_TOLD_SUFFIXES || files <= 0 || size == 0 ||
        size >= SUFFIX_SIZE || strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789") != size) {
        return -EINVAL;
    }
    struct left_out_suffix *suffix = &left_out->suffixes[left_out->suffix_count++];
    suffix->files = (uint64_t)files;
    memcpy(suffix->suffix, key, size + 1);
    return 0;
}

int left_out_read_json(const struct json *object, struct left_out *ret_left_out,
                       unsigned *ret_members)
{
    struct left_out left_out = {.skipped = 0};
    unsigned members = 0;
    unsigned others = 0;
    const struct json *suffixes = json_member(object, "skipped_suffixes");
    if (read_count(object, "skipped", &left_out.skipped, &others) < 0 ||
        read_count(object, "links", &left_out.links, &members) < 0 ||
        read_count(object, "excluded", &left_out.excluded, &members) < 0 ||
        read_count(object, "names", &left_out.names, &members) < 0 ||
        (suffixes && json_type_of(suffixes) != JSON_TYPE_OBJECT)) {
        return -EINVAL;
    }
    if (suffixes) {
        members++;
        int r = json_each_member(suffixes, read_suffix, &left_out);
        if (r < 0) {
            return r;
        }
    }
    *ret_left_out = left_out;
    *ret_members = members;
    return 0;
}
