/* SPDX-License-Identifier: Apache-2.0
 *
 * The bookkeeping that lets a run go on after a cut without loss and without doubles.
 */
#include "client/selection.h"

#include <stdlib.h>
#include <string.h>

#include "client/names.h"
#include "wire/json.h"

/* A request's body stays below LIMIT_JSON_BYTES with its other members and escapes. */
enum { BATCH_BYTES_MAX = 900 * 1024 };

int selection_of_prefix(struct selection *selection, const char *text, struct situ_error *error)
{
    *selection = (struct selection){0};
    if (!text || !text[0] || text[0] == '/') {
        return client_fail(error, SITU_USAGE,
                           "selection '%.200s': give STORE, STORE/ or STORE/PREFIX",
                           text ? text : "");
    }
    if (!text_is_utf8(text)) {
        return client_fail(error, SITU_USAGE, "selection: not UTF-8 text");
    }
    const char *rest;
    size_t length = name_split(text, &rest);
    selection->store = strndup(text, length);
    selection->prefix = strdup(rest);
    return selection->store && selection->prefix ? 0 : client_fail_memory(error);
}

int selection_of_names(struct selection *selection, const char *const *names, size_t count,
                       struct situ_error *error)
{
    *selection = (struct selection){.by_name = true, .count = count};
    if (count > 0 && !names) {
        return client_fail(error, SITU_USAGE, "situ_run_objects: no names");
    }
    selection->offsets = reallocarray(NULL, count ? count : 1, sizeof *selection->offsets);
    if (!selection->offsets) {
        return client_fail_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        if (!names[i]) {
            return client_fail(error, SITU_USAGE, "situ_run_objects: name %zu is NULL", i);
        }
        selection->offsets[i] = selection->names.size;
        buffer_append(&selection->names, names[i], strlen(names[i]) + 1);
    }
    return buffer_ok(&selection->names) == 0 ? 0 : client_fail_memory(error);
}

void selection_done(struct selection *selection)
{
    free(selection->store);
    free(selection->prefix);
    free(selection->offsets);
    buffer_done(&selection->after);
    buffer_done(&selection->unsure);
    buffer_done(&selection->names);
    *selection = (struct selection){0};
}

static const char *name_at(const struct selection *selection, size_t position)
{
    return selection->names.data + selection->offsets[position];
}

static const char *why_refused(const char *name)
{
    if (!name[0]) {
        return "the name is empty";
    }
    if (strlen(name) > LIMIT_JSON_BYTES / 8) {
        return "the name is too long";
    }
    return text_is_utf8(name) ? NULL : "the name is not UTF-8";
}

const char *selection_refused(const struct selection *selection, const char **ret_why)
{
    if (!selection->by_name || selection->position >= selection->count) {
        return NULL;
    }
    const char *name = name_at(selection, selection->position);
    *ret_why = why_refused(name);
    return *ret_why ? name : NULL;
}

static void write_names(struct selection *selection, struct buffer *out)
{
    size_t start = out->size;
    size_t i = selection->position;
    buffer_append_text(out, "\"keys\":[");
    while (i < selection->count && i - selection->position < LIMIT_RUN_KEYS) {
        const char *name = name_at(selection, i);
        /* A byte may become six: \u0001. */
        bool room = out->size - start + 6 * strlen(name) < BATCH_BYTES_MAX;
        if (why_refused(name) || (!room && i > selection->position)) {
            break;
        }
        if (i > selection->position) {
            buffer_append_char(out, ',');
        }
        json_write_string(out, name);
        i++;
    }
    buffer_append_char(out, ']');
    selection->batch_end = i;
}

void selection_write(struct selection *selection, struct buffer *out)
{
    buffer_append_text(out, "\"select\":{");
    if (selection->by_name) {
        write_names(selection, out);
    } else {
        buffer_append_text(out, "\"store\":");
        json_write_string(out, selection->store);
        buffer_append_text(out, ",\"prefix\":");
        json_write_string(out, selection->prefix);
        selection->replay_left = selection->unsure_count;
        if (selection->after.size > 0) {
            buffer_append_text(out, ",\"after\":");
            json_write_string(out, selection->after.data);
        }
    }
    buffer_append_char(out, '}');
}

static bool given_before(const struct selection *selection, const char *object)
{
    const struct buffer *unsure = &selection->unsure;
    for (size_t at = 0; at < unsure->size; at += strlen(unsure->data + at) + 1) {
        if (strcmp(unsure->data + at, object) == 0) {
            return true;
        }
    }
    return false;
}

/* Only failures can have an encoded name: what could be decoded by name was valid text. */
static int advance_prefix(struct selection *selection, const char *object, bool failed,
                          struct situ_error *error)
{
    const char *key;
    (void)name_split(object, &key);
    if (failed && strchr(key, '%')) {
        if (selection->replay_left > 0 && given_before(selection, object)) {
            selection->replay_left--;
            return 0;
        }
        buffer_append(&selection->unsure, object, strlen(object) + 1);
        selection->unsure_count++;
    } else {
        buffer_clear(&selection->unsure);
        selection->unsure_count = 0;
        selection->replay_left = 0;
        buffer_clear(&selection->after);
        buffer_append(&selection->after, key, strlen(key) + 1);
    }
    bool good = buffer_ok(&selection->after) == 0 && buffer_ok(&selection->unsure) == 0;
    return good ? 1 : client_fail_memory(error);
}

int selection_advance(struct selection *selection, const char *object, bool failed,
                      struct situ_error *error)
{
    if (!selection->by_name) {
        return advance_prefix(selection, object, failed, error);
    }
    if (selection->position >= selection->batch_end) {
        return client_fail(error, SITU_PROTOCOL,
                           "the array gives more results than it was asked for");
    }
    selection->position++;
    return 1;
}

bool selection_batch_full(const struct selection *selection)
{
    return !selection->by_name || selection->position >= selection->batch_end;
}

bool selection_at_end(const struct selection *selection)
{
    return !selection->by_name || selection->position >= selection->count;
}
