/* SPDX-License-Identifier: Apache-2.0
 *
 * Feeding: see feed.h. Only the note of the index says how far a build has got; results are
 * released after the commit that covers them.
 */
#include "retrieval/feed.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "data/object_name.h"
#include "data/result.h"
#include "retrieval/feed_note.h"
#include "retrieval/filling_job.h"
#include "retrieval/index_table.h"
#include "retrieval/retrieval_spec.h"

enum {
    BATCH_LINES = 512,
    BATCH_MS = 200, /* the longest time that a line waits for others */
    RETRY_MS = 1000,
    RELEASE_LINES = 4096 /* lines that are released at once */
};

/* ---- commits ---- */

static struct jobs *jobs_of(const struct build *build)
{
    return build->entry->retrieval->jobs;
}

/* Releases committed results; a failure only costs disk space. */
static void release(struct build *build)
{
    struct feed *feed = &build->feed;
    struct error error = {.code = ERROR_NONE};
    if (feed->committed - feed->released < RELEASE_LINES) {
        return;
    }
    if (jobs_release(jobs_of(build), build->job, feed->committed, &error) < 0) {
        log_event(LOG_LEVEL_DEBUG, "index_log_kept", "index=%s code=%s", build->spec.name,
                  error_code_name(error.code));
    }
    feed->released = feed->committed;
}

static int commit_now(struct build *build, struct error *error)
{
    struct feed *feed = &build->feed;
    struct feed_note note = {.filled = feed->filled, .cursor = feed->cursor};
    uint8_t bytes[FEED_NOTE_BYTES];
    memcpy(note.job, build->job, sizeof note.job);
    feed_note_write(&note, bytes);
    atomic_store(&build->taken, UINT64_MAX); /* a reader of the rows may see either */
    int r = index_batch_commit(feed->batch, bytes, sizeof bytes, error);
    if (r == 0) {
        feed->noted = true;
        feed->committed = feed->cursor;
        feed->filled_committed = feed->filled;
    }
    atomic_store(&build->taken, feed->committed);
    return r;
}

static bool is_changed(const struct feed *feed)
{
    return feed->cursor != feed->committed || feed->filled != feed->filled_committed ||
           (feed->batch && index_batch_size(feed->batch) > 0);
}

/* Without an index there is no commit: after a restart these lines are read again. */
static int commit(struct build *build, struct error *error)
{
    struct feed *feed = &build->feed;
    int r = feed->batch && is_changed(feed) ? commit_now(build, error) : 0;
    if (r == -EINVAL) {
        feed->lost = true; /* its keys are damaged */
    }
    if (r < 0) {
        return r;
    }
    if (feed->filled && !build->filled) {
        build_set_filled(build); /* only now are its rows visible */
    }
    feed->batch_ns = 0;
    release(build);
    return 0;
}

bool feed_is_settled(const struct build *build)
{
    return build->feed.batch && !is_changed(&build->feed);
}

int feed_put(struct build *build, const char *key, const float *vector, struct error *error)
{
    int r = index_batch_put(build->feed.batch, key, vector, error);
    return r == 0 ? commit(build, error) : r;
}

/* ---- lines ---- */

struct taking {
    struct build *build;
    struct error *error;
};

static int take_vector(struct build *build, const char *key, const struct result *result,
                       struct error *error)
{
    struct feed *feed = &build->feed;
    struct error fault = {.code = ERROR_NONE};
    if (result->answer.kind != &answer_embedding) {
        return error_set(error, ERROR_UNFIT, "model '%s' gives no embeddings: '%.200s' has none",
                         build->spec.model, result->object);
    }
    if (!feed->batch) {
        uint32_t dimension = result->answer.embedding_size <= UINT32_MAX
                                 ? (uint32_t)result->answer.embedding_size
                                 : UINT32_MAX;
        int r = build_make(build, dimension, error);
        if (r < 0) {
            return r;
        }
    }
    uint32_t dimension = index_shape(build->index).dimension;
    if (result->answer.embedding_size != dimension) {
        return error_set(error, ERROR_UNFIT,
                         "the embedding of '%.200s' has %zu values, those before it have %u",
                         result->object, result->answer.embedding_size, dimension);
    }
    int r = index_batch_put(feed->batch, key, result->answer.embedding, &fault);
    if (r < 0 && fault.code == ERROR_UNFIT) {
        return index_batch_remove(feed->batch, key, error); /* not a number */
    }
    if (r < 0 && fault.code == ERROR_MALFORMED) {
        return 0; /* not a key of an object */
    }
    if (r < 0) {
        *error = fault;
    }
    return r;
}

