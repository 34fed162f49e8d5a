/* SPDX-License-Identifier: Apache-2.0
 *
 * Information about indexes: from the table, the index and its job. Any thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/metric.h"
#include "retrieval/build.h"
#include "retrieval/index_table.h"
#include "retrieval/retrieval_spec.h"
#include "retrieval/sight.h"

void retrieval_info_done(struct retrieval_info *info)
{
    retrieval_spec_done(&info->spec);
    *info = (struct retrieval_info){.job = ""};
}

/* A copy of what the lock of the table guards, of one build. */
struct seen {
    struct build *build; /* referenced; NULL: none */
    struct index *index; /* borrowed from it */
    char job[JOB_ID_SIZE];
    enum build_fate fate;
    struct error reason;
    bool filled;
};

static struct seen see(struct build *build)
{
    struct seen seen = {.build = NULL};
    if (build) {
        seen = (struct seen){.build = build_ref(build),
                             .index = build->index,
                             .fate = build->fate,
                             .reason = build->reason,
                             .filled = build->filled};
        memcpy(seen.job, build->job, sizeof seen.job);
    }
    return seen;
}

static void fill_state(struct retrieval_info *info, const struct seen *seen,
                       const struct job_info *job)
{
    info->state = seen->filled ? RETRIEVAL_READY : RETRIEVAL_FILLING;
    if (seen->fate == BUILD_STOPPED || seen->fate == BUILD_UNFIT) {
        info->state = RETRIEVAL_FAILED;
        info->reason = seen->reason;
    } else if (seen->fate == BUILD_STALLED) {
        info->state = RETRIEVAL_PAUSED;
        info->reason = seen->reason;
    } else if (seen->fate == BUILD_LOST) {
        info->state = RETRIEVAL_FILLING;
        info->reason = seen->reason;
    } else if (job && job->state == JOB_PAUSED) {
        info->state = RETRIEVAL_PAUSED;
        info->reason = job->reason;
        if (job->reason.code == ERROR_NONE) {
            (void)error_set(&info->reason, ERROR_CONFLICT, "job %s, which fills it, is paused",
                            job->spec.id);
        }
    }
}

/* Objects without a row that have been processed. An object with a result and without a row has
 * failed, in the job or here; while lines are on their way, only the count of the job is used. */
static uint64_t failed_of(const struct job_info *job, bool all_taken, uint64_t rows)
{
    if (!job->counted) {
        return job->selected > rows ? job->selected - rows : 0;
    }
    if (!all_taken) {
        return job->count.failing;
    }
    return job->count.known > rows ? job->count.known - rows : 0;
}

static void fill_current(struct jobs *jobs, struct retrieval_info *info, const struct seen *seen)
{
    struct job_info job;
    bool has_job = seen->job[0] != '\0' && jobs_get(jobs, seen->job, &job, NULL) == 0;
    (void)snprintf(info->job, sizeof info->job, "%s", seen->job);
    uint64_t taken = atomic_load(
        &seen->build->taken); /* after the counts of the job, and around those of the rows */
    if (seen->index) {
        info->dimension = index_shape(seen->index).dimension;
        index_status(seen->index, &info->index);
    }
    bool all_taken = has_job && taken == job.results && taken == job.count.lines &&
                     taken == atomic_load(&seen->build->taken);
    fill_state(info, seen, has_job ? &job : NULL);
    if (has_job) {
        info->selected_known = job.selected_known;
        info->selected = job.selected;
        info->left_out = job.left_out;
        info->failed = job.failed; /* a count of lines, until the first pass is complete */
        if (seen->filled && job.selected_known) {
            info->failed = failed_of(&job, all_taken, info->index.rows);
        }
        job_info_done(&job);
    }
}

static void fill_next(struct jobs *jobs, struct retrieval_info *info, const struct seen *next)
{
    struct job_info job;
    const struct retrieval_spec *spec = &next->build->spec;
    struct index_status status = {.rows = 0};
    info->has_next = true;
    memcpy(info->next_model, spec->model, sizeof info->next_model);
    memcpy(info->next_version, spec->version, sizeof info->next_version);
    if (next->index) {
        index_status(next->index, &status);
    }
    info->next_rows = status.rows;
    if (next->job[0] != '\0' && jobs_get(jobs, next->job, &job, NULL) == 0) {
        info->next_selected = job.selected;
        job_info_done(&job);
    }
}

