/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs over many objects: starts a job, or uses an existing one, and follows it; after a cut
 * connection it resumes after the last result. In the caller's thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/client_result.h"
#include "client/job_object.h"
#include "client/job_post.h"
#include "client/labels.h"
#include "client/left_out.h"
#include "client/reply.h"
#include "client/response_stream.h"
#include "client/url.h"

enum {
    LOOKUP_PAYS_CLASSES = 2048, /* from here, labels in lines cost more than a table of 1,000 */
    HELD_S = 20,                /* a stream that lasted this long was no failed attempt */
    SLEEP_MS = 200,
    DIGEST_SIZE = 129,
    STATE_SIZE = 24
};

struct situ_results {
    struct situ *array; /* borrowed */
    struct job_input input;
    struct job_post post; /* until the job has an id */
    bool owned;           /* the job is removed with the run */

    char id[JOB_ID_BYTES_MAX + 1];
    struct model_name model; /* of the job; its version is set with the id */
    char digest[DIGEST_SIZE];
    char state[STATE_SIZE];
    char reason[SITU_MESSAGE_SIZE];

    bool lookup;                          /* labels come from a table that is not fetched yet */
    bool check_model;                     /* the model may have changed since the job was started */
    const struct situ_label_table *table; /* borrowed from the handle, or NULL */

    struct stream stream;
    bool streaming;
    bool reached; /* the array has been reached before */
    bool ended;   /* the array has no more results */
    bool with_progress;
    int64_t begun_ns;
    struct buffer target;
    struct request follow;
    int (*on_wait)(void *context); /* the caller's */
    void *context;
    bool stopped; /* on_wait ended the call */

    /* The last fault: whether it may be temporary, and the array's Retry-After. */
    bool passing;
    bool cut; /* there is no connection; `fault` has the reason */
    long asked_s;
    uint32_t attempts_max;
    uint32_t attempts; /* since the last result */

    struct client_result held;
    struct situ_progress progress;
    struct situ_left_out left_out;
    uint64_t gone;
    uint64_t label_sent; /* for the label table */
    uint64_t label_received;
    int failed; /* nonzero: every further call returns it, with `fault` */
    struct situ_error fault;
};

/* ---- Requests -------------------------------------------------------------------------------- */

static void write_follow(struct situ_results *results)
{
    struct buffer *target = &results->target;
    buffer_clear(target);
    buffer_printf(target, "/v1/jobs/%s/results", results->id);
    if (results->progress.cursor > 0) {
        url_append_number(target, "after", results->progress.cursor);
    }
    if (results->with_progress) {
        url_append_query(target, "progress", "1");
    }
    results->follow = request_of("GET", target);
    results->follow.compressed = true;
}

/* Requests the remaining results: with the POST while the job's id is unknown, whose token prevents
 * a second job. After a fault, sets whether it may be temporary: before the array has been reached,
 * only if it asks for a retry. */
