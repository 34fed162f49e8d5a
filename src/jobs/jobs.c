/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of jobs: loaded from disk, extended, listed, closed. A new job is written as a
 * directory `.new-ID`, synced, and then renamed.
 */
#include "jobs/jobs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/tree.h"
#include "base/whole_file.h"
#include "jobs/ages.h"
#include "jobs/job_file.h"
#include "jobs/job_table.h"
#include "jobs/keeper.h"
#include "jobs/keys_upload.h"

enum {
    DEFAULT_SYNC_MS = 50,
    DEFAULT_RETRY_MS = 5000,
    DEFAULT_TURN_MS = 10000,
    DEFAULT_DELIVERED_MS = 60000
};

static int no_memory(struct error *error)
{
    return error_memory(error, NULL);
}

/* ---- opening ---- */

/* If its results were delivered before the stop or crash, it is removed a minute from now. The
 * keeper removes a mark that is no longer valid. */
static void take_in_mark(struct job *job)
{
    char *path = job_path(job, DELIVERED_NAME);
    job->marked = path && access(path, F_OK) == 0;
    free(path);
    if (job->marked && job->state == JOB_DONE && !job->spec.keep) {
        job->remove_ns = clock_now_ns() + job->jobs->delivered_ms * NS_PER_MS;
    }
}

/* A job whose job.json cannot be read is listed as failed, to be inspected and removed. */
static int take_in_broken(struct jobs *jobs, const char *id, const struct error *reason,
                          struct job **ret_job)
{
    struct job_spec spec = {.labels = true, .cache = true, .keep = true};
    memcpy(spec.id, id, JOB_ID_SIZE);
    spec.max_failures = UINT64_MAX;
    spec.select.prefix = strdup("");
    if (!spec.select.prefix) {
        return -ENOMEM;
    }
    int r = job_new(jobs, &spec, ret_job);
    if (r < 0) {
        return r;
    }
    char text[2 * ERROR_MESSAGE_SIZE];
    log_event(LOG_LEVEL_WARNING, "job_not_read", "job=%s file=%s/job.json reason=%s", id,
              (*ret_job)->directory, log_quote(text, sizeof text, reason->message));
    (*ret_job)->broken = true;
    (*ret_job)->state = JOB_FAILED;
    (*ret_job)->reason = *reason;
    return 0;
}

static int take_in(struct jobs *jobs, const char *id, struct job **ret_job)
{
    struct job_file file = {0};
    struct error reason = {.code = ERROR_NONE};
    char *directory = NULL;
    if (asprintf(&directory, "%s/%s", jobs->directory, id) < 0) {
        return -ENOMEM;
    }
    int r = job_file_read(directory, &file, &reason);
    free(directory);
    if (r == -ENOMEM) {
        return r;
    }
    if (r == 0 && strcmp(file.spec.id, id) != 0) {
        r = error_set(&reason, ERROR_MALFORMED, "job.json in %s belongs to job '%s'", id,
                      file.spec.id);
        job_file_done(&file);
    }
    if (r < 0) {
        return take_in_broken(jobs, id, &reason, ret_job);
    }
    if (jobs->adopt) {
        jobs->adopt(&file.spec);
    }
    struct job *job = NULL;
    if (job_new(jobs, &file.spec, &job) < 0) {
        roots_done(&file.roots);
        return -ENOMEM;
    }
    job->state = file.state;
    job->reason = file.reason;
    job->stage = file.state == JOB_WAITING ? STAGE_QUEUED : STAGE_IDLE;
    job->failed_before = file.failed_before;
    job->selected_known = file.selected_known;
    job->selected = file.selected;
    job->gone = file.gone;
    job->roots = file.roots;
    job->left_out = file.left_out;
    job->finished_s = file.finished_s;
    job->ended_ns = clock_now_ns() - ages_of(jobs->ages, id) * NS_PER_S;
    take_in_mark(job);
    *ret_job = job;
    return 0;
}

