/* SPDX-License-Identifier: Apache-2.0
 *
 * The file `released`: see released.h. Replaced atomically.
 */
#include "jobs/released.h"

#include <errno.h>
#include <inttypes.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/seal.h"
#include "base/whole_file.h"

enum { FORMAT = 1, FILE_BYTES = 4096 };

static int failed(const char *path, const char *what, int errnum, struct error *error)
{
    return error_io(error, errnum, "'%.300s' cannot be %s", error_file(path), what);
}

int released_write(const char *path, const struct released *released, struct error *error)
{
    const struct job_log_totals *totals = &released->totals;
    cleanup_buffer struct buffer text = BUFFER_INIT;
    buffer_printf(&text,
                  "{\"format\":%d,\"lines\":%" PRIu64 ",\"offset\":%" PRIu64 ",\"failed\":%" PRIu64
                  ",\"cached\":%" PRIu64 ",\"bytes_read\":%" PRIu64 ",\"pass\":%" PRIu64 "}\n",
                  FORMAT, released->place.line, released->place.offset, totals->failed,
                  totals->cached, totals->bytes_read, totals->pass);
    seal_append(&text);
    if (buffer_ok(&text) < 0) {
        return error_memory(error, "a job's log");
    }
    int r = whole_file_write(path, text.data, text.size);
    return r < 0 ? failed(path, "written", -r, error) : 0;
}

/* A number of the file; *ok becomes false if it is invalid. */
static uint64_t take(const struct json *root, const char *name, bool *ok)
{
    int64_t value = json_get_integer(json_member(root, name), -1);
    *ok = *ok && value >= 0;
    return value >= 0 ? (uint64_t)value : 0;
}

int released_parse(const char *text, size_t size, struct released *ret_released)
{
    cleanup_json struct json *root = NULL;
    bool ok = true;
    if (json_parse(text, size, "released", &root, NULL) < 0) {
        return -EBADMSG;
    }
    struct released released = {
        .place = {take(root, "lines", &ok), take(root, "offset", &ok)},
        .totals = {.failed = take(root, "failed", &ok),
                   .cached = take(root, "cached", &ok),
                   .bytes_read = take(root, "bytes_read", &ok),
                   .pass = take(root, "pass", &ok)},
    };
    released.totals.lines = released.place.line;
    if (!ok || take(root, "format", &ok) != FORMAT ||
        released.totals.failed > released.place.line ||
        released.totals.cached > released.place.line ||
        released.place.offset < released.place.line) {
        return -EBADMSG;
    }
    *ret_released = released;
    return 0;
}

int released_read(const char *path, struct released *ret_released, struct error *error)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    int r = whole_file_read(path, FILE_BYTES, &text);
    if (r == -ENOENT) {
        *ret_released = (struct released){.place = {0}};
        return 0;
    }
    if (r == 0) {
        r = seal_take(&text);
    }
    if (r == 0 && text.size > 0) {
        r = released_parse(text.data, text.size, ret_released);
    } else if (r == 0) {
        r = -EBADMSG;
    }
    if (r == -EBADMSG) { /* clients see it: no path */
        return error_set(error, ERROR_IO,
                         "the job's file 'released' is damaged: where its results begin is not "
                         "known");
    }
    return r < 0 ? failed(path, "read", -r, error) : 0;
}
