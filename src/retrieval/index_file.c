/* SPDX-License-Identifier: Apache-2.0
 *
 * index.json, written and read. Every member is required, unless noted, and checked; what is
 * written is read back before it replaces the old file.
 */
#include "retrieval/index_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/name.h"
#include "base/whole_file.h"
#include "retrieval/retrieval_spec.h"

enum { FORMAT = 1, MEMBERS = 13, NEXT_MEMBERS = 4 };

#define FILE_NAME "index.json"

void index_file_done(struct index_file *file)
{
    retrieval_spec_done(&file->spec);
    select_rules_done(&file->next_rules);
    *file = (struct index_file){.number = 0};
}

/* ---- written ---- */

static void put_next(struct json_writer *w, const struct index_file *file)
{
    if (file->next_number == 0) {
        json_put_null(w, "next");
        return;
    }
    json_begin_object(w, "next");
    json_put_unsigned(w, "number", file->next_number);
    json_put_string(w, "model", file->next_model);
    json_put_string(w, "version", file->next_version);
    json_put_string(w, "digest", file->next_digest);
    select_rules_put_file(w, &file->next_rules);
    json_end_object(w);
}

static void write_file(struct buffer *out, const struct index_file *file)
{
    const struct retrieval_spec *spec = &file->spec;
    struct json_writer w = JSON_WRITER(out);
    json_begin_object(&w, NULL);
    json_put_integer(&w, "format", FORMAT);
    json_put_string(&w, "name", spec->name);
    json_put_string(&w, "model", spec->model);
    json_put_string(&w, "version", spec->version);
    json_put_string(&w, "digest", spec->digest);
    if (selection_put_file(&w, &spec->select)) {
        json_put_bool(&w, "encoded", true);
    }
    select_rules_put_file(&w, &spec->select.rules);
    json_put_string(&w, "metric", index_metric_name(spec->metric));
    json_put_unsigned(&w, "interval_s", spec->interval_s);
    json_put_unsigned(&w, "number", file->number);
    json_put_unsigned(&w, "last", file->last);
    put_next(&w, file);
    json_end_object(&w);
    buffer_append_char(out, '\n');
}

/* ---- read ---- */

struct members {
    const struct json *object;
    struct error *error;
    int result;        /* of the first error; the other members are then read to no effect */
    unsigned optional; /* optional members that are present */
};

static void wrong(struct members *members, const char *name)
{
    if (members->result == 0) {
        members->result = error_set(members->error, ERROR_MALFORMED,
                                    FILE_NAME ": '%s' is missing or invalid", name);
    }
}

/* A word of letters, digits and "._-". */
static void take_word(struct members *members, const char *name, char *to, size_t room)
{
    const char *text = json_get_string(json_member(members->object, name), NULL);
    size_t size = text ? strlen(text) : 0;
    if (!text || size >= room || !name_is_word(text)) {
        wrong(members, name);
        return;
    }
    memcpy(to, text, size + 1);
}

static uint64_t take_number(struct members *members, const char *name, int64_t low, int64_t high)
{
    int64_t value = json_get_integer(json_member(members->object, name), low - 1);
    if (value < low || value > high) {
        wrong(members, name);
        return (uint64_t)low;
    }
    return (uint64_t)value;
}

static enum index_metric take_metric(struct members *members)
{
    const char *text = json_get_string(json_member(members->object, "metric"), "");
    enum index_metric metric = index_metric_parse(text);
    if (metric == 0) {
        wrong(members, "metric");
    }
    return metric;
}

