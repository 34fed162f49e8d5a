/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading JSON lines to their end.
 */
#include "client/lines.h"

#include <errno.h>

#include "base/clock.h"
#include "client/reply.h"

int lines_init(struct lines *lines, struct situ *array, struct situ_error *error)
{
    return stream_init(&lines->stream, array, error);
}

void lines_done(struct lines *lines)
{
    stream_done(&lines->stream);
    buffer_done(&lines->target);
    json_free(lines->root);
    lines->root = NULL;
}

int lines_begin(struct lines *lines, struct situ_error *error)
{
    struct situ *array = lines->stream.array;
    lines->request = request_of("GET", &lines->target);
    lines->request.compressed = true;
    for (uint32_t count = 0;; count++) {
        long status = 0;
        long asked_s = 0;
        int r = stream_begin(&lines->stream, &lines->request, &status, &asked_s, error);
        if (r || (status >= 200 && status <= 299)) {
            return r;
        }
        if (!transfer_retry_wanted(status, asked_s) ||
            count >= transfer_retry_limit(array, status)) {
            return request_fail(array, status, &lines->stream.bytes, error);
        }
        clock_sleep_ms(transfer_retry_wait_ms(array, count, asked_s));
    }
}

static int take_last(struct lines *lines, const struct json *done)
{
    lines->damaged = reply_count(done, "damaged");
    lines->ended = true;
    stream_drain(&lines->stream);
    stream_end(&lines->stream);
    return 0;
}

/* One line: 1 with lines->root, 2 if it is to be skipped, 0 at the end, or the fault. */
static int read_line(struct lines *lines, struct situ_error *error)
{
    const char *line;
    size_t size;
    struct error reason;
    json_free(lines->root);
    lines->root = NULL;
    int r = stream_line(&lines->stream, &line, &size, error);
    if (r < 0) {
        return r;
    }
    if (r == 0) {
        return client_fail(error, SITU_UNREACHABLE, "the array at %s ended its answer early",
                           lines->stream.array->address.text);
    }
    if (size == 0) {
        return 2;
    }
    if (json_parse(line, size, "line", &lines->root, &reason)) {
        return client_fail_answer(error, &reason);
    }
    const struct json *fault = json_member(lines->root, "error");
    if (fault) {
        return reply_fail(fault, "the array could not go on with its answer", error);
    }
    const struct json *done = json_member(lines->root, "done");
    return done ? take_last(lines, done) : 1;
}

int lines_next(struct lines *lines, struct situ_error *error)
{
    int r = lines->failed ? lines->result : lines->ended ? 0 : 2;
    while (r == 2) {
        r = read_line(lines, &lines->fault);
    }
    if (r < 0) {
        bool stopped = r == client_code_errno(SITU_CANCELLED);
        lines->failed = !stopped; /* by the caller, who may continue */
        lines->result = r;
        if (error) {
            *error = lines->fault;
        }
    }
    return r;
}
