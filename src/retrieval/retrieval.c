/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of indexes: loaded from disk, extended, closed; indexes are removed and rebuilt. A new
 * index is written as a directory `.new-NAME-N`, synced, and then renamed.
 */
#include "retrieval/retrieval.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/name.h"
#include "base/tree.h"
#include "retrieval/build.h"
#include "retrieval/change.h"
#include "retrieval/entry_thread.h"
#include "retrieval/filling_job.h"
#include "retrieval/index_directory.h"
#include "retrieval/index_table.h"
#include "retrieval/retrieval_spec.h"
#include "retrieval/sight.h"

enum { DEFAULT_VERIFY_MS = 5000, DEFAULT_INTERVAL_S = 60 };

static int no_memory(struct error *error)
{
    return error_memory(error, NULL);
}

/* ---- opening ---- */

struct sweep {
    const char *directory;
    const struct index_file *file;
};

/* Removes what index.json does not name, except renamed damaged builds. */
static int sweep_entry(void *context, const char *name)
{
    const struct sweep *sweep = context;
    char number[24];
    char next[24];
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)sweep->file->number);
    (void)snprintf(next, sizeof next, "%llu", (unsigned long long)sweep->file->next_number);
    if (name[strspn(name, "0123456789")] != '\0' || strcmp(name, number) == 0 ||
        strcmp(name, next) == 0) {
        return 0;
    }
    cleanup_free char *path = index_directory_path("%s/%s", sweep->directory, name);
    if (path) {
        tree_remove(path);
    }
    return 0;
}

static int take_in_index(struct retrieval *retrieval, const char *name, const char *path)
{
    struct index_file file = {.number = 0};
    struct error error = {.code = ERROR_NONE};
    struct entry *entry = NULL;
    int r = index_file_read(path, &file, &error);
    if (r == -ENOMEM) {
        return r;
    }
    if (r == 0 && strcmp(file.spec.name, name) != 0) {
        (void)error_set(&error, ERROR_MALFORMED, "index.json in '%s' belongs to index '%s'", name,
                        file.spec.name);
    }
    if (error.code == ERROR_NONE) {
        struct sweep sweep = {.directory = path, .file = &file};
        (void)!index_directory_each(path, sweep_entry, &sweep, NULL);
    } else {
        char text[2 * ERROR_MESSAGE_SIZE];
        log_event(LOG_LEVEL_WARNING, "index_not_read", "index=%s reason=%s", name,
                  log_quote(text, sizeof text, error.message));
    }
    r = retrieval_new_entry(retrieval, name, &file, error.code == ERROR_NONE ? NULL : &error,
                            &entry);
    if (r < 0) {
        return r;
    }
    retrieval_insert(retrieval, entry);
    entry_unref(entry);
    return 0;
}

static int take_in(void *context, const char *name)
{
    struct retrieval *retrieval = context;
    cleanup_free char *path = index_directory_path("%s/%s", retrieval->directory, name);
    if (!path) {
        return -ENOMEM;
    }
    if (strncmp(name, ".new-", 5) == 0 || strncmp(name, ".old-", 5) == 0) {
        tree_remove(path);
        return 0;
    }
    if (name_check(name, "an index's name", NULL) < 0) {
        return 0;
    }
    if (retrieval->count == LIMIT_INDEXES) {
        log_event(LOG_LEVEL_WARNING, "index_left_out", "index=%s most=%u", name, LIMIT_INDEXES);
        return 0;
    }
    return take_in_index(retrieval, name, path);
}

/* Does the job fill this build? Then its id is set. */
static bool is_of_build(struct build *build, const struct job_spec *job)
{
    bool is = build && filling_job_is_of(job, build->spec.name, build->number);
    if (is) {
        build_set_job(build, job->id);
    }
    return is;
}

static bool is_needed(const struct retrieval *retrieval, const struct job_spec *job)
{
    for (size_t i = 0; i < retrieval->count; i++) {
        const struct entry *entry = retrieval->entries[i];
        if (is_of_build(entry->current, job) || is_of_build(entry->next, job) ||
            (!entry->current && filling_job_is_of(job, entry->name, 0))) {
            return true;
        }
    }
    return false;
}