static bool is_id(const char *name)
{
    return strlen(name) == JOB_ID_SIZE - 1 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz234567") == JOB_ID_SIZE - 1;
}

static int by_age(const void *left, const void *right)
{
    const struct job *a = *(struct job *const *)left;
    const struct job *b = *(struct job *const *)right;
    if (a->spec.created_s != b->spec.created_s) {
        return a->spec.created_s < b->spec.created_s ? -1 : 1;
    }
    return strcmp(a->spec.id, b->spec.id);
}

static int scan_entry(struct jobs *jobs, const char *name)
{
    if (strncmp(name, ".new-", 5) == 0 || strncmp(name, ".old-", 5) == 0) {
        char *path = NULL;
        if (asprintf(&path, "%s/%s", jobs->directory, name) >= 0) {
            tree_remove(path);
            free(path);
        }
        return 0;
    }
    if (!is_id(name)) {
        return 0;
    }
    struct job *job = NULL;
    if (jobs_reserve(jobs) < 0 || take_in(jobs, name, &job) < 0) {
        return -ENOMEM;
    }
    jobs->all[jobs->count++] = job;
    return 0;
}

static int scan(struct jobs *jobs, struct error *error)
{
    if (mkdir(jobs->directory, 0700) < 0 && errno != EEXIST) {
        return error_io(error, errno, "%s", error_file(jobs->directory));
    }
    if (ages_read(jobs->directory, &jobs->ages) < 0) {
        return no_memory(error);
    }
    DIR *directory = opendir(jobs->directory);
    if (!directory) {
        return error_io(error, errno, "%s", error_file(jobs->directory));
    }
    int r = 0;
    const struct dirent *entry = NULL;
    do {
        errno = 0;
        entry = readdir(directory); /* NOLINT(concurrency-mt-unsafe): its own stream */
        if (entry) {
            r = scan_entry(jobs, entry->d_name) < 0 ? no_memory(error) : 0;
        } else if (errno != 0) {
            r = error_io(error, errno, "%s", error_file(jobs->directory));
        }
    } while (r == 0 && entry);
    (void)closedir(directory);
    if (r < 0) {
        return r;
    }
    if (jobs->count > 1) {
        qsort(jobs->all, jobs->count, sizeof(struct job *), by_age);
    }
    return 0;
}

static int open_directory(struct jobs *jobs, const char *directory, struct error *error)
{
    jobs->directory = strdup(directory);
    if (!jobs->directory) {
        return no_memory(error);
    }
    int r = scan(jobs, error);
    ages_free(take_ptr(jobs->ages));
    if (r < 0) {
        return r;
    }
    return keeper_start(jobs) < 0
               ? error_set(error, ERROR_MEMORY, "cannot start the thread of the jobs")
               : 0;
}

int jobs_open(const struct jobs_options *options, struct jobs **ret_jobs, struct error *error)
{
    struct jobs *jobs = calloc(1, sizeof *jobs);
    if (!jobs) {
        return no_memory(error);
    }
    jobs->host = options->host;
    jobs->adopt = options->adopt;
    jobs->sync_ms = options->sync_ms > 0 ? options->sync_ms : DEFAULT_SYNC_MS;
    jobs->retry_ms = options->retry_ms > 0 ? options->retry_ms : DEFAULT_RETRY_MS;
    jobs->turn_ms = options->turn_ms > 0 ? options->turn_ms : DEFAULT_TURN_MS;
    jobs->delivered_ms = options->delivered_ms > 0 ? options->delivered_ms : DEFAULT_DELIVERED_MS;
    jobs->keep_s = options->keep_s;
    (void)pthread_mutex_init(&jobs->create, NULL);
    (void)pthread_mutex_init(&jobs->lock, NULL);
    (void)pthread_cond_init(&jobs->changed, NULL);
    int r = options->directory ? open_directory(jobs, options->directory, error) : 0;
    if (r < 0) {
        jobs_close(jobs);
        return r;
    }
    *ret_jobs = jobs;
    return 0;
}

/* ---- ending ---- */