static void take_next(struct members *members, struct index_file *file)
{
    const struct json *node = json_member(members->object, "next");
    if (node && json_type_of(node) == JSON_TYPE_NULL) {
        return;
    }
    struct members next = {.object = node, .error = members->error, .result = members->result};
    file->next_number = take_number(&next, "number", 1, INT64_MAX);
    take_word(&next, "model", file->next_model, sizeof file->next_model);
    take_word(&next, "version", file->next_version, sizeof file->next_version);
    take_word(&next, "digest", file->next_digest, sizeof file->next_digest);
    if (select_rules_read_file(node, &file->next_rules, &next.optional) < 0) {
        wrong(&next, "exclude");
    }
    if (file->next_model[0] == '\0' || file->next_number == file->number ||
        file->next_number > file->last || !file->spec.select.store ||
        json_length(node) != NEXT_MEMBERS + next.optional) {
        wrong(&next, "next");
    }
    members->result = next.result;
}

static void take_spec(struct members *members, struct retrieval_spec *spec)
{
    take_word(members, "name", spec->name, sizeof spec->name);
    take_word(members, "model", spec->model, sizeof spec->model);
    take_word(members, "version", spec->version, sizeof spec->version);
    take_word(members, "digest", spec->digest, sizeof spec->digest);
    if (members->result == 0) {
        members->result = selection_read_file(members->object, FILE_NAME, &spec->select,
                                              &members->optional, members->error);
    }
    spec->metric = take_metric(members);
    spec->interval_s = (uint32_t)take_number(members, "interval_s", 0, UINT32_MAX);
    if (spec->name[0] == '\0' || spec->name[0] == '.') {
        wrong(members, "name");
    }
    const char *store = spec->select.store;
    if (store && (store[0] == '\0' || strlen(store) > LIMIT_STORE_NAME || spec->model[0] == '\0')) {
        wrong(members, "store");
    }
}

static void take_file(struct members *members, struct index_file *file)
{
    if (json_type_of(members->object) != JSON_TYPE_OBJECT) {
        members->result =
            error_set(members->error, ERROR_MALFORMED, FILE_NAME " is not a JSON object");
        return;
    }
    uint64_t format = take_number(members, "format", 1, INT64_MAX);
    if (members->result == 0 && format != FORMAT) {
        members->result =
            error_set(members->error, ERROR_MALFORMED,
                      FILE_NAME " has format %" PRIu64 ", written by a newer situd; this one "
                                "reads %d",
                      format, FORMAT);
        return;
    }
    take_spec(members, &file->spec);
    file->number = take_number(members, "number", 1, INT64_MAX);
    file->last = take_number(members, "last", 1, INT64_MAX);
    if (file->last < file->number) {
        wrong(members, "last");
    }
    take_next(members, file);
    size_t expected = MEMBERS + members->optional;
    if (members->result == 0 && json_length(members->object) != expected) {
        members->result =
            error_set(members->error, ERROR_MALFORMED, FILE_NAME " has an unknown member");
    }
}

int index_file_parse(const char *text, size_t size, struct index_file *ret_file,
                     struct error *error)
{
    cleanup_json struct json *root = NULL;
    struct index_file file = {.number = 0};
    int r = json_parse(text, size, FILE_NAME, &root, error);
    if (r < 0) {
        return r;
    }
    struct members members = {.object = root, .error = error};
    take_file(&members, &file);
    if (members.result < 0) {
        index_file_done(&file);
        return members.result;
    }
    *ret_file = file;
    return 0;
}

/* ---- the file ---- */

int index_file_write(const char *directory, const struct index_file *file, struct error *error)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    struct index_file again;
    write_file(&text, file);
    if (buffer_ok(&text) < 0) {
        return error_memory(error, FILE_NAME);
    }
    int r = index_file_parse(text.data, text.size, &again, error);
    if (r < 0) {
        return r;
    }
    index_file_done(&again);
    return whole_file_save(directory, FILE_NAME, &text, error);
}

int index_file_read(const char *directory, struct index_file *ret_file, struct error *error)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    int r = whole_file_load(directory, FILE_NAME, LIMIT_JSON_BYTES, &text, error);
    return r < 0 ? r : index_file_parse(text.data ? text.data : "", text.size, ret_file, error);
}