/* Removes jobs without an index: there was a crash in between. No thread runs yet. */
static void remove_orphans(struct retrieval *retrieval)
{
    struct job_info *infos = NULL;
    size_t count = 0;
    if (jobs_list_brief(retrieval->jobs, &infos, &count) < 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct job_spec *job = &infos[i].spec;
        if (filling_job_is_one(job) && !is_needed(retrieval, job)) {
            log_event(LOG_LEVEL_INFO, "index_job_removed", "job=%s", job->id);
            (void)!jobs_remove(retrieval->jobs, job->id, NULL);
        }
        job_info_done(&infos[i]);
    }
    free(infos);
}

/* Starts all threads, which open their builds in parallel. */
static int start_all(struct retrieval *retrieval, struct error *error)
{
    for (size_t i = 0; i < retrieval->count; i++) {
        int r = entry_start(retrieval->entries[i], error);
        if (r < 0) {
            return r;
        }
    }
    for (size_t i = 0; i < retrieval->count; i++) {
        retrieval_await_opened(retrieval, retrieval->entries[i]);
    }
    return 0;
}

static int open_all(struct retrieval *retrieval, const char *directory, struct error *error)
{
    if (!directory) {
        return 0;
    }
    retrieval->directory = strdup(directory);
    if (!retrieval->directory) {
        return no_memory(error);
    }
    int r = index_directory_make(directory, error);
    if (r < 0) {
        return r;
    }
    r = index_directory_each(directory, take_in, retrieval, error);
    if (r == -ENOMEM) {
        return no_memory(error);
    }
    if (r < 0) {
        return r;
    }
    remove_orphans(retrieval);
    return start_all(retrieval, error);
}

int retrieval_open(const struct retrieval_options *options, struct retrieval **ret_retrieval,
                   struct error *error)
{
    struct retrieval *retrieval = calloc(1, sizeof *retrieval);
    if (!retrieval) {
        return no_memory(error);
    }
    retrieval->jobs = options->jobs;
    retrieval->host = options->host;
    retrieval->verify_ms = options->verify_ms > 0 ? options->verify_ms : DEFAULT_VERIFY_MS;
    (void)pthread_mutex_init(&retrieval->create, NULL);
    (void)pthread_mutex_init(&retrieval->lock, NULL);
    (void)pthread_cond_init(&retrieval->opened, NULL);
    int r = open_all(retrieval, options->directory, error);
    if (r < 0) {
        retrieval_stop(retrieval);
        retrieval_close(retrieval);
        return r;
    }
    *ret_retrieval = retrieval;
    return 0;
}

/* ---- ending ---- */

void retrieval_stop(struct retrieval *retrieval)
{
    HOLD(&retrieval->create);
    (void)pthread_mutex_lock(&retrieval->lock);
    retrieval->stopping = true;
    struct entry *entries[LIMIT_INDEXES];
    size_t count = retrieval->count;
    for (size_t i = 0; i < count; i++) {
        entries[i] = entry_ref(retrieval->entries[i]);
    }
    (void)pthread_mutex_unlock(&retrieval->lock);
    for (size_t i = 0; i < count; i++) {
        entry_end(entries[i]);
    }
    for (size_t i = 0; i < count; i++) {
        entry_join(entries[i]);
        entry_unref(entries[i]);
    }
}

void retrieval_close(struct retrieval *retrieval)
{
    if (!retrieval) {
        return;
    }
    for (size_t i = 0; i < retrieval->count; i++) {
        retrieval_dissolve(retrieval->entries[i]);
        entry_unref(retrieval->entries[i]);
    }
    (void)pthread_cond_destroy(&retrieval->opened);
    (void)pthread_mutex_destroy(&retrieval->lock);
    (void)pthread_mutex_destroy(&retrieval->create);
    free(retrieval->directory);
    free(retrieval);
}