static int start(struct situ_results *results, struct situ_error *error)
{
    long status = 0;
    bool known = results->id[0] != '\0';
    results->passing = false;
    results->asked_s = 0;
    results->attempts_max = results->array->retries;
    if (known) {
        write_follow(results);
    }
    results->begun_ns = clock_now_ns();
    int r = stream_begin(&results->stream, known ? &results->follow : &results->post.request,
                         &status, &results->asked_s, error);
    results->reached |= results->stream.transfer.sent > 0;
    if (r) {
        results->passing = results->reached && r == client_code_errno(SITU_UNREACHABLE);
        return r;
    }
    if (status >= 200 && status <= 299) {
        results->streaming = true;
        results->cut = false;
        return 0;
    }
    results->passing = transfer_retry_wanted(status, results->asked_s) || (status == 503 && known);
    if (!known) {
        results->attempts_max = transfer_retry_limit(results->array, status);
    }
    return request_fail(results->array, status, &results->stream.bytes, error);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static uint64_t count_of(const struct json *object, const char *key, uint64_t fallback)
{
    return json_get_unsigned(json_member(object, key), fallback);
}

/* The figures of the job, progress and done lines. Absent members leave the last value. */
static void take_figures(struct situ_results *results, const struct json *node)
{
    struct situ_progress *progress = &results->progress;
    const struct json *reason = json_member(node, "reason");
    if (!results->input.by_name) {
        progress->selected = count_of(node, "selected", progress->selected);
    }
    if (json_member(node, "skipped")) {
        left_out_fill(&results->left_out, node);
        progress->skipped = results->left_out.skipped;
    }
    results->gone = count_of(node, "gone", results->gone);
    progress->cached = count_of(node, "cached", progress->cached);
    progress->bytes_read = count_of(node, "bytes_read", progress->bytes_read);
    progress->results = count_of(node, "results", progress->results);
    progress->pass = count_of(node, "pass", progress->pass);
    progress->idle = json_get_bool(json_member(node, "idle"), progress->idle != 0);
    (void)snprintf(results->state, sizeof results->state, "%s",
                   json_get_string(json_member(node, "state"), results->state));
    (void)snprintf(results->reason, sizeof results->reason, "%s",
                   json_get_string(json_member(reason, "message"), ""));
}

static int take_job(struct situ_results *results, const struct json *node, struct situ_error *error)
{
    struct situ_job job;
    job_fill(&job, node);
    if (job_id_check(job.id, NULL)) {
        return client_fail(error, SITU_PROTOCOL, "the array's job cannot be read");
    }
    if (!results->id[0]) {
        (void)snprintf(results->id, sizeof results->id, "%s", job.id);
        (void)snprintf(results->model.version, sizeof results->model.version, "%s", job.version);
        (void)snprintf(results->digest, sizeof results->digest, "%s", job.digest);
    }
    take_figures(results, node);
    return 0;
}

static int take_done(struct situ_results *results, const struct json *done,
                     struct situ_error *error)
{
    const char *state = reply_text(done, "state");
    take_figures(results, done);
    results->streaming = false;
    stream_drain(&results->stream);
    stream_end(&results->stream);
    if (strcmp(state, "cancelled") == 0) {
        return client_fail(error, SITU_CANCELLED, "the job was cancelled");
    }
    if (strcmp(state, "done") != 0) {
        return client_fail(error, reply_code(json_member(done, "reason")), "%s",
                           results->reason[0] ? results->reason : "the job failed");
    }
    uint64_t cursor = results->progress.cursor;
    if (count_of(done, "objects", cursor) != cursor ||
        (results->input.by_name && cursor < job_input_sent(&results->input))) {
        return client_fail(error, SITU_PROTOCOL,
                           "the array left out results that it was asked for");
    }
    if (!results->input.by_name) {
        results->progress.selected = count_of(done, "objects", results->progress.cursor);
    }
    results->ended = true;
    return 0;
}

/* A line without an object. An error ends the run; an unknown line is skipped. */
static int take_other(struct situ_results *results, const struct json *root,
                      struct situ_error *error)
{
    const struct json *job = json_member(root, "job");
    const struct json *done = json_member(root, "done");
    const struct json *fault = json_member(root, "error");
    const struct json *progress = json_member(root, "progress");
    if (job) {
        return take_job(results, job, error);
    }
    if (!results->id[0] && (done || progress)) {
        return client_fail(error, SITU_PROTOCOL, "the array did not name the job");
    }
    if (progress) {
        take_figures(results, progress);
    }
    if (clock_now_ns() - results->begun_ns > HELD_S * NS_PER_S) {
        results->attempts = 0;
    }
    if (done) {
        return take_done(results, done, error);
    }
    if (fault) {
        return reply_fail(fault, "the array ended the run", error);
    }
    return 0;
}

/* Fetches the label table, when the first result has classes. */
static int look_up(struct situ_results *results, struct situ_error *error)
{
    uint64_t before[2];
    uint64_t after[2];
    situ_traffic(results->array, &before[0], &before[1]);
    int r = labels_of(results->array, &results->model, results->digest, results->check_model,
                      &results->table, error);
    situ_traffic(results->array, &after[0], &after[1]);
    results->label_sent += after[0] - before[0];
    results->label_received += after[1] - before[1];
    results->lookup = r != 0;
    results->passing = r == client_code_errno(SITU_UNREACHABLE);
    return r;
}

static int give(struct situ_results *results)
{
    results->attempts = 0;
    if (results->held.result.gone) {
        return 1;
    }
    results->progress.done++;
    if (results->held.result.code != SITU_OK) {
        results->progress.failed++;
    }
    return 1;
}

/* A result object; owns `root`. */
static int take_result(struct situ_results *results, struct json *root, struct situ_error *error)
{
    int r = 0;
    if (!results->id[0]) {
        r = client_fail(error, SITU_PROTOCOL, "the array did not name the job");
    } else if (results->input.by_name &&
               results->progress.cursor >= job_input_sent(&results->input)) {
        r = client_fail(error, SITU_PROTOCOL, "the array gives more results than it was asked for");
    } else if (results->lookup && json_member(root, "classes")) {
        r = look_up(results, error);
    }
    if (r) {
        json_free(root);
        return r;
    }
    r = client_result_take(&results->held, root, results->table, error);
    if (r) {
        return r;
    }
    results->progress.cursor++;
    job_input_advance(&results->input);
    return give(results);
}

/* Reads one line: 1 for a result, 0 for anything else. */
static int take_line(struct situ_results *results, struct situ_error *error)
{
    const char *line;
    size_t size;
    struct error reason;
    struct json *root = NULL;
    int r = stream_line(&results->stream, &line, &size, error);
    results->passing = r == client_code_errno(SITU_UNREACHABLE);
    results->asked_s = 0;
    if (r < 0) {
        return r;
    }
    if (r == 0) {
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
    if (json_member(root, "object")) {
        return take_result(results, root, error);
    }
    r = take_other(results, root, error);
    json_free(root);
    return r;
}

/* ---- Resuming -------------------------------------------------------------------------------- */

static int on_wait(void *context)
{
    struct situ_results *results = context;
    if (results->on_wait && results->on_wait(results->context)) {
        results->stopped = true;
    }
    return results->stopped;
}

/* 0, or SITU_CANCELLED if the caller stops it. */
static int sleep_ms(struct situ_results *results, uint32_t wait_ms)
{
    int64_t end_ns = clock_now_ns() + wait_ms * NS_PER_MS;
    for (int64_t left_ms = wait_ms; left_ms > 0; left_ms = (end_ns - clock_now_ns()) / NS_PER_MS) {
        clock_sleep_ms(left_ms < SLEEP_MS ? left_ms : SLEEP_MS);
        if (on_wait(results)) {
            return client_fail(&results->fault, SITU_CANCELLED, "stopped by the caller");
        }
    }
    return 0;
}

static void tell_how_far(struct situ_results *results)
{
    const struct situ_progress *progress = &results->progress;
    char message[SITU_MESSAGE_SIZE];
    char of[32] = "";
    memcpy(message, results->fault.message, sizeof message);
    if (progress->selected > 0) {
        (void)snprintf(of, sizeof of, " of %" PRIu64, progress->selected);
    }
    (void)client_fail(&results->fault, (enum situ_code)results->fault.code,
                      "after %" PRIu64 "%s objects: %.400s", progress->done, of, message);
}

/* After a fault: waits and returns 0 if the run continues; otherwise keeps the fault. */
static int recover(struct situ_results *results, int result)
{
    bool cut = results->streaming && results->id[0];
    results->streaming = false;
    stream_end(&results->stream);
    if (results->passing && results->attempts < results->attempts_max) {
        results->progress.resumed += cut;
        results->cut = true;
        uint32_t wait_ms =
            transfer_retry_wait_ms(results->array, results->attempts, results->asked_s);
        results->attempts++;
        return sleep_ms(results, wait_ms);
    }
    results->failed = result;
    if (results->progress.done > 0) {
        tell_how_far(results);
    }
    return result;
}

/* One step: 1 if results->held has a result, 0 to continue, or the fault. */
static int step(struct situ_results *results)
{
    int r =
        results->streaming ? take_line(results, &results->fault) : start(results, &results->fault);
    if (r < 0 && !results->stopped) {
        r = recover(results, r);
    }
    if (results->stopped && !results->streaming) {
        stream_end(&results->stream);
    }
    results->stopped = false;
    return r;
}

static int give_fault(const struct situ_results *results, int result, struct situ_error *error)
{
    if (error) {
        *error = results->fault;
    }
    return result;
}

/* 1 if results->held has a result, 0 at the end, or the fault. */
static int next(struct situ_results *results)
{
    int r = results->failed;
    while (r == 0) {
        const struct refused_name *refused = job_input_refused(&results->input);
        if (refused) {
            r = client_result_refuse(&results->held, refused->name, refused->why, &results->fault);
            if (r < 0) {
                results->failed = r;
                break;
            }
            job_input_advance(&results->input);
            return give(results);
        }
        if (results->ended) {
            return 0;
        }
        r = step(results);
    }
    return r;
}

int situ_next(struct situ_results *results, const struct situ_result **ret_result,
              struct situ_error *error)
{
    if (!results || !ret_result) {
        return -EINVAL;
    }
    int r = next(results);
    if (r > 0) {
        *ret_result = &results->held.result;
    }
    return r < 0 ? give_fault(results, r, error) : r;
}

/* ---- Starting -------------------------------------------------------------------------------- */

/* Whether lines have labels; if not, sets results->lookup if a table is needed. */
static bool choose_labels(struct situ_results *results, const struct situ_run_options *options)
{
    uint32_t mode = options->labels;
    uint64_t classes = (uint64_t)results->input.count * (options->top ? options->top : 5);
    if (mode == SITU_LABELS_AUTO) {
        bool few = results->input.by_name && classes < LOOKUP_PAYS_CLASSES;
        mode = few ? SITU_LABELS_INLINE : SITU_LABELS_LOOKUP;
    }
    results->lookup = mode == SITU_LABELS_LOOKUP;
    return mode == SITU_LABELS_INLINE;
}

static void take_options(struct situ_results *results, const struct situ_run_options *options)
{
    results->with_progress = options->progress != 0;
    results->on_wait = options->on_wait;
    results->context = options->context;
    if (options->on_wait) {
        results->stream.on_wait = on_wait;
        results->stream.context = results;
    }
}

/* Starts the job, and waits until the array has accepted it. */
static int prepare(struct situ_results *results, const char *model,
                   const struct situ_run_options *options, struct situ_error *error)
{
    struct situ_run_options known;
    int r = client_options(&known, sizeof known, options, error);
    if (r) {
        return r;
    }
    r = model_name_parse(model, &results->model, error);
    if (r) {
        return r;
    }
    take_options(results, &known);
    results->owned = known.keep == SITU_KEEP_NOT;
    bool labels = choose_labels(results, &known);
    struct job_order order = {.model = &results->model,
                              .input = &results->input,
                              .options = &known,
                              .follow = true,
                              .keep = known.keep == SITU_KEEP_JOB,
                              .labels = labels};
    r = job_post_make(&results->post, &order, error);
    if (r) {
        return r;
    }
    results->progress.selected = results->input.count;
    results->ended = results->input.by_name && job_input_sent(&results->input) == 0;
    while (r == 0 && !results->ended && !results->id[0]) {
        r = step(results);
    }
    job_input_forget_names(&results->input);
    job_post_done(&results->post);
    return r < 0 ? give_fault(results, r, error) : 0;
}

/* A run without input; NULL with `error`. */
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

/* Starts a job over `input`, which it empties. */
static int run(struct situ *array, const char *model, struct job_input *input,
               const struct situ_run_options *options, struct situ_results **ret_results,
               struct situ_error *error)
{
    struct situ_results *results = results_new(array, error);
    if (!results) {
        return -ENOMEM;
    }
    results->input = *input;
    *input = (struct job_input){.by_name = false};
    int r = prepare(results, model, options, error);
    if (r) {
        situ_results_free(results);
        return r;
    }
    *ret_results = results;
    return 0;
}

int situ_run(struct situ *array, const char *model, const char *selection,
             const struct situ_run_options *options, struct situ_results **ret_results,
             struct situ_error *error)
{
    cleanup_job_input struct job_input input = {.by_name = false};
    if (ret_results) {
        *ret_results = NULL;
    }
    if (!array || !ret_results) {
        return -EINVAL;
    }
    int r = job_input_of_prefix(&input, selection, error);
    if (r) {
        return r;
    }
    input.members = array->select_members;
    return run(array, model, &input, options, ret_results, error);
}

/* The last two parameters are those of every call. */
/* NOLINTNEXTLINE(readability-function-size) */
int situ_run_objects(struct situ *array, const char *model, const char *const *objects,
                     size_t count, const struct situ_run_options *options,
                     struct situ_results **ret_results, struct situ_error *error)
{
    cleanup_job_input struct job_input input = {.by_name = false};
    if (ret_results) {
        *ret_results = NULL;
    }
    if (!array || !ret_results) {
        return -EINVAL;
    }
    int r = job_input_of_names(&input, objects, count, error);
    return r ? r : run(array, model, &input, options, ret_results, error);
}

/* Gets the job's state, and starts its stream. */
static int join(struct situ_results *results, const char *id,
                const struct situ_run_options *options, struct situ_error *error)
{
    struct situ_run_options known;
    struct situ_job *job = NULL;
    int r = client_options(&known, sizeof known, options, error);
    if (r) {
        return r;
    }
    r = situ_job_show(results->array, id, &job, error);
    if (r) {
        return r;
    }
    take_options(results, &known);
    results->lookup = !job->labels && known.labels != SITU_LABELS_NONE;
    results->check_model = true;
    (void)snprintf(results->id, sizeof results->id, "%s", job->id);
    (void)snprintf(results->model.name, sizeof results->model.name, "%s", job->model);
    (void)snprintf(results->model.version, sizeof results->model.version, "%s", job->version);
    (void)snprintf(results->digest, sizeof results->digest, "%s", job->digest);
    results->progress.selected = job->selected;
    results->progress.results = job->results;
    results->progress.cached = job->cached;
    (void)snprintf(results->state, sizeof results->state, "%s", job->state);
    situ_job_free(job);
    while (r == 0 && !results->streaming) {
        r = step(results);
    }
    return r < 0 ? give_fault(results, r, error) : 0;
}

/* The last two parameters are those of every call. */
int situ_job_follow(struct situ *array, const char *id, uint64_t after,
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
    results->progress.cursor = after;
    int r = join(results, id, options, error);
    if (r) {
        situ_results_free(results);
        return r;
    }
    *ret_results = results;
    return 0;
}

/* ---- Progress and end ------------------------------------------------------------------------ */

const char *situ_results_job(const struct situ_results *results)
{
    return results ? results->id : "";
}

const char *situ_results_cut(const struct situ_results *results)
{
    return results && results->cut ? results->fault.message : NULL;
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
    now.state = results->state;
    now.reason = results->reason;
    now.struct_size = ret_progress->struct_size;
    memcpy(ret_progress, &now, now.struct_size < sizeof now ? now.struct_size : sizeof now);
    return 0;
}

int situ_results_left_out(const struct situ_results *results, struct situ_left_out *ret_left_out)
{
    return results ? left_out_copy(ret_left_out, &results->left_out) : -EINVAL;
}

uint64_t situ_results_gone(const struct situ_results *results)
{
    return results ? results->gone : 0;
}

/* Removes the job of a run that ends early. */
static void remove_rest(struct situ_results *results)
{
    bool lost = results->failed == client_code_errno(SITU_UNREACHABLE);
    if (results->owned && results->id[0] && !results->ended && !lost) {
        stream_end(&results->stream);
        (void)job_remove(results->array, results->id, true, NULL);
    }
}

void situ_results_free(struct situ_results *results)
{
    if (!results) {
        return;
    }
    remove_rest(results);
    stream_done(&results->stream);
    job_input_done(&results->input);
    client_result_done(&results->held);
    job_post_done(&results->post);
    buffer_done(&results->target);
    free(results);
}
