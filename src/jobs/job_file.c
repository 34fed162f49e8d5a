/* SPDX-License-Identifier: Apache-2.0
 *
 * job.json, written and read. Every member is required, unless noted, and checked; what is written
 * is read back before it replaces the old file, so that the next start can read it.
 */
#include "jobs/job_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/name.h"
#include "base/text.h"
#include "base/whole_file.h"

enum { FORMAT = 1, MEMBERS = 26 };

#define FILE_NAME "job.json"
#define BINARY "base64" /* the form of embeddings that are not numbers */

void job_file_done(struct job_file *file)
{
    job_spec_done(&file->spec);
    roots_done(&file->roots);
    *file = (struct job_file){0};
}

/* ---- members, written ---- */

/* Numbers of the JSON reader end at INT64_MAX. */
static uint64_t bounded(uint64_t value)
{
    return value < INT64_MAX ? value : INT64_MAX;
}

static void put_roots(struct json_writer *w, const struct roots *roots)
{
    if (roots->count == 0) {
        return;
    }
    json_begin_array(w, "roots");
    for (size_t i = 0; i < roots->count; i++) {
        const struct root *root = &roots->list[i];
        json_begin_object(w, NULL);
        json_put_string(w, "store", root->name);
        buffer_printf(json_put_raw(w, "filesystem"), "\"%016" PRIx64 "\"", root->filesystem);
        json_put_bool(w, "device_only", root->device_only);
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_spec(struct json_writer *w, const struct job_spec *spec)
{
    json_put_string(w, "id", spec->id);
    if (spec->owner[0]) {
        json_put_string(w, "owner", spec->owner);
    }
    json_put_string(w, "token", spec->token);
    json_put_string(w, "model", spec->model);
    json_put_string(w, "version", spec->version);
    json_put_string(w, "digest", spec->digest);
    bool encoded = selection_put_file(w, &spec->select);
    select_rules_put_file(w, &spec->select.rules);
    json_put_bool(w, "keys", spec->has_keys);
    if (spec->keys_stores) {
        json_put_string(w, "keys_stores", spec->keys_stores);
    }
    if (encoded) {
        json_put_bool(w, "encoded", true);
    }
    json_put_unsigned(w, "top", spec->top);
    json_put_bool(w, "labels", spec->labels);
    if (spec->binary) {
        json_put_string(w, "embedding", BINARY);
    }
    json_put_unsigned(w, "priority", spec->priority);
    if (spec->max_failures != UINT64_MAX) {
        json_put_unsigned(w, "max_failures", bounded(spec->max_failures));
    } else {
        json_put_null(w, "max_failures");
    }
    json_put_bool(w, "cache", spec->cache);
    json_put_bool(w, "keep", spec->keep);
    json_put_bool(w, "standing", spec->standing);
    json_put_unsigned(w, "interval_s", spec->interval_s);
    json_put_integer(w, "created_s", spec->created_s);
}

static void write_file(struct buffer *out, const struct job_file *file)
{
    struct json_writer w = JSON_WRITER(out);
    json_begin_object(&w, NULL);
    json_put_integer(&w, "format", FORMAT);
    put_spec(&w, &file->spec);
    json_put_string(&w, "state", job_state_name(file->state));
    json_put_error(&w, "reason", &file->reason);
    json_put_unsigned(&w, "failed_before", bounded(file->failed_before));
    json_put_bool(&w, "selected_known", file->selected_known);
    json_put_unsigned(&w, "selected", bounded(file->selected));
    if (file->gone > 0) {
        json_put_unsigned(&w, "gone", bounded(file->gone));
    }
    put_roots(&w, &file->roots);
    left_out_put_json(&w, &file->left_out);
    json_put_integer(&w, "finished_s", file->finished_s);
    json_end_object(&w);
    buffer_append_char(out, '\n');
}

/* ---- members, read ---- */

struct members {
    const struct json *root;
    struct error *error;
    int result;        /* of the first error; the other members are then read to no effect */
    unsigned optional; /* optional members that are present */
};

static const struct json *member(struct members *members, const char *name, enum json_type type)
{
    const struct json *node = json_member(members->root, name);
    if (node && json_type_of(node) == type) {
        return node;
    }
    if (members->result == 0) {
        members->result = error_set(members->error, ERROR_MALFORMED, FILE_NAME ": '%s' must be %s",
                                    name, json_type_name(type));
    }
    return NULL;
}

static void wrong(struct members *members, const char *name)
{
    if (members->result == 0) {
        members->result = error_set(members->error, ERROR_MALFORMED,
                                    FILE_NAME ": '%s' has an invalid value", name);
    }
}

static bool is_null(const struct members *members, const char *name)
{
    const struct json *node = json_member(members->root, name);
    return node && json_type_of(node) == JSON_TYPE_NULL;
}

/* A word of letters, digits and "._-". */
static void take_word(struct members *members, const char *name, char *to, size_t room)
{
    const char *text = json_get_string(member(members, name, JSON_TYPE_STRING), "");
    size_t size = strlen(text);
    if (size >= room || !name_is_word(text)) {
        wrong(members, name);
        return;
    }
    memcpy(to, text, size + 1);
}

static bool take_bool(struct members *members, const char *name)
{
    return json_get_bool(member(members, name, JSON_TYPE_BOOL), false);
}

static int64_t take_number(struct members *members, const char *name, int64_t low, int64_t high)
{
    int64_t value = json_get_integer(member(members, name, JSON_TYPE_INTEGER), low);
    if (value < low || value > high) {
        wrong(members, name);
        return low;
    }
    return value;
}

static enum job_state take_state(struct members *members)
{
    const char *text = json_get_string(member(members, "state", JSON_TYPE_STRING), "");
    for (int state = JOB_WAITING; state <= JOB_FAILED; state++) {
        if (strcmp(job_state_name((enum job_state)state), text) == 0) {
            return state == JOB_RUNNING ? JOB_WAITING : (enum job_state)state;
        }
    }
    wrong(members, "state");
    return JOB_FAILED;
}

static void take_reason(struct members *members, struct error *ret_reason)
{
    *ret_reason = (struct error){.code = ERROR_NONE};
    if (is_null(members, "reason")) {
        return;
    }
    const struct json *reason = member(members, "reason", JSON_TYPE_OBJECT);
    const char *code = json_get_string(json_member(reason, "code"), NULL);
    const char *message = json_get_string(json_member(reason, "message"), NULL);
    if (!code || !message) {
        wrong(members, "reason");
        return;
    }
    (void)error_set(ret_reason, error_code_parse(code), "%s", message);
}

/* A caller's name, such as "token:backup" or "user:anna"; none if the member is missing. */
static void take_owner(struct members *members, char *to)
{
    if (!json_member(members->root, "owner")) {
        return;
    }
    const char *text = json_get_string(member(members, "owner", JSON_TYPE_STRING), "");
    members->optional++;
    if (text[0] == '\0' || strlen(text) >= JOB_OWNER_SIZE) {
        wrong(members, "owner");
        return;
    }
    (void)stpcpy(to, text);
}

/* Unknown if the member is missing. */
static void take_keys_stores(struct members *members, struct job_spec *spec)
{
    if (!json_member(members->root, "keys_stores")) {
        return;
    }
    const char *text = json_get_string(member(members, "keys_stores", JSON_TYPE_STRING), "");
    members->optional++;
    if (strlen(text) > JOB_KEYS_STORES_BYTES) {
        wrong(members, "keys_stores");
    } else if (text_copy(text, &spec->keys_stores) < 0 && members->result == 0) {
        members->result = error_memory(members->error, FILE_NAME);
    }
}

/* True: base64. Numbers if the member is missing. */
static bool take_embedding(struct members *members)
{
    if (!json_member(members->root, "embedding")) {
        return false;
    }
    const char *form = json_get_string(member(members, "embedding", JSON_TYPE_STRING), BINARY);
    if (strcmp(form, BINARY) != 0) {
        wrong(members, "embedding");
    }
    members->optional++;
    return true;
}

static void take_selection(struct members *members, struct selection *select)
{
    unsigned optional = 0;
    if (members->result == 0) {
        members->result =
            selection_read_file(members->root, FILE_NAME, select, &optional, members->error);
        members->optional += optional;
    }
    if (members->result == 0 && !select->prefix) {
        wrong(members, "prefix");
    }
}

static void take_left_out(struct members *members, struct job_file *file)
{
    unsigned optional = 0;
    if (left_out_read_json(members->root, &file->left_out, &optional) < 0) {
        wrong(members, "skipped_suffixes");
    }
    members->optional += optional;
}

/* Sixteen hexadecimal digits. */
static bool take_filesystem(const struct json *node, uint64_t *ret_number)
{
    const char *text = json_get_string(node, "");
    if (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16) {
        return false;
    }
    *ret_number = strtoull(text, NULL, 16);
    return true;
}

static void take_roots(struct members *members, struct roots *roots)
{
    if (!json_member(members->root, "roots")) {
        return;
    }
    members->optional++;
    const struct json *list = member(members, "roots", JSON_TYPE_ARRAY);
    for (size_t i = 0; i < json_length(list) && members->result == 0; i++) {
        const struct json *node = json_element(list, i);
        const char *name = json_get_string(json_member(node, "store"), "");
        const struct json *device_only = json_member(node, "device_only");
        uint64_t filesystem = 0;
        bool whole = name[0] != '\0' && json_type_of(device_only) == JSON_TYPE_BOOL &&
                     take_filesystem(json_member(node, "filesystem"), &filesystem);
        int r =
            whole ? roots_add(roots, name, filesystem, json_get_bool(device_only, false)) : -EINVAL;
        if (r == -ENOMEM) {
            members->result = error_memory(members->error, FILE_NAME);
        } else if (r < 0) {
            wrong(members, "roots");
        }
    }
}

static void take_gone(struct members *members, struct job_file *file)
{
    if (json_member(members->root, "gone")) {
        members->optional++;
        file->gone = (uint64_t)take_number(members, "gone", 0, INT64_MAX);
    }
}

static void take_spec(struct members *members, struct job_spec *spec)
{
    take_word(members, "id", spec->id, sizeof spec->id);
    take_owner(members, spec->owner);
    take_word(members, "token", spec->token, sizeof spec->token);
    take_word(members, "model", spec->model, sizeof spec->model);
    take_word(members, "version", spec->version, sizeof spec->version);
    take_word(members, "digest", spec->digest, sizeof spec->digest);
    take_selection(members, &spec->select);
    spec->has_keys = take_bool(members, "keys");
    take_keys_stores(members, spec);
    spec->top = (uint32_t)take_number(members, "top", 0, LIMIT_TOP);
    spec->labels = take_bool(members, "labels");
    spec->binary = take_embedding(members);
    spec->priority = (uint32_t)take_number(members, "priority", 0, LIMIT_JOB_PRIORITY);
    spec->max_failures = UINT64_MAX;
    if (!is_null(members, "max_failures")) {
        spec->max_failures = (uint64_t)take_number(members, "max_failures", 0, INT64_MAX);
    }
    spec->cache = take_bool(members, "cache");
    spec->keep = take_bool(members, "keep");
    spec->standing = take_bool(members, "standing");
    spec->interval_s = (uint32_t)take_number(members, "interval_s", 0, UINT32_MAX);
    spec->created_s = take_number(members, "created_s", INT64_MIN, INT64_MAX);
    if (strlen(spec->id) != JOB_ID_SIZE - 1 ||
        strspn(spec->id, "abcdefghijklmnopqrstuvwxyz234567") != JOB_ID_SIZE - 1) {
        wrong(members, "id");
    }
    if (spec->model[0] == '\0' || spec->model[0] == '.') {
        wrong(members, "model");
    }
    if (!spec->select.store && !spec->has_keys) {
        wrong(members, "store");
    }
}

static void take_file(struct members *members, struct job_file *file)
{
    if (json_type_of(members->root) != JSON_TYPE_OBJECT) {
        members->result =
            error_set(members->error, ERROR_MALFORMED, FILE_NAME " is not a JSON object");
        return;
    }
    int64_t format = take_number(members, "format", 1, INT64_MAX);
    if (members->result == 0 && format != FORMAT) {
        members->result =
            error_set(members->error, ERROR_MALFORMED,
                      FILE_NAME " has format %" PRId64 ", written by a newer situd; this one "
                                "reads %d",
                      format, FORMAT);
        return;
    }
    take_spec(members, &file->spec);
    file->state = take_state(members);
    take_reason(members, &file->reason);
    file->failed_before = (uint64_t)take_number(members, "failed_before", 0, INT64_MAX);
    file->selected_known = take_bool(members, "selected_known");
    file->selected = (uint64_t)take_number(members, "selected", 0, INT64_MAX);
    (void)take_number(members, "skipped", 0, INT64_MAX);
    take_left_out(members, file);
    take_gone(members, file);
    take_roots(members, &file->roots);
    file->finished_s = take_number(members, "finished_s", INT64_MIN, INT64_MAX);
    size_t expected = MEMBERS + members->optional;
    if (members->result == 0 && json_length(members->root) != expected) {
        members->result =
            error_set(members->error, ERROR_MALFORMED, FILE_NAME " has an unknown member");
    }
}

int job_file_parse(const char *text, size_t size, struct job_file *ret_file, struct error *error)
{
    cleanup_json struct json *root = NULL;
    struct job_file file = {0};
    int r = json_parse(text, size, FILE_NAME, &root, error);
    if (r < 0) {
        return r;
    }
    struct members members = {.root = root, .error = error};
    take_file(&members, &file);
    if (members.result < 0) {
        job_file_done(&file);
        return members.result;
    }
    *ret_file = file;
    return 0;
}

/* ---- the file ---- */

int job_file_write(const char *directory, const struct job_file *file, struct error *error)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    struct job_file again;
    write_file(&text, file);
    if (buffer_ok(&text) < 0) {
        return error_memory(error, FILE_NAME);
    }
    int r = job_file_parse(text.data, text.size, &again, error);
    if (r < 0) {
        return r;
    }
    job_file_done(&again);
    return whole_file_save(directory, FILE_NAME, &text, error);
}

int job_file_read(const char *directory, struct job_file *ret_file, struct error *error)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    int r = whole_file_load(directory, FILE_NAME, LIMIT_JSON_BYTES, &text, error);
    return r < 0 ? r : job_file_parse(text.data ? text.data : "", text.size, ret_file, error);
}