static int take_node(struct build *build, const struct jobs_line *line, const struct json *root,
                     struct pool *pool, struct error *error)
{
    struct feed *feed = &build->feed;
    const char *object = NULL;
    int r = object_name_read(root, "object", pool, &object);
    if (r == -ENOMEM) {
        return error_memory(error, NULL);
    }
    const char *key = object ? build_key(build, object) : NULL;
    if (!key) {
        return 0;
    }
    if (line->gone || line->failed) {
        return feed->batch ? index_batch_remove(feed->batch, key, error) : 0;
    }
    struct result result;
    r = result_parse_node(root, &result, error);
    if (r < 0) {
        return r;
    }
    r = take_vector(build, key, &result, error);
    result_done(&result);
    return r;
}

static int take_object(struct build *build, const struct jobs_line *line, struct error *error)
{
    cleanup_json struct json *root = NULL;
    struct pool pool = POOL_INIT;
    int r = json_parse(line->text, line->size, "result", &root, error);
    if (r < 0) {
        return r;
    }
    r = take_node(build, line, root, &pool, error);
    pool_done(&pool);
    return r;
}

static int take_line(void *context, const struct jobs_line *line)
{
    const struct taking *taking = context;
    struct build *build = taking->build;
    struct feed *feed = &build->feed;
    int r = line->flawed
                ? 0
                : take_object(build, line, taking->error); /* not a valid key: never a row */
    if (r < 0) {
        return r;
    }
    feed->cursor++;
    feed->batch_ns = feed->batch_ns > 0 ? feed->batch_ns : clock_now_ns();
    if (line->pass > 1) {
        feed->filled = true;
    }
    return 0;
}

static bool batch_is_due(const struct feed *feed)
{
    return feed->cursor - feed->committed >= BATCH_LINES ||
           (feed->batch_ns > 0 && clock_now_ns() >= feed->batch_ns + BATCH_MS * NS_PER_MS);
}

static int read_lines(struct build *build, enum jobs_read *ret_read, struct error *error)
{
    struct feed *feed = &build->feed;
    struct taking taking = {.build = build, .error = error};
    int r = jobs_reader_each(feed->reader, BATCH_LINES, take_line, &taking, ret_read, error);
    if (r < 0 && error->code == ERROR_TOO_LARGE && index_batch_size(feed->batch) > 0) {
        *ret_read = JOBS_READ_MORE; /* the batch is full: the line is read again */
        return commit(build, error);
    }
    if (r < 0) {
        return r;
    }
    feed->needs_check = feed->needs_check || *ret_read == JOBS_READ_MORE;
    return batch_is_due(feed) ? commit(build, error) : 0;
}

/* ---- the job ---- */

/* The job of a build without a commit. */
static int find_job(struct build *build, struct error *error)
{
    struct job_info info;
    int r = filling_job_make(jobs_of(build), &build->spec, build->number, &info, error);
    if (r < 0) {
        return r;
    }
    if (strcmp(info.spec.digest, build->spec.digest) != 0) {
        r = error_set(error, ERROR_UNFIT,
                      "model '%s' version %s is no longer the one that the index was created with",
                      build->spec.model, build->spec.version);
    } else {
        build_set_job(build, info.spec.id);
    }
    job_info_done(&info);
    return r;
}

static int look_at_job(struct build *build, struct job_info *ret_info, struct error *error)
{
    int r = jobs_get(jobs_of(build), build->job, ret_info, error);
    if (r == -ENOENT) {
        build->feed.lost = build->index != NULL;
    }
    if (r < 0) {
        return r;
    }
    if (ret_info->began_anew) {
        build->feed.lost = true;
        job_info_done(ret_info);
        return error_set(error, ERROR_NOT_FOUND,
                         "job %s has lost its table of known objects: it does not report objects "
                         "that were removed meanwhile",
                         build->job);
    }
    return 0;
}

static int attach(struct build *build, struct error *error)
{
    struct feed *feed = &build->feed;
    struct job_info info;
    int r = feed->noted ? 0 : find_job(build, error);
    if (r < 0) {
        return r;
    }
    r = look_at_job(build, &info, error);
    if (r < 0) {
        return r;
    }
    job_info_done(&info);
    r = jobs_reader_new(jobs_of(build), build->job, feed->cursor, entry_wake_context, build->entry,
                        &feed->reader, error);
    if (r == -ENOENT || r == -EINVAL) {
        feed->lost = true; /* it has fewer results, or has released more */
    }
    return r;
}