static int fill_info(struct entry *entry, struct retrieval_info *ret_info)
{
    struct retrieval *retrieval = entry->retrieval;
    struct retrieval_info info = {.job = ""};
    (void)pthread_mutex_lock(&retrieval->lock);
    struct seen current = see(entry->current);
    struct seen next = see(entry->next);
    struct error rebuild = entry->rebuild;
    (void)pthread_mutex_unlock(&retrieval->lock);
    cleanup_build struct build *current_build = current.build;
    cleanup_build struct build *next_build = next.build;
    if (!current.build) {
        (void)snprintf(info.spec.name, sizeof info.spec.name, "%s", entry->name);
        info.spec.metric = INDEX_COSINE;
        info.state = RETRIEVAL_FAILED;
        info.reason = entry->broken;
    } else if (retrieval_spec_copy(&current.build->spec, &info.spec) < 0) {
        return -ENOMEM;
    } else {
        fill_current(retrieval->jobs, &info, &current);
        info.reason = info.reason.code == ERROR_NONE ? rebuild : info.reason;
    }
    if (next.build) {
        fill_next(retrieval->jobs, &info, &next);
    }
    *ret_info = info;
    return 0;
}

int retrieval_get(struct retrieval *retrieval, const struct access *access, const char *name,
                  struct retrieval_info *ret_info, struct error *error)
{
    cleanup_entry struct entry *entry = NULL;
    int r = retrieval_find(retrieval, access, name, &entry, error);
    if (r < 0) {
        return r;
    }
    if (sight_of(entry, access, RETRIEVAL_RIGHTS_TO_SHOW) == SIGHT_NONE) {
        return sight_check(entry, access, RIGHT_SEARCH, false, error);
    }
    if (fill_info(entry, ret_info) < 0) {
        return error_memory(error, NULL);
    }
    ret_info->whole = sight_of(entry, access, RETRIEVAL_RIGHTS) == SIGHT_WHOLE;
    return 0;
}

/* Appends what the caller may see of the entry. */
static int list_entry(struct entry *entry, const struct access *access,
                      struct retrieval_info *infos, size_t *count)
{
    if (sight_of(entry, access, RETRIEVAL_RIGHTS_TO_SHOW) == SIGHT_NONE) {
        return 0;
    }
    int r = fill_info(entry, &infos[*count]);
    if (r == 0) {
        infos[*count].whole = sight_of(entry, access, RETRIEVAL_RIGHTS) == SIGHT_WHOLE;
        (*count)++;
    }
    return r;
}

int retrieval_list(struct retrieval *retrieval, const struct access *access,
                   struct retrieval_info **ret_infos, size_t *ret_count)
{
    struct entry *entries[LIMIT_INDEXES];
    size_t count = retrieval_reference_all(retrieval, entries);
    struct retrieval_info *infos = calloc(count + 1, sizeof *infos);
    int r = infos ? 0 : -ENOMEM;
    size_t filled = 0;
    for (size_t i = 0; i < count; i++) {
        r = r == 0 ? list_entry(entries[i], access, infos, &filled) : r;
        entry_unref(entries[i]);
    }
    if (r < 0) {
        for (size_t i = 0; i < filled; i++) {
            retrieval_info_done(&infos[i]);
        }
        free(infos);
        return r;
    }
    *ret_infos = infos;
    *ret_count = filled;
    return 0;
}

static void write_gauge(struct buffer *out, const char *name, const char *help,
                        const struct retrieval_info *infos, size_t count,
                        uint64_t (*value)(const struct retrieval_info *info))
{
    metric_begin(out, name, "gauge", help);
    for (size_t i = 0; i < count; i++) {
        if (infos[i].whole) {
            buffer_printf(out, "%s{index=\"%s\"} %" PRIu64 "\n", name, infos[i].spec.name,
                          value(&infos[i]));
        }
    }
}

static uint64_t rows_of(const struct retrieval_info *info)
{
    return info->index.rows;
}

static uint64_t damaged_of(const struct retrieval_info *info)
{
    return info->index.damaged;
}

void retrieval_write_metrics(const struct retrieval_info *infos, size_t count, struct buffer *out)
{
    write_gauge(out, "situ_index_rows", "Objects in an index", infos, count, rows_of);
    write_gauge(out, "situ_index_damaged_rows",
                "Rows that cannot be read and are not put again yet", infos, count, damaged_of);
}
