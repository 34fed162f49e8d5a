/* SPDX-License-Identifier: Apache-2.0
 *
 * Selections as the array is asked for them.
 */
#include "client/selection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "client/names.h"
#include "data/object_name.h"

enum {
    JSON_NAMES_BYTES_MAX = 900 * 1024, /* with its other members a body stays below 1 MiB */
    NAME_BYTES_MAX = LIMIT_STORE_NAME + 1 + LIMIT_KEY_BYTES
};

int selection_of_prefix(struct selection *selection, const char *text, struct situ_error *error)
{
    *selection = (struct selection){0};
    if (!text || !text[0] || text[0] == '/') {
        return client_fail(error, SITU_USAGE,
                           "selection '%.200s': give STORE, STORE/ or STORE/PREFIX",
                           text ? text : "");
    }
    const char *rest;
    size_t length = name_split(text, &rest);
    selection->store = strndup(text, length);
    selection->prefix = strdup(rest);
    return selection->store && selection->prefix ? 0 : client_fail_memory(error);
}

static const char *why_refused(const char *name)
{
    size_t length = strlen(name);
    if (length == 0) {
        return "the name is empty";
    }
    return length > NAME_BYTES_MAX ? "the name is too long" : NULL;
}

/* Whether the name would not come back out of a list of lines as it is. */
static bool breaks_lines(const char *name)
{
    size_t length = strlen(name);
    return strchr(name, '\n') || (length > 0 && name[length - 1] == '\r');
}

/* A name that is not UTF-8 goes as an object that says so. */
static void write_element(struct buffer *out, const char *name)
{
    if (object_name_is_text(name)) {
        json_write_string(out, name);
        return;
    }
    buffer_append_char(out, '{');
    object_name_write(out, "object", name);
    buffer_append_char(out, '}');
}

/* Whether the list is short enough for JSON. */
static bool fits_json(const char *const *names, size_t count)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    if (count > LIMIT_RUN_KEYS) {
        return false;
    }
    size_t total = 0;
    for (size_t i = 0; i < count && total <= JSON_NAMES_BYTES_MAX; i++) {
        buffer_clear(&text);
        if (!why_refused(names[i])) {
            write_element(&text, names[i]);
        }
        total += text.size + 1;
    }
    return total <= JSON_NAMES_BYTES_MAX;
}

static int refuse(struct selection *selection, size_t position, const char *why)
{
    size_t count = selection->refused_count;
    /* Room is made in powers of two. */
    if ((count & (count + 1)) == 0) {
        struct refused_name *more =
            reallocarray(selection->refused, 2 * (count + 1), sizeof *selection->refused);
        if (!more) {
            return -ENOMEM;
        }
        selection->refused = more;
    }
    char *copy = strdup(selection->names[position]);
    if (!copy) {
        return -ENOMEM;
    }
    selection->refused[selection->refused_count++] =
        (struct refused_name){.position = position, .name = copy, .why = why};
    return 0;
}

int selection_of_names(struct selection *selection, const char *const *names, size_t count,
                       struct situ_error *error)
{
    *selection = (struct selection){.by_name = true, .names = names, .count = count};
    if (count > 0 && !names) {
        return client_fail(error, SITU_USAGE, "no names");
    }
    for (size_t i = 0; i < count; i++) {
        if (!names[i]) {
            return client_fail(error, SITU_USAGE, "name %zu is NULL", i);
        }
    }
    selection->as_text = !fits_json(names, count);
    for (size_t i = 0; i < count; i++) {
        const char *why = why_refused(names[i]);
        selection->nul_separated |= selection->as_text && !why && breaks_lines(names[i]);
        if (why && refuse(selection, i, why)) {
            return client_fail_memory(error);
        }
        selection->text_bytes += why ? 0 : strlen(names[i]) + 1;
    }
    return 0;
}

void selection_forget_names(struct selection *selection)
{
    selection->names = NULL;
}

void selection_done(struct selection *selection)
{
    for (size_t i = 0; i < selection->refused_count; i++) {
        free(selection->refused[i].name);
    }
    free(selection->refused);
    free(selection->store);
    free(selection->prefix);
    *selection = (struct selection){0};
}

size_t selection_sent(const struct selection *selection)
{
    return selection->count - selection->refused_count;
}

const struct refused_name *selection_refused(const struct selection *selection)
{
    if (selection->refused_given == selection->refused_count) {
        return NULL;
    }
    const struct refused_name *next = &selection->refused[selection->refused_given];
    return next->position == selection->position ? next : NULL;
}

void selection_advance(struct selection *selection)
{
    selection->refused_given += selection_refused(selection) != NULL;
    selection->position++;
}

static void write_names(const struct selection *selection, struct buffer *out)
{
    size_t refused = 0;
    bool first = true;
    buffer_append_text(out, "\"keys\":[");
    for (size_t i = 0; i < selection->count; i++) {
        if (refused < selection->refused_count && selection->refused[refused].position == i) {
            refused++;
            continue;
        }
        if (!first) {
            buffer_append_char(out, ',');
        }
        first = false;
        write_element(out, selection->names[i]);
    }
    buffer_append_char(out, ']');
}

void selection_write(const struct selection *selection, const char *glob, struct buffer *out)
{
    bool encoded = !object_name_is_text(selection->prefix) || !object_name_is_text(glob);
    buffer_append_text(out, "\"select\":{");
    if (selection->by_name) {
        write_names(selection, out);
    } else {
        buffer_append_text(out, "\"store\":");
        json_write_string(out, selection->store);
        if (selection->prefix[0]) {
            buffer_append_text(out, ",\"prefix\":");
            object_name_write_value(out, selection->prefix, encoded);
        }
    }
    if (glob) {
        buffer_append_text(out, ",\"glob\":");
        object_name_write_value(out, glob, encoded);
    }
    if (selection->members && !selection->by_name) {
        buffer_append_text(out, selection->members);
    }
    buffer_append_text(out, encoded ? ",\"encoded\":true" : "");
    buffer_append_char(out, '}');
}

size_t names_reader_read(struct names_reader *reader, char *bytes, size_t size)
{
    const struct selection *selection = reader->selection;
    size_t done = 0;
    while (done < size && reader->position < selection->count) {
        if (reader->refused < selection->refused_count &&
            selection->refused[reader->refused].position == reader->position) {
            reader->refused++;
            reader->position++;
            continue;
        }
        const char *rest = selection->names[reader->position] + reader->offset;
        size_t left = strlen(rest);
        size_t part = left < size - done ? left : size - done;
        memcpy(bytes + done, rest, part);
        done += part;
        reader->offset += part;
        if (part == left && done < size) {
            bytes[done++] = selection->nul_separated ? '\0' : '\n';
            reader->offset = 0;
            reader->position++;
        }
    }
    return done;
}
