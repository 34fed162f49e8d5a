/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs over many objects: one request after another until the selection is at its end, results
 * handed out as they come, a cut connection taken up again behind the last result. In the caller's
 * thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/answer.h"
#include "client/labels.h"
#include "client/selection.h"
#include "client/stream.h"

enum { LOOKUP_PAYS_CLASSES = 2048 }; /* so many labels cost more than a table of 1,000 */

struct situ_results {
    struct situ *array; /* borrowed */
    struct model_name model;
    uint32_t top;
    bool labels_wanted;                   /* with each class */
    const struct situ_label_table *table; /* borrowed from the handle, or NULL */
    struct selection selection;

    struct stream stream;
    bool streaming;
    bool contacted; /* the array has accepted this run once */
    bool counted;   /* progress.selected is known */
    bool finished;
    struct buffer target;
    struct buffer body;
    struct request request;

    /* About the last fault: whether it may pass, and when the array asked to come again. */
    bool passing;
    long asked_s;
    uint32_t attempts_max;
    uint32_t attempts; /* without a result in between */

    struct answer answer;
    struct situ_progress progress;
    uint64_t label_sent; /* for the label table */
    uint64_t label_received;
    int failed; /* 0, or what every further call returns, with `fault` */
    struct situ_error fault;
};

static int write_request(struct situ_results *results, struct situ_error *error)
{
    struct buffer *target = &results->target;
    struct buffer *body = &results->body;
    buffer_clear(target);
    buffer_clear(body);
    buffer_append_text(target, "/v1/infer/");
    url_append(target, results->model.name, false);
    if (results->model.version[0]) {
        url_append_query(target, "version", results->model.version);
    }
    buffer_append_char(body, '{');
    selection_write(&results->selection, body);
    if (results->top) {
        buffer_printf(body, ",\"top\":%u", results->top);
    }
    if (!results->labels_wanted) {
        buffer_append_text(body, ",\"labels\":false");
    }
    buffer_append_char(body, '}');
    results->request = (struct request){.method = "POST",
                                        .target = buffer_text(target),
                                        .content = CONTENT_JSON,
                                        .body = buffer_text(body),
                                        .body_size = body->size};
    return results->request.target && results->request.body ? 0 : client_fail_memory(error);
}

/* Sends the request for what is left. Where it fails, says whether that may pass: before the array
 * has accepted the run once, only where it asks to come again. */
static int start(struct situ_results *results, struct situ_error *error)
{
    long status = 0;
    results->passing = false;
    results->asked_s = 0;
    results->attempts_max = results->array->retries;
    int result = write_request(results, error);
    if (result) {
        return result;
    }
    results->streaming = true;
    result = stream_begin(&results->stream, &results->request, &status, &results->asked_s, error);
    if (result) {
        results->passing = results->contacted && result == client_code_errno(SITU_UNREACHABLE);
        return result;
    }
    if (status >= 200 && status <= 299) {
        results->contacted = true;
        return 0;
    }
    results->passing =
        retry_wanted(status, results->asked_s) || (status == 503 && results->contacted);
    if (!results->contacted) {
        results->attempts_max = retry_limit(results->array, status);
    }
    return answer_fail(results->array, status, &results->stream.bytes, error);
}

static uint64_t count_of(const struct json *object, const char *key)
{
    int64_t value = json_get_integer(json_member(object, key), 0);
    return value > 0 ? (uint64_t)value : 0;
}

static void take_selected(struct situ_results *results, const struct json *selected)
{
    if (!results->selection.by_name) {
        results->progress.selected =
            results->progress.done - results->selection.replay_left + count_of(selected, "objects");
    }
    if (!results->counted) {
        results->progress.skipped = count_of(selected, "skipped");
    }
    results->counted = true;
}

static int take_done(struct situ_results *results, const struct json *done,
                     struct situ_error *error)
{
    results->progress.bytes_read += count_of(done, "bytes_read");
    if (!selection_batch_full(&results->selection)) {
        return client_fail(error, SITU_PROTOCOL,
                           "the array left out results that it was asked for");
    }
    results->streaming = false;
    stream_end(&results->stream);
    results->finished = selection_at_end(&results->selection);
    return 0;
}