/* True if it was not marked before. */
static bool mark_stopped(struct job *job)
{
    HOLD(&job->lock);
    bool news = !job->stopped;
    job->stopped = true;
    return news;
}

/* Asks every job to stop, and wakes its readers. The table is locked, but not during these
 * calls; jobs may be removed meanwhile, none is added. */
static void stop_all(struct jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++) {
        if (!mark_stopped(jobs->all[i])) {
            continue;
        }
        size_t count = jobs->count;
        struct job *job = job_ref(jobs->all[i]);
        (void)pthread_mutex_unlock(&jobs->lock);
        job_set_stop_request(job, STOP_SHUTDOWN);
        job_notify(job);
        job_unref(job);
        (void)pthread_mutex_lock(&jobs->lock);
        i = jobs->count == count ? i : SIZE_MAX; /* start again */
    }
}

void jobs_stop(struct jobs *jobs)
{
    /* No creation is in progress: a job that is added later would not be stopped. */
    HOLD(&jobs->create);
    (void)pthread_mutex_lock(&jobs->lock);
    bool first = !jobs->stopping;
    jobs->stopping = true;
    if (first) {
        stop_all(jobs);
    }
    (void)pthread_cond_broadcast(&jobs->changed);
    bool join = jobs->keeper_runs;
    jobs->keeper_runs = false;
    (void)pthread_mutex_unlock(&jobs->lock);
    if (join) {
        (void)pthread_join(jobs->keeper, NULL);
    }
}

void jobs_close(struct jobs *jobs)
{
    if (!jobs) {
        return;
    }
    for (size_t i = 0; i < jobs->count; i++) {
        job_unref(jobs->all[i]);
    }
    free(jobs->all);
    free(jobs->directory);
    (void)pthread_cond_destroy(&jobs->changed);
    (void)pthread_mutex_destroy(&jobs->lock);
    (void)pthread_mutex_destroy(&jobs->create);
    free(jobs);
}

/* ---- creating ---- */

/* Checks that it exists and is available. */
static int find_store(const struct jobs_host *host, const char *name, struct error *error)
{
    struct store_condition condition;
    struct store *store = host->store_find(host->context, name, strlen(name), error);
    if (!store) {
        return -ENOENT;
    }
    store_condition(store, &condition);
    return condition.available ? 0
                               : error_set(error, ERROR_UNAVAILABLE,
                                           "store '%s' is unavailable: %s", name, condition.reason);
}

/* Checks the spec with the host, and pins the model. */
static int pin(struct jobs *jobs, struct job_spec *spec, bool has_keys, struct error *error)
{
    const struct jobs_host *host = &jobs->host;
    if (has_keys != spec->has_keys || (spec->has_keys && spec->standing) ||
        (!spec->has_keys && !spec->select.store)) {
        return error_set(error, ERROR_MALFORMED,
                         "a job needs a store or a list of names; a standing job needs a store");
    }
    int r = spec->select.store ? find_store(host, spec->select.store, error) : 0;
    if (r < 0) {
        return r;
    }
    char version[JOB_VERSION_SIZE] = "";
    r = host->model_pin(host->context, spec->model, spec->version, version, spec->digest, error);
    if (r < 0) {
        return r;
    }
    memcpy(spec->version, version, sizeof version);
    return 0;
}

/* A new id. With the table locked. */
static int make_id(struct jobs *jobs, char *id, struct error *error)
{
    unsigned char bytes[JOB_ID_SIZE - 1];
    do {
        if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
            return error_set(error, ERROR_IO, "no random bytes for a job's id");
        }
        for (size_t i = 0; i < sizeof bytes; i++) {
            id[i] = "abcdefghijklmnopqrstuvwxyz234567"[bytes[i] % 32];
        }
        id[sizeof bytes] = '\0';
    } while (jobs_has(jobs, id));
    return 0;
}

