/* SPDX-License-Identifier: Apache-2.0
 *
 * Exports and imports the vectors of an index as lines. An import is first written to a file
 * without a name, so that a client that sends slowly, or leaves, delays no index. When it is
 * complete, a task reads it line by line.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/body_writer.h"
#include "api/call.h"
#include "api/indexes/index_object.h"
#include "api/indexes/indexes.h"
#include "api/line_stream.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/name.h"
#include "data/result.h"
#include "wire/index_request.h"

enum { SEND_BYTES = 64 << 10, METRIC_BYTES = 16 };

/* ---- out ---- */

struct export
{
    struct retrieval_use *use;  /* borrowed */
    struct line_stream *stream; /* borrowed */
    float *row;                 /* owned */
    uint32_t dimension;
    uint64_t objects;
    uint64_t damaged;
    struct buffer lines;
    struct buffer name;
};

static int write_row(struct export *export, const char *key)
{
    buffer_clear(&export->name);
    retrieval_use_name(export->use, key, &export->name);
    static const struct answer_form form = {.base64 = true};
    const struct result line = {.object = buffer_text(&export->name),
                                .answer = {.kind = &answer_embedding,
                                           .embedding = export->row,
                                           .embedding_size = export->dimension}};
    if (!line.object) {
        return -ENOMEM;
    }
    result_write_json(&export->lines, &line, &form);
    buffer_append_char(&export->lines, '\n');
    export->objects++;
    return export->lines.size >= SEND_BYTES ? line_stream_send(export->stream, &export->lines) : 0;
}

/* A damaged row has no line; the last line has their number. */
static int export_rows(struct export *export, struct index_walk *walk)
{
    for (;;) {
        const char *key = NULL;
        struct error error = {0};
        int r = index_walk_next(walk, &key, export->row, &error);
        if (r == -EBADMSG) {
            export->damaged++;
            continue;
        }
        if (r <= 0) {
            return r;
        }
        r = write_row(export, key);
        if (r < 0) {
            return r;
        }
    }
}

static void stream_rows(struct call *call, struct export *export, struct index_walk *walk)
{
    export->stream = line_stream_begin(call);
    if (!export->stream) {
        return;
    }
    int r = export_rows(export, walk);
    if (r == 0) {
        struct json_writer w = JSON_WRITER(&export->lines);
        json_begin_object(&w, NULL);
        json_begin_object(&w, "done");
        json_put_unsigned(&w, "objects", export->objects);
        if (export->damaged > 0) {
            json_put_unsigned(&w, "damaged", export->damaged);
        }
        json_end_object(&w);
        json_end_object(&w);
        buffer_append_char(&export->lines, '\n');
        r = line_stream_send(export->stream, &export->lines);
    }
    line_stream_end(export->stream, r < 0);
}

