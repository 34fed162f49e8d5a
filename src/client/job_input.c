/* SPDX-License-Identifier: Apache-2.0
 *
 * What a job is over, as the request has it.
 */
#include "client/job_input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "client/name_check.h"
#include "data/object_name.h"

enum {
    JSON_NAMES_BYTES_MAX = 900 * 1024, /* the whole body stays below 1 MiB */
    NAME_BYTES_MAX = LIMIT_STORE_NAME + 1 + LIMIT_KEY_BYTES
};

int job_input_of_prefix(struct job_input *input, const char *text, struct situ_error *error)
{
    *input = (struct job_input){0};
    if (!text || !text[0] || text[0] == '/') {
        return client_fail(error, SITU_USAGE,
                           "selection '%.200s': give STORE, STORE/ or STORE/PREFIX",
                           text ? text : "");
    }
    const char *rest;
    size_t length = name_check_split(text, &rest);
    input->store = strndup(text, length);
    input->prefix = strdup(rest);
    return input->store && input->prefix ? 0 : client_fail_memory(error);
}

static const char *why_refused(const char *name)
{
    size_t length = strlen(name);
    if (length == 0) {
        return "the name is empty";
    }
    return length > NAME_BYTES_MAX ? "the name is too long" : NULL;
}

/* Whether a list of lines would change the name. */
static bool breaks_lines(const char *name)
{
    size_t length = strlen(name);
    return strchr(name, '\n') || (length > 0 && name[length - 1] == '\r');
}

/* A name that is not UTF-8 is an object that marks it. */
static void put_element(struct json_writer *w, const char *name)
{
    if (object_name_is_text(name)) {
        json_put_string(w, NULL, name);
        return;
    }
    json_begin_object(w, NULL);
    object_name_put(w, "object", name);
    json_end_object(w);
}

/* Whether the list is short enough for a JSON body. */
static bool fits_json(const char *const *names, size_t count)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    if (count > LIMIT_RUN_KEYS) {
        return false;
    }
    size_t total = 0;
    for (size_t i = 0; i < count && total <= JSON_NAMES_BYTES_MAX; i++) {
        struct json_writer w = JSON_WRITER(&text);
        buffer_clear(&text);
        if (!why_refused(names[i])) {
            put_element(&w, names[i]);
        }
        total += text.size + 1;
    }
    return total <= JSON_NAMES_BYTES_MAX;
}

static int refuse(struct job_input *input, size_t position, const char *why)
{
    size_t count = input->refused_count;
    /* The capacity is a power of two. */
    if ((count & (count + 1)) == 0) {
        struct refused_name *more =
            reallocarray(input->refused, 2 * (count + 1), sizeof *input->refused);
        if (!more) {
            return -ENOMEM;
        }
        input->refused = more;
    }
    char *copy = strdup(input->names[position]);
    if (!copy) {
        return -ENOMEM;
    }
    input->refused[input->refused_count++] =
        (struct refused_name){.position = position, .name = copy, .why = why};
    return 0;
}

int job_input_of_names(struct job_input *input, const char *const *names, size_t count,
                       struct situ_error *error)
{
    *input = (struct job_input){.by_name = true, .names = names, .count = count};
    if (count > 0 && !names) {
        return client_fail(error, SITU_USAGE, "no names");
    }
    for (size_t i = 0; i < count; i++) {
        if (!names[i]) {
            return client_fail(error, SITU_USAGE, "name %zu is NULL", i);
        }
    }
    input->as_text = !fits_json(names, count);
    for (size_t i = 0; i < count; i++) {
        const char *why = why_refused(names[i]);
        input->nul_separated |= input->as_text && !why && breaks_lines(names[i]);
        if (why && refuse(input, i, why)) {
            return client_fail_memory(error);
        }
        input->text_bytes += why ? 0 : strlen(names[i]) + 1;
    }
    return 0;
}

void job_input_forget_names(struct job_input *input)
{
    input->names = NULL;
}

void job_input_done(struct job_input *input)
{
    for (size_t i = 0; i < input->refused_count; i++) {
        free(input->refused[i].name);
    }
    free(input->refused);
    free(input->store);
    free(input->prefix);
    *input = (struct job_input){0};
}

size_t job_input_sent(const struct job_input *input)
{
    return input->count - input->refused_count;
}

const struct refused_name *job_input_refused(const struct job_input *input)
{
    if (input->refused_given == input->refused_count) {
        return NULL;
    }
    const struct refused_name *next = &input->refused[input->refused_given];
    return next->position == input->position ? next : NULL;
}

void job_input_advance(struct job_input *input)
{
    input->refused_given += job_input_refused(input) != NULL;
    input->position++;
}

static void put_names(const struct job_input *input, struct json_writer *w)
{
    size_t refused = 0;
    json_begin_array(w, "keys");
    for (size_t i = 0; i < input->count; i++) {
        if (refused < input->refused_count && input->refused[refused].position == i) {
            refused++;
        } else {
            put_element(w, input->names[i]);
        }
    }
    json_end_array(w);
}

void job_input_put(const struct job_input *input, const char *glob, struct json_writer *w)
{
    bool encoded = !object_name_is_text(input->prefix) || !object_name_is_text(glob);
    json_begin_object(w, "select");
    if (input->by_name) {
        put_names(input, w);
    } else {
        json_put_string(w, "store", input->store);
        if (input->prefix[0]) {
            object_name_put_value(w, "prefix", input->prefix, encoded);
        }
    }
    if (glob) {
        object_name_put_value(w, "glob", glob, encoded);
    }
    if (input->members && !input->by_name) {
        buffer_append_text(w->out, input->members); /* each begins with a comma */
    }
    if (encoded) {
        json_put_bool(w, "encoded", true);
    }
    json_end_object(w);
}

size_t names_reader_read(struct names_reader *reader, char *bytes, size_t size)
{
    const struct job_input *input = reader->input;
    size_t done = 0;
    while (done < size && reader->position < input->count) {
        if (reader->refused < input->refused_count &&
            input->refused[reader->refused].position == reader->position) {
            reader->refused++;
            reader->position++;
            continue;
        }
        const char *rest = input->names[reader->position] + reader->offset;
        size_t left = strlen(rest);
        size_t part = left < size - done ? left : size - done;
        memcpy(bytes + done, rest, part);
        done += part;
        reader->offset += part;
        if (part == left && done < size) {
            bytes[done++] = input->nul_separated ? '\0' : '\n';
            reader->offset = 0;
            reader->position++;
        }
    }
    return done;
}