/* Sets the id, if there is room for one more job. */
static int admit(struct jobs *jobs, struct job_spec *spec, struct error *error)
{
    HOLD(&jobs->lock);
    if (jobs->stopping) {
        return error_set(error, ERROR_UNAVAILABLE, "jobs are stopping");
    }
    if (jobs->count >= LIMIT_JOBS) {
        return error_set(error, ERROR_BUSY, "there are %u jobs already: remove some", LIMIT_JOBS);
    }
    if (jobs_reserve(jobs) < 0) {
        return no_memory(error);
    }
    return make_id(jobs, spec->id, error);
}

/* Writes the job into `path`, beside its place, and renames it there. */
static int write_at(const struct job *job, const char *path, struct jobs_keys *keys,
                    struct error *error)
{
    const struct job_file file = {.spec = job->spec, .roots = job->roots, .state = JOB_WAITING};
    int r = keys ? keys_upload_place(keys, path, error) : 0;
    if (r < 0) {
        return r;
    }
    r = job_file_write(path, &file, error);
    if (r < 0) {
        return r;
    }
    return rename(path, job->directory) < 0
               ? error_io(error, errno, "%s", error_file(job->directory))
               : 0;
}

/* The job is on disk on return; a failure leaves nothing. */
static int write_new(struct jobs *jobs, const struct job *job, struct jobs_keys *keys,
                     struct error *error)
{
    cleanup_free char *path = NULL;
    if (asprintf(&path, "%s/.new-%s", jobs->directory, job->spec.id) < 0) {
        path = NULL;
        return no_memory(error);
    }
    if (mkdir(path, 0700) < 0) {
        return error_io(error, errno, "%s", error_file(path));
    }
    int r = write_at(job, path, keys, error);
    if (r < 0) {
        tree_remove(path);
        return r;
    }
    r = whole_file_sync_names(jobs->directory);
    if (r < 0) {
        tree_remove(job->directory);
        return error_io(error, -r, "%s", error_file(jobs->directory));
    }
    return 0;
}

/* `jobs->create` is held. Takes ownership of the contents of `spec`. */
static int create_job(struct jobs *jobs, struct job_spec *spec, struct jobs_keys *keys,
                      struct job **ret_job, struct error *error)
{
    cleanup_job struct job *job = NULL;
    spec->created_s = (int64_t)time(NULL);
    int r = admit(jobs, spec, error);
    if (r < 0) {
        job_spec_done(spec);
        return r;
    }
    if (job_new(jobs, spec, &job) < 0) {
        return no_memory(error);
    }
    job->totals_known = true; /* nothing */
    struct store *store = job->spec.select.store
                              ? jobs->host.store_find(jobs->host.context, job->spec.select.store,
                                                      strlen(job->spec.select.store), NULL)
                              : NULL;
    if (store && roots_begin(&job->roots, job->spec.select.store, store) < 0) {
        return no_memory(error);
    }
    r = write_new(jobs, job, keys, error);
    if (r < 0) {
        return r;
    }
    HOLD(&jobs->lock);
    job->stage = STAGE_QUEUED;
    jobs->all[jobs->count++] = job_ref(job);
    (void)pthread_cond_broadcast(&jobs->changed);
    *ret_job = take_ptr(job);
    return 0;
}

static int create(struct jobs *jobs, const struct job_spec *asked, struct jobs_keys *keys,
                  struct job **ret_job, bool *ret_existing, struct error *error)
{
    *ret_existing = false;
    if (!jobs->directory) {
        return error_set(error, ERROR_UNAVAILABLE, "situd has no state directory: jobs need one");
    }
    *ret_job = jobs_find_token(jobs, asked->owner, asked->token);
    *ret_existing = *ret_job != NULL;
    if (*ret_existing) {
        return 0;
    }
    struct job_spec spec = {0};
    if (job_spec_copy(asked, &spec) < 0) {
        return no_memory(error);
    }
    int r = pin(jobs, &spec, keys != NULL, error);
    if (r < 0) {
        job_spec_done(&spec);
        return r;
    }
    HOLD(&jobs->create);
    *ret_job =
        jobs_find_token(jobs, asked->owner, asked->token); /* another call may have been first */
    *ret_existing = *ret_job != NULL;
    if (*ret_existing) {
        job_spec_done(&spec);
        return 0;
    }
    return create_job(jobs, &spec, keys, ret_job, error);
}