/* ---- creating ---- */

static int write_at(struct retrieval *retrieval, const struct index_file *file, const char *aside,
                    const char *path, struct error *error)
{
    int r = index_directory_make(aside, error);
    if (r < 0) {
        return r;
    }
    r = index_file_write(aside, file, error);
    return r < 0 ? r : index_directory_rename(retrieval->directory, aside, path, error);
}

/* Writes the index into `aside`, and renames it into place. */
static int write_new(struct retrieval *retrieval, const struct index_file *file, const char *path,
                     struct error *error)
{
    cleanup_free char *aside = retrieval_aside(retrieval, "new", file->spec.name);
    if (!aside) {
        return no_memory(error);
    }
    int r = write_at(retrieval, file, aside, path, error);
    if (r < 0) {
        tree_remove(aside);
    }
    return r;
}

/* Takes ownership of the contents of `file`. */
static int create_entry(struct retrieval *retrieval, struct index_file *file, const char *job,
                        struct entry **ret_entry, struct error *error)
{
    cleanup_free char *path = index_directory_path("%s/%s", retrieval->directory, file->spec.name);
    int r = path ? write_new(retrieval, file, path, error) : no_memory(error);
    if (r < 0) {
        index_file_done(file);
        return r;
    }
    r = retrieval_add(retrieval, file, job, ret_entry, error);
    if (r < 0) {
        tree_remove(path);
    }
    return r;
}

static int prepare_file(const struct retrieval_spec *spec, struct index_file *ret_file,
                        struct error *error)
{
    struct index_file file = {.number = 1, .last = 1};
    if (!retrieval_spec_is_fed(spec) || spec->model[0] == '\0') {
        return error_set(error, ERROR_MALFORMED, "an index needs a store and a model");
    }
    if (retrieval_spec_copy(spec, &file.spec) < 0) {
        return no_memory(error);
    }
    if (!file.spec.select.prefix) {
        file.spec.select.prefix = strdup("");
    }
    file.spec.interval_s = spec->interval_s > 0 ? spec->interval_s : DEFAULT_INTERVAL_S;
    if (!file.spec.select.prefix) {
        index_file_done(&file);
        return no_memory(error);
    }
    *ret_file = file;
    return 0;
}

int retrieval_create(struct retrieval *retrieval, const struct retrieval_spec *spec,
                     struct retrieval_info *ret_info, struct error *error)
{
    struct index_file file = {.number = 0};
    struct job_info job;
    cleanup_entry struct entry *entry = NULL;
    HOLD(&retrieval->create);
    int r = name_check(spec->name, "an index's name", error);
    if (r < 0) {
        return r;
    }
    r = retrieval_check_free(retrieval, spec->name, error);
    if (r < 0) {
        return r;
    }
    r = prepare_file(spec, &file, error);
    if (r < 0) {
        return r;
    }
    r = filling_job_make_anew(retrieval->jobs, &file.spec, file.number, &job, error);
    if (r < 0) {
        index_file_done(&file);
        return r;
    }
    memcpy(file.spec.version, job.spec.version, sizeof file.spec.version);
    memcpy(file.spec.digest, job.spec.digest, sizeof file.spec.digest);
    r = create_entry(retrieval, &file, job.spec.id, &entry, error);
    if (r < 0) {
        (void)!jobs_remove(retrieval->jobs, job.spec.id, NULL);
    }
    job_info_done(&job);
    return r < 0 ? r : retrieval_get(retrieval, &ACCESS_ALL, spec->name, ret_info, error);
}

/* ---- removing ---- */