/* An error line that names no object ends the run; a line that means nothing to us does not. */
static int take_fault(const struct json *fault, struct situ_error *error)
{
    if (!fault) {
        return 0;
    }
    const char *word = json_get_string(json_member(fault, "code"), "internal");
    return client_fail(error, client_code_parse(word), "%s",
                       json_get_string(json_member(fault, "message"), "the array ended the run"));
}

static int give(struct situ_results *results)
{
    results->attempts = 0;
    results->progress.done++;
    if (results->answer.result.code != SITU_OK) {
        results->progress.failed++;
    }
    return 1;
}

/* Reads one line: 1 where it is a result to be given, 0 where it is anything else. */
static int take_line(struct situ_results *results, struct situ_error *error)
{
    const char *line;
    size_t size;
    struct error reason;
    struct json *root = NULL;
    int result = stream_line(&results->stream, &line, &size, error);
    results->passing = result == client_code_errno(SITU_UNREACHABLE);
    results->asked_s = 0;
    if (result < 0) {
        return result;
    }
    if (result == 0) {
        results->passing = true;
        return client_fail(error, SITU_UNREACHABLE, "the array at %s ended the run early",
                           results->array->address.text);
    }
    if (size == 0) {
        return 0;
    }
    if (json_parse(line, size, "result", &root, &reason)) {
        return client_fail_answer(error, &reason);
    }
    const struct json *selected = json_member(root, "selected");
    const struct json *done = json_member(root, "done");
    if (selected) {
        take_selected(results, selected);
    } else if (done) {
        result = take_done(results, done, error);
        json_free(root);
        return result;
    }
    if (!json_member(root, "object")) {
        result = take_fault(json_member(root, "error"), error);
        json_free(root);
        return result;
    }
    result = answer_take(&results->answer, root, results->table, error);
    if (result) {
        return result;
    }
    const struct situ_result *answer = &results->answer.result;
    result = selection_advance(&results->selection, answer->object, answer->code != SITU_OK, error);
    return result == 1 ? give(results) : result;
}

/* After a fault: 0 where the run goes on, after waiting; else the fault is kept. */
static int recover(struct situ_results *results, int result)
{
    bool cut = results->streaming && results->counted;
    results->streaming = false;
    stream_end(&results->stream);
    if (results->passing && results->attempts < results->attempts_max) {
        results->progress.resumed += cut && results->contacted;
        retry_sleep(retry_wait_ms(results->array, results->attempts, results->asked_s));
        results->attempts++;
        return 0;
    }
    results->failed = result;
    if (results->progress.done > 0) {
        char message[SITU_MESSAGE_SIZE];
        memcpy(message, results->fault.message, sizeof message);
        (void)client_fail(&results->fault, (enum situ_code)results->fault.code,
                          "after %llu of %llu objects: %.440s",
                          (unsigned long long)results->progress.done,
                          (unsigned long long)results->progress.selected, message);
    }
    return result;
}

/* One step: 1 where results->answer is a result to be given, 0 to go on, or the final fault. */
static int step(struct situ_results *results)
{
    const char *why = NULL;
    const char *refused = results->streaming ? NULL : selection_refused(&results->selection, &why);
    if (refused) {
        answer_refuse(&results->answer, refused, why);
        results->selection.position++;
        results->finished = selection_at_end(&results->selection);
        return give(results);
    }
    int result =
        results->streaming ? take_line(results, &results->fault) : start(results, &results->fault);
    return result < 0 ? recover(results, result) : result;
}

static int give_fault(const struct situ_results *results, struct situ_error *error)
{
    if (error) {
        *error = results->fault;
    }
    return results->failed;
}

int situ_next(struct situ_results *results, const struct situ_result **ret_result,
              struct situ_error *error)
{
    if (!results || !ret_result) {
        return -EINVAL;
    }
    while (!results->failed && !results->finished) {
        if (step(results) == 1) {
            *ret_result = &results->answer.result;
            return 1;
        }
    }
    return results->failed ? give_fault(results, error) : 0;
}

/* The label table, where that is the way; it pins the version so that both belong together. */
static int prepare_labels(struct situ_results *results, uint32_t mode, struct situ_error *error)
{
    uint64_t top = results->top ? results->top : 5;
    uint64_t classes = results->selection.by_name ? results->selection.count * top : 0;
    if (mode == SITU_LABELS_AUTO) {
        mode = classes >= LOOKUP_PAYS_CLASSES ? SITU_LABELS_LOOKUP : SITU_LABELS_INLINE;
    }
    results->labels_wanted = mode == SITU_LABELS_INLINE;
    if (mode != SITU_LABELS_LOOKUP) {
        return 0;
    }
    uint64_t sent;
    uint64_t received;
    situ_traffic(results->array, &sent, &received);
    int result = labels_of(results->array, &results->model, &results->table, error);
    situ_traffic(results->array, &results->label_sent, &results->label_received);
    results->label_sent -= sent;
    results->label_received -= received;
    return result;
}