/* After all lines were read: checks whether the first pass is complete. */
static int look_at_pass(struct build *build, struct error *error)
{
    struct feed *feed = &build->feed;
    struct job_info info;
    if (feed->filled && !feed->needs_check) {
        return 0;
    }
    int r = look_at_job(build, &info, error);
    if (r < 0) {
        return r;
    }
    feed->needs_check = false;
    bool over = (info.between_passes || info.pass > 1) && info.results == feed->cursor;
    job_info_done(&info);
    if (over && !feed->filled) {
        feed->filled = true;
        return commit(build, error);
    }
    return 0;
}

/* After the end or removal of the job. */
static int look_at_end(struct build *build, struct error *error)
{
    struct job_info info;
    int r = look_at_job(build, &info, error);
    if (r == -ENOENT && !build->feed.lost) {
        build_detach(build); /* it gave no row: another is created */
        build->feed.cursor = 0;
    }
    if (r < 0) {
        return r;
    }
    if (info.state == JOB_FAILED) {
        r = error_set(
            error, ERROR_CONFLICT,
            "job %s, which fills the index, failed (%.300s): resume it, or remove it, and "
            "another is created",
            info.spec.id, info.reason.message);
    } else {
        r = error_set(error, ERROR_CONFLICT,
                      "job %s, which fills the index, is %s: remove it, and another is created",
                      info.spec.id, job_state_name(info.state));
    }
    job_info_done(&info);
    return r;
}

/* ---- one step ---- */

/* Sets the fate after an error. */
static void judge(struct build *build, const struct error *error)
{
    struct feed *feed = &build->feed;
    enum build_fate fate = BUILD_STALLED;
    if (feed->lost) {
        fate = BUILD_LOST;
    } else if (error->code == ERROR_UNFIT) {
        fate = BUILD_UNFIT;
    } else if (error->code == ERROR_NOT_FOUND || error->code == ERROR_CONFLICT) {
        fate = BUILD_STOPPED;
    }
    feed->retry_ns = clock_now_ns() + RETRY_MS * NS_PER_MS;
    if (error->code == ERROR_UNAVAILABLE) {
        return; /* stopping */
    }
    if (fate != build->fate) {
        char text[2 * ERROR_MESSAGE_SIZE];
        log_event(LOG_LEVEL_WARNING, "index_not_fed", "index=%s code=%s reason=%s",
                  build->spec.name, error_code_name(error->code),
                  log_quote(text, sizeof text, error->message));
    }
    build_set_fate(build, fate, error);
    if (fate == BUILD_UNFIT && build->job[0] != '\0') {
        (void)!jobs_pause(jobs_of(build), build->job, NULL); /* its results are of no use */
    }
    if (fate == BUILD_LOST || fate == BUILD_UNFIT) {
        build_detach(build);
    }
}

static int step(struct build *build, enum jobs_read *ret_read, struct error *error)
{
    struct feed *feed = &build->feed;
    int r = feed->reader ? 0 : attach(build, error);
    if (r < 0) {
        return r;
    }
    r = batch_is_due(feed) ? commit(build, error) : 0;
    if (r < 0) {
        return r;
    }
    r = read_lines(build, ret_read, error);
    if (r < 0) {
        return r;
    }
    if (*ret_read == JOBS_READ_WAIT) {
        return look_at_pass(build, error);
    }
    return *ret_read == JOBS_READ_END ? look_at_end(build, error) : 0;
}

bool feed_step(struct build *build)
{
    struct feed *feed = &build->feed;
    struct error error = {.code = ERROR_NONE};
    enum jobs_read read = JOBS_READ_WAIT;
    if (!build->opened || !retrieval_spec_is_fed(&build->spec) || build->fate == BUILD_LOST ||
        build->fate == BUILD_UNFIT || clock_now_ns() < feed->retry_ns) {
        return false;
    }
    if (step(build, &read, &error) < 0) {
        judge(build, &error);
        return false;
    }
    if (build->fate != BUILD_FEEDS) {
        build_set_fate(build, BUILD_FEEDS, NULL);
    }
    return read == JOBS_READ_MORE;
}

int64_t feed_due(const struct build *build)
{
    const struct feed *feed = &build->feed;
    if (!build->opened || !retrieval_spec_is_fed(&build->spec) || build->fate == BUILD_LOST ||
        build->fate == BUILD_UNFIT) {
        return INT64_MAX;
    }
    if (build->fate != BUILD_FEEDS || !feed->reader) {
        return feed->retry_ns;
    }
    return feed->batch_ns > 0 ? feed->batch_ns + BATCH_MS * NS_PER_MS : INT64_MAX;
}