void indexes_export(struct call *call)
{
    struct error error = {0};
    struct export export = {.objects = 0};
    struct index_walk *walk = NULL;
    if (retrieval_use(call->service->retrieval, &call->access, RIGHT_RESULTS, call->captures[0],
                      &export.use, &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    struct index *index = retrieval_use_index(export.use);
    export.dimension = index_shape(index).dimension;
    export.row = calloc(export.dimension, sizeof *export.row);
    int r = export.row ? index_walk_new(index, "", "", &walk, &error) : error_memory(&error, NULL);
    if (r < 0) {
        call_respond_error(call, &error);
    } else {
        stream_rows(call, &export, walk);
        index_walk_free(walk);
    }
    retrieval_use_free(export.use);
    buffer_done(&export.lines);
    buffer_done(&export.name);
    free(export.row);
}

/* ---- in ---- */

struct import {
    struct retrieval_spec spec;
    struct body_writer *writer; /* owned; NULL: the request was refused */
    int fd;                     /* owned; the received lines */
    struct reach reach;         /* owned; the names that the caller may give vectors to */
    uint64_t line;              /* being received, from 1 */
    size_t line_size;           /* received bytes of that line */
    struct error error;         /* of the received lines */
    atomic_bool gone;
};

static void import_free(void *state)
{
    struct import *import = state;
    body_writer_free(import->writer);
    reach_done(&import->reach);
    if (import->fd >= 0) {
        (void)close(import->fd);
    }
    free(import);
}

static void import_gone(struct call *call)
{
    struct import *import = call->state;
    atomic_store(&import->gone, true);
}

static int disk_error(const char *what, struct error *error)
{
    return error_io(error, errno, "cannot %s what is sent", what);
}

/* Refuses a line that is too long before its end is received. */
static int count_lines(struct import *import, const char *bytes, size_t size)
{
    while (size > 0) {
        const char *end = memchr(bytes, '\n', size);
        size_t part = end ? (size_t)(end - bytes) + 1 : size;
        import->line_size += part;
        if (import->line_size > LIMIT_VECTOR_LINE_BYTES) {
            return error_set(&import->error, ERROR_MALFORMED, "line %llu is longer than %llu bytes",
                             (unsigned long long)import->line,
                             (unsigned long long)LIMIT_VECTOR_LINE_BYTES);
        }
        if (end) {
            import->line++;
            import->line_size = 0;
        }
        bytes += part;
        size -= part;
    }
    return 0;
}

static int keep_bytes(void *context, const void *bytes, size_t size)
{
    struct import *import = context;
    int r = count_lines(import, bytes, size);
    const char *rest = bytes;
    while (r == 0 && size > 0) {
        ssize_t written = write(import->fd, rest, size);
        if (written < 0 && errno != EINTR) {
            return disk_error("keep", &import->error);
        }
        rest += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
    return r;
}

/* Opens a file that disappears when it is closed, or the process ends. */
static int open_unnamed(const char *directory, struct error *error)
{
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
        char path[4200];
        (void)snprintf(path, sizeof path, "%s/.import-XXXXXX", directory);
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0) {
            (void)unlink(path);
        }
    }
    return fd < 0 ? disk_error("keep", error) : fd;
}

static int read_metric(struct call *call, struct retrieval_spec *spec, struct error *error)
{
    const char *metric = "";
    int r =
        index_request_metric(http_request_query(call->request, "metric"),
                             http_request_query(call->request, "distanceMetric"), &metric, error);
    spec->metric = index_metric_parse(metric);
    return r;
}

static int read_model(struct call *call, const char *model, struct retrieval_spec *spec,
                      struct error *error)
{
    int r = member_split_model(model, spec->model, spec->version, error);
    return r < 0 ? r : indexes_check_model(call->service, spec->model, spec->version, error);
}

/* Checks everything that can be checked before the body is received. */
static int import_begin(struct call *call, struct import *import, struct error *error)
{
    struct retrieval_spec *spec = &import->spec;
    struct retrieval_info info = {.dimension = 0};
    const char *model = http_request_query(call->request, "model");
    int r = name_check(call->captures[0], "an index's name", error);
    if (r < 0) {
        return r;
    }
    (void)stpcpy(spec->name, call->captures[0]);
    r = read_metric(call, spec, error);
    if (r == 0 && model) {
        r = read_model(call, model, spec, error);
    }
    if (r < 0) {
        return r;
    }
    if (retrieval_get(call->service->retrieval, &ACCESS_ALL, spec->name, &info, NULL) == 0) {
        retrieval_info_done(&info);
        return error_set(error, ERROR_CONFLICT, "index '%s' is there already", spec->name);
    }
    if (reach_make(&call->access, RIGHT_RESULTS, "", &import->reach) < 0) {
        return error_memory(error, NULL);
    }
    import->fd = open_unnamed(call->service->config.state, error);
    if (import->fd < 0) {
        return import->fd;
    }
    return body_writer_new(call, keep_bytes, import, &import->writer) < 0
               ? error_memory(error, NULL)
               : 0;
}

void indexes_accept_import(struct call *call)
{
    struct error error = {0};
    struct import *import = call_new_state(call, sizeof *import, import_free);
    if (!import) {
        return;
    }
    import->fd = -1;
    import->line = 1;
    if (!call_content_type_is(call, "application/octet-stream")) {
        call_respond_status(call, 415, "the body must be lines, as application/octet-stream");
    } else if (import_begin(call, import, &error) < 0) {
        call_respond_error(call, &error);
    } else {
        atomic_store(&call->client_gone, import_gone);
        http_accept_stream(call->request, UINT64_MAX, body_writer_put, import->writer);
    }
}

/* The last line of an export and empty lines are not rows. */
static bool is_passed_over(const char *line, size_t size)
{
    static const char done[] = "{\"done\":";
    size_t space = strspn(line, " \t\r\n");
    return space >= size || (size >= strlen(done) && memcmp(line, done, strlen(done)) == 0);
}

static int put_line(const struct reach *reach, struct retrieval_import *rows, const char *line,
                    size_t size, struct error *error)
{
    struct result result = {.object = NULL};
    if (is_passed_over(line, size)) {
        return 0;
    }
    int r = result_parse(line, size, &result, error);
    if (r < 0) {
        return r;
    }
    if (!result.object || result.answer.kind != &answer_embedding) {
        r = error_set(error, ERROR_MALFORMED,
                      "a line must be {\"object\":\"...\",\"embedding\":...}");
    } else if (!reach_holds(reach, result.object)) {
        r = error_set(error, ERROR_FORBIDDEN, "your rights do not include '%s' for this object",
                      right_name(RIGHT_RESULTS));
    } else if (result.answer.embedding_size > INDEX_DIMENSION_MAX) {
        r = error_set(error, ERROR_MALFORMED, "a vector has at most %u values",
                      INDEX_DIMENSION_MAX);
    } else {
        r = retrieval_import_put(rows, result.object, result.answer.embedding,
                                 (uint32_t)result.answer.embedding_size, error);
    }
    result_done(&result);
    return r;
}

/* Adds the line's number to an error in a line, which is then an error of the body. */
static int name_line(uint64_t line, struct error *error)
{
    struct error plain = *error;
    bool of_body = plain.code == ERROR_MALFORMED || plain.code == ERROR_UNFIT;
    return of_body || plain.code == ERROR_FORBIDDEN
               ? error_set(error, of_body ? ERROR_MALFORMED : plain.code, "line %llu: %s",
                           (unsigned long long)line, plain.message)
               : error_code_errno(plain.code);
}

static int put_lines(struct import *import, FILE *file, struct retrieval_import *rows,
                     struct error *error)
{
    cleanup_free char *line = NULL;
    size_t room = 0;
    for (uint64_t number = 1;; number++) {
        errno = 0;
        ssize_t size = getline(&line, &room, file);
        if (size < 0) {
            return feof(file) ? 0 : disk_error("read", error);
        }
        if (atomic_load(&import->gone)) {
            return error_set(error, ERROR_CANCELLED, "the client is gone");
        }
        if (put_line(&import->reach, rows, line, (size_t)size, error) < 0) {
            return name_line(number, error);
        }
    }
}

static void free_rows(struct retrieval_import **rows)
{
    retrieval_import_free(*rows);
}

static int import_file(struct call *call, struct import *import, FILE *file,
                       struct retrieval_info *ret_info, struct error *error)
{
    cleanup_by(free_rows) struct retrieval_import *rows = NULL;
    int r = retrieval_import_new(call->service->retrieval, &import->spec, &rows, error);
    if (r < 0) {
        return r;
    }
    r = put_lines(import, file, rows, error);
    return r < 0 ? r : retrieval_import_finish(rows, ret_info, error);
}

static int import_rows(struct call *call, struct import *import, struct retrieval_info *ret_info,
                       struct error *error)
{
    int r = body_writer_finish(import->writer, error);
    if (r < 0) {
        return r;
    }
    if (import->error.code != ERROR_NONE) {
        *error = import->error;
        return error_code_errno(error->code);
    }
    FILE *file = lseek(import->fd, 0, SEEK_SET) == 0 ? fdopen(import->fd, "r") : NULL;
    if (!file) {
        return disk_error("read", error);
    }
    import->fd = -1; /* now the file's */
    r = import_file(call, import, file, ret_info, error);
    (void)fclose(file);
    return r;
}

void indexes_import(struct call *call)
{
    struct import *import = call->state;
    struct retrieval_info info = {.dimension = 0};
    struct error error = {0};
    if (import_rows(call, import, &info, &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    call_log(call, "index_imported", "index=%s rows=%llu dimension=%u", info.spec.name,
             (unsigned long long)info.index.rows, info.dimension);
    indexes_respond(call, 201, &info);
    retrieval_info_done(&info);
}