/* Renames its directory to a name that the next start deletes. */
static int put_aside(struct retrieval *retrieval, struct entry *entry, struct error *error)
{
    HOLD(&entry->control);
    char *aside = retrieval_aside(retrieval, "old", entry->name);
    if (!aside) {
        return no_memory(error);
    }
    (void)pthread_mutex_lock(&retrieval->lock);
    bool leaving = entry->leaving;
    entry->leaving = true; /* searches no longer find it */
    (void)pthread_mutex_unlock(&retrieval->lock);
    int r = leaving ? error_set(error, ERROR_NOT_FOUND, "no index '%s'", entry->name)
                    : index_directory_rename(retrieval->directory, entry->directory, aside, error);
    (void)pthread_mutex_lock(&retrieval->lock);
    entry->leaving = leaving || r == 0;
    char *unused = r == 0 ? entry->directory : aside;
    entry->directory = r == 0 ? aside : entry->directory;
    (void)pthread_mutex_unlock(&retrieval->lock);
    free(unused);
    return r;
}

static void remove_job(struct retrieval *retrieval, const struct build *build)
{
    struct error error = {.code = ERROR_NONE};
    if (build && build->job[0] != '\0' && jobs_remove(retrieval->jobs, build->job, &error) < 0 &&
        error.code != ERROR_NOT_FOUND) {
        log_event(LOG_LEVEL_WARNING, "index_job_not_removed", "job=%s code=%s", build->job,
                  error_code_name(error.code)); /* the next start removes it */
    }
}

/* For changes: RIGHT_INDEXES for all objects of it. */
static int find_to_change(struct retrieval *retrieval, const struct access *access,
                          const char *name, struct entry **ret_entry, struct error *error)
{
    cleanup_entry struct entry *entry = NULL;
    int r = retrieval_find(retrieval, access, name, &entry, error);
    if (r < 0) {
        return r;
    }
    r = sight_check(entry, access, RIGHT_INDEXES, true, error);
    if (r == 0) {
        *ret_entry = take_ptr(entry);
    }
    return r;
}

int retrieval_remove(struct retrieval *retrieval, const struct access *access, const char *name,
                     struct error *error)
{
    cleanup_entry struct entry *entry = NULL;
    int r = find_to_change(retrieval, access, name, &entry, error);
    if (r < 0 || !entry) {
        return r;
    }
    r = put_aside(retrieval, entry, error);
    if (r < 0) {
        return r;
    }
    entry_end(entry);
    entry_join(entry);
    remove_job(retrieval, entry->current);
    remove_job(retrieval, entry->next);
    retrieval_drop(retrieval, entry);
    retrieval_dissolve(entry); /* its files are removed with the last reference */
    return 0;
}

/* ---- rebuilding ---- */

int retrieval_rebuild(struct retrieval *retrieval, const struct access *access, const char *name,
                      const struct retrieval_change *change, struct error *error)
{
    cleanup_entry struct entry *entry = NULL;
    int r = find_to_change(retrieval, access, name, &entry, error);
    if (r < 0 || !entry) {
        return r;
    }
    r = sight_check(entry, access, RIGHT_INFER, true, error); /* it infers them anew */
    if (r < 0) {
        return r;
    }
    HOLD(&entry->control);
    (void)pthread_mutex_lock(&retrieval->lock);
    const struct build *current = entry->current;
    bool leaving = entry->leaving || retrieval->stopping;
    bool rebuilds = entry->next != NULL;
    (void)pthread_mutex_unlock(&retrieval->lock);
    if (leaving) {
        return error_set(error, ERROR_NOT_FOUND, "no index '%s'", name);
    }
    if (!current) {
        return error_set(error, ERROR_CONFLICT, "index '%s' cannot be read: %.300s", name,
                         entry->broken.message);
    }
    if (!retrieval_spec_is_fed(&current->spec)) {
        return error_set(error, ERROR_CONFLICT, "index '%s' was imported: it cannot be rebuilt",
                         name);
    }
    if (rebuilds) {
        return error_set(error, ERROR_CONFLICT, "index '%s' is being rebuilt already", name);
    }
    struct retrieval_change whole = *change;
    whole.model = change->model ? change->model : current->spec.model;
    whole.version = change->model ? change->version : current->spec.version;
    whole.version = whole.version ? whole.version : "";
    return change_begin(entry, &whole, error);
}