int jobs_create(struct jobs *jobs, const struct job_spec *spec, struct jobs_keys *keys,
                struct job_info *ret_info, bool *ret_existing, struct error *error)
{
    cleanup_job struct job *job = NULL;
    int r = create(jobs, spec, keys, &job, ret_existing, error);
    jobs_keys_free(keys);
    if (r == 0 && job_info_fill(job, ret_info) < 0) {
        r = no_memory(error);
    }
    return r;
}

/* ---- looking ---- */

int jobs_get(struct jobs *jobs, const char *id, struct job_info *ret_info, struct error *error)
{
    cleanup_job struct job *job = NULL;
    int r = jobs_find(jobs, id, &job, error);
    if (r == 0 && job_info_fill(job, ret_info) < 0) {
        r = no_memory(error);
    }
    return r;
}

/* Drops those that the caller may not see; with the number of the others. */
static size_t drop_hidden(struct job **all, size_t count, const struct access *access)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (job_is_visible(&all[i]->spec, access)) {
            all[kept++] = all[i];
        } else {
            job_unref(all[i]);
        }
    }
    return kept;
}

static int list(struct jobs *jobs, const struct access *access,
                int (*fill)(struct job *job, struct job_info *ret_info),
                struct job_info **ret_infos, size_t *ret_count)
{
    struct job **all = NULL;
    size_t count = 0;
    int r = jobs_reference_all(jobs, &all, &count);
    if (r < 0) {
        return r;
    }
    count = drop_hidden(all, count, access);
    struct job_info *infos = calloc(count + 1, sizeof *infos);
    r = infos ? 0 : -ENOMEM;
    size_t filled = 0;
    while (r == 0 && filled < count) {
        r = fill(all[filled], &infos[filled]);
        filled += r == 0;
    }
    for (size_t i = 0; i < count; i++) {
        job_unref(all[i]);
    }
    free(all);
    if (r < 0) {
        for (size_t i = 0; i < filled; i++) {
            job_info_done(&infos[i]);
        }
        free(infos);
        return r;
    }
    *ret_infos = infos;
    *ret_count = count;
    return 0;
}

int jobs_list(struct jobs *jobs, const struct access *access, struct job_info **ret_infos,
              size_t *ret_count)
{
    return list(jobs, access, job_info_fill, ret_infos, ret_count);
}

int jobs_list_brief(struct jobs *jobs, struct job_info **ret_infos, size_t *ret_count)
{
    return list(jobs, &ACCESS_ALL, job_info_fill_brief, ret_infos, ret_count);
}

struct counts {
    uint64_t in_state[JOB_STATES];
    uint64_t stalled;
};

static int count_jobs(struct jobs *jobs, struct counts *ret_counts)
{
    struct counts counts = {.stalled = 0};
    struct job **all = NULL;
    size_t count = 0;
    int r = jobs_reference_all(jobs, &all, &count);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < count; i++) {
        bool by_itself = false;
        counts.in_state[job_state_now(all[i], &by_itself)]++;
        counts.stalled += by_itself;
        job_unref(all[i]);
    }
    free(all);
    *ret_counts = counts;
    return 0;
}

void jobs_write_metrics(void *context, struct buffer *out)
{
    struct counts counts;
    if (count_jobs(context, &counts) < 0) {
        return;
    }
    metric_begin(out, "situ_jobs", "gauge", "Jobs by state");
    for (int state = 0; state < JOB_STATES; state++) {
        buffer_printf(out, "situ_jobs{state=\"%s\"} %" PRIu64 "\n",
                      job_state_name((enum job_state)state), counts.in_state[state]);
    }
    metric_write(out, "situ_jobs_stalled", "gauge",
                 "Paused jobs that wait for what they lack, and go on by themselves",
                 counts.stalled);
}