static int prepare(struct situ_results *results, const char *model,
                   const struct situ_run_options *options, struct situ_error *error)
{
    struct situ_run_options known;
    int result = client_options(&known, sizeof known, options, error);
    if (result == 0) {
        result = model_name_parse(model, &results->model, error);
    }
    if (result) {
        return result;
    }
    if (known.labels > SITU_LABELS_NONE || known.top > LIMIT_TOP) {
        return client_fail(error, SITU_USAGE, "options: %s",
                           known.top > LIMIT_TOP ? "top is above 1000" : "unknown labels mode");
    }
    results->top = known.top;
    result = prepare_labels(results, known.labels, error);
    if (result) {
        return result;
    }
    results->progress.selected = results->selection.by_name ? results->selection.count : 0;
    results->finished = results->selection.by_name && results->selection.count == 0;
    const char *why;
    while (!results->failed && !results->finished && !results->counted &&
           (results->streaming || !selection_refused(&results->selection, &why))) {
        if (step(results) == 1) {
            return client_fail(error, SITU_PROTOCOL, "the array sent a result before its count");
        }
    }
    return results->failed ? give_fault(results, error) : 0;
}

/* A run without a selection yet; NULL where `error` says why. */
static struct situ_results *results_new(struct situ *array, struct situ_error *error)
{
    struct situ_results *results = calloc(1, sizeof *results);
    if (!results) {
        (void)client_fail_memory(error);
        return NULL;
    }
    results->array = array;
    if (stream_init(&results->stream, array, error)) {
        situ_results_free(results);
        return NULL;
    }
    return results;
}

int situ_run(struct situ *array, const char *model, const char *selection,
             const struct situ_run_options *options, struct situ_results **ret_results,
             struct situ_error *error)
{
    if (ret_results) {
        *ret_results = NULL;
    }
    if (!array || !ret_results) {
        return -EINVAL;
    }
    struct situ_results *results = results_new(array, error);
    if (!results) {
        return -ENOMEM;
    }
    int result = selection_of_prefix(&results->selection, selection, error);
    if (result == 0) {
        result = prepare(results, model, options, error);
    }
    if (result) {
        situ_results_free(results);
        return result;
    }
    *ret_results = results;
    return 0;
}

/* The last two parameters are those of every call. */
/* NOLINTNEXTLINE(readability-function-size) */
int situ_run_objects(struct situ *array, const char *model, const char *const *objects,
                     size_t count, const struct situ_run_options *options,
                     struct situ_results **ret_results, struct situ_error *error)
{
    if (ret_results) {
        *ret_results = NULL;
    }
    if (!array || !ret_results) {
        return -EINVAL;
    }
    struct situ_results *results = results_new(array, error);
    if (!results) {
        return -ENOMEM;
    }
    int result = selection_of_names(&results->selection, objects, count, error);
    if (result == 0) {
        result = prepare(results, model, options, error);
    }
    if (result) {
        situ_results_free(results);
        return result;
    }
    *ret_results = results;
    return 0;
}

int situ_results_progress(const struct situ_results *results, struct situ_progress *ret_progress)
{
    if (!results || !ret_progress || ret_progress->struct_size < sizeof(size_t)) {
        return -EINVAL;
    }
    struct situ_progress now = results->progress;
    stream_traffic(&results->stream, &now.bytes_sent, &now.bytes_received);
    now.bytes_sent += results->label_sent;
    now.bytes_received += results->label_received;
    now.struct_size = ret_progress->struct_size;
    memcpy(ret_progress, &now, now.struct_size < sizeof now ? now.struct_size : sizeof now);
    return 0;
}

void situ_results_free(struct situ_results *results)
{
    if (!results) {
        return;
    }
    stream_done(&results->stream);
    selection_done(&results->selection);
    answer_done(&results->answer);
    buffer_done(&results->target);
    buffer_done(&results->body);
    free(results);
}
