/* SPDX-License-Identifier: Apache-2.0
 *
 * Sends existing rows to the array while the caller supplies them: each a line of JSON, chunked.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>

#include "base/base64.h"
#include "base/bytes.h"
#include "client/index_object.h"
#include "client/name_check.h"
#include "client/url.h"
#include "data/object_name.h"

struct import {
    int (*next)(void *context, struct situ_vector *ret_vector);
    void *context;
    uint64_t count; /* rows received so far */
    size_t dimension;
    bool ended;
    struct buffer bytes; /* of one row */
    struct buffer text;  /* lines; what is before `offset` has been sent */
    size_t offset;
    struct situ_error fault; /* code SITU_OK: none */
};

static int check(struct import *import, const struct situ_vector *vector)
{
    const char *key = "";
    const char *object = vector->object;
    if (!object || name_check_split(object, &key) == 0 || !key[0]) {
        return client_fail(&import->fault, SITU_USAGE,
                           "row %" PRIu64 ": '%.200s' is no name: give STORE/KEY", import->count,
                           object ? object : "");
    }
    if (!vector->values || vector->count == 0 || vector->count > LIMIT_SEARCH_DIMENSION) {
        return client_fail(&import->fault, SITU_USAGE,
                           "row %" PRIu64 ", '%.200s': give 1 to %u values", import->count, object,
                           LIMIT_SEARCH_DIMENSION);
    }
    if (import->dimension > 0 && vector->count != import->dimension) {
        return client_fail(&import->fault, SITU_USAGE,
                           "row %" PRIu64 ", '%.200s': has %zu values, those before have %zu",
                           import->count, object, vector->count, import->dimension);
    }
    for (size_t i = 0; i < vector->count; i++) {
        if (!isfinite(vector->values[i])) {
            return client_fail(&import->fault, SITU_USAGE,
                               "row %" PRIu64 ", '%.200s': a value is no finite number",
                               import->count, object);
        }
    }
    return 0;
}

static int write_line(struct import *import, const struct situ_vector *vector)
{
    struct buffer *bytes = &import->bytes;
    struct buffer *text = &import->text;
    buffer_clear(bytes);
    uint8_t *at = (uint8_t *)buffer_reserve(bytes, 4 * vector->count);
    if (!at) {
        return client_fail_memory(&import->fault);
    }
    for (size_t i = 0; i < vector->count; i++) {
        uint32_t bits;
        memcpy(&bits, &vector->values[i], sizeof bits);
        bytes_put_u32(at + 4 * i, bits);
    }
    struct json_writer w = JSON_WRITER(text);
    json_begin_object(&w, NULL);
    object_name_put(&w, "object", vector->object);
    json_put_raw(&w, "embedding");
    buffer_append_char(text, '"');
    base64_write(text, at, 4 * vector->count);
    buffer_append_char(text, '"');
    json_end_object(&w);
    buffer_append_char(text, '\n');
    return buffer_ok(text) ? client_fail_memory(&import->fault) : 0;
}

/* The next line, in import->text. */
static int take_row(struct import *import)
{
    struct situ_vector vector = {.object = NULL};
    int more = import->next(import->context, &vector);
    buffer_clear(&import->text);
    import->offset = 0;
    if (more <= 0) {
        import->ended = more == 0;
        return more == 0 ? 0
                         : client_fail(&import->fault, SITU_CANCELLED, "the import was stopped");
    }
    int r = check(import, &vector);
    r = r ? r : write_line(import, &vector);
    import->dimension = vector.count;
    import->count++;
    return r;
}

static int read_lines(void *context, char *bytes, size_t size, size_t *ret_size)
{
    struct import *import = context;
    size_t done = 0;
    while (done < size) {
        size_t left = import->text.size - import->offset;
        if (left == 0) {
            int r = import->ended ? 0 : take_row(import);
            if (r) {
                return r;
            }
            if (import->ended) {
                break;
            }
            continue;
        }
        size_t part = left < size - done ? left : size - done;
        memcpy(bytes + done, import->text.data + import->offset, part);
        import->offset += part;
        done += part;
    }
    *ret_size = done;
    return 0;
}

static int write_target(struct buffer *target, const char *index,
                        const struct situ_import_options *options, struct situ_error *error)
{
    struct model_name name;
    int r = index_target(target, index, "/vectors", error);
    if (r) {
        return r;
    }
    r = options->model ? model_name_parse(options->model, &name, error) : 0;
    if (r) {
        return r;
    }
    url_append_query(target, "metric", options->metric ? options->metric : "cosine");
    if (options->model) {
        url_append_query(target, "model", options->model);
    }
    return 0;
}

/* The rows are two parameters, and the last two are those of every call. */
/* NOLINTNEXTLINE(readability-function-size) */
int situ_index_import(struct situ *array, const char *index,
                      int (*next)(void *context, struct situ_vector *ret_vector), void *context,
                      const struct situ_import_options *options, struct situ_index **ret_index,
                      struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    struct situ_import_options known;
    struct import import = {.next = next, .context = context, .fault.code = SITU_OK};
    if (ret_index) {
        *ret_index = NULL;
    }
    if (!array || !next) {
        return -EINVAL;
    }
    int r = client_options(&known, sizeof known, options, error);
    if (r) {
        return r;
    }
    r = write_target(&target, index, &known, error);
    if (r) {
        return r;
    }
    struct body_source source = {.read = read_lines, .context = &import, .size = BODY_SIZE_UNKNOWN};
    struct request request = request_of("PUT", &target);
    request.content = CONTENT_OCTETS;
    request.source = &source;
    r = index_fetch(array, &request, ret_index, error);
    if (r && import.fault.code != SITU_OK) {
        r = client_code_errno(import.fault.code);
        if (error) {
            *error = import.fault;
        }
    }
    buffer_done(&import.bytes);
    buffer_done(&import.text);
    return r;
}

struct rows {
    const char *const *objects;
    const float *vectors;
    size_t count;
    size_t dimension;
    size_t position;
};

static int next_row(void *context, struct situ_vector *ret_vector)
{
    struct rows *rows = context;
    if (rows->position == rows->count) {
        return 0;
    }
    *ret_vector = (struct situ_vector){.object = rows->objects[rows->position],
                                       .values = rows->vectors + rows->position * rows->dimension,
                                       .count = rows->dimension};
    rows->position++;
    return 1;
}

/* The rows are four parameters, and the last two are those of every call. */
/* NOLINTNEXTLINE(readability-function-size) */
int situ_index_import_rows(struct situ *array, const char *index, const char *const *objects,
                           const float *vectors, size_t count, size_t dimension,
                           const struct situ_import_options *options, struct situ_index **ret_index,
                           struct situ_error *error)
{
    struct rows rows = {
        .objects = objects, .vectors = vectors, .count = count, .dimension = dimension};
    if (ret_index) {
        *ret_index = NULL;
    }
    if (array && count > 0 && (!objects || !vectors)) {
        return client_fail(error, SITU_USAGE, "no rows");
    }
    return situ_index_import(array, index, next_row, &rows, options, ret_index, error);
}
