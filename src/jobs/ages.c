/* SPDX-License-Identifier: Apache-2.0
 *
 * {"format":1,"ages":{"ID":SECONDS,...}}, written whole. Read when the table is opened.
 */
#include "jobs/ages.h"

#include <errno.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "base/whole_file.h"

#define FILE_NAME "ages"

enum { FORMAT = 1, ENTRY_BYTES = 64 };

struct ages {
    struct json *root; /* owned; NULL: no file was read */
};

static void not_read(const struct error *error)
{
    char text[2 * ERROR_MESSAGE_SIZE];
    log_event(LOG_LEVEL_WARNING, "job_ages_not_read", "reason=%s",
              log_quote(text, sizeof text, error->message));
}

int ages_read(const char *directory, struct ages **ret_ages)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    struct error error = {.code = ERROR_NONE};
    struct ages *ages = calloc(1, sizeof *ages);
    if (!ages) {
        return -ENOMEM;
    }
    int r = whole_file_load(directory, FILE_NAME, (size_t)LIMIT_JOBS * ENTRY_BYTES, &text, &error);
    if (r == 0) {
        r = json_parse(text.data ? text.data : "", text.size, FILE_NAME, &ages->root, &error);
    }
    if (r == 0 && json_get_integer(json_member(ages->root, "format"), 0) != FORMAT) {
        r = error_set(&error, ERROR_MALFORMED, FILE_NAME " has an unknown format");
        json_free(take_ptr(ages->root));
    }
    if (r < 0 && error.code != ERROR_NOT_FOUND) {
        not_read(&error);
    }
    *ret_ages = ages;
    return 0;
}

void ages_free(struct ages *ages)
{
    if (ages) {
        json_free(ages->root);
        free(ages);
    }
}

int64_t ages_of(const struct ages *ages, const char *id)
{
    const struct json *table = json_member(ages->root, "ages");
    int64_t seconds = json_get_integer(json_member(table, id), 0);
    if (seconds <= 0) {
        return 0;
    }
    return seconds < LIMIT_JOB_AGE_S ? seconds : LIMIT_JOB_AGE_S;
}

int ages_write(const char *directory, const struct age *ages, size_t count, struct error *error)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    struct json_writer w = JSON_WRITER(&text);
    json_begin_object(&w, NULL);
    json_put_integer(&w, "format", FORMAT);
    json_begin_object(&w, "ages");
    for (size_t i = 0; i < count; i++) {
        json_put_integer(&w, ages[i].id, ages[i].seconds);
    }
    json_end_object(&w);
    json_end_object(&w);
    buffer_append_char(&text, '\n');
    return whole_file_save(directory, FILE_NAME, &text, error);
}
