/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes of the build that counts: a rebuild starts, is swapped in, fails; a damaged build is
 * renamed. index.json is written first, so that a crash leaves one or the other; the next start
 * removes what it does not name.
 */
#include "retrieval/change.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/tree.h"
#include "retrieval/filling_job.h"
#include "retrieval/index_directory.h"
#include "retrieval/index_table.h"
#include "retrieval/retrieval_spec.h"

enum { RETRY_MS = 2000 };

static int no_memory(struct error *error)
{
    return error_memory(error, NULL);
}

/* `control` is held. Writes which builds there are; `next` may be NULL. */
static int write_json(struct entry *entry, const struct build *current, const struct build *next,
                      struct error *error)
{
    struct index_file file = {
        .spec = current->spec /* borrowed */, .number = current->number, .last = entry->last};
    if (next) {
        file.next_number = next->number;
        memcpy(file.next_model, next->spec.model, sizeof file.next_model);
        memcpy(file.next_version, next->spec.version, sizeof file.next_version);
        memcpy(file.next_digest, next->spec.digest, sizeof file.next_digest);
        file.next_rules = next->spec.select.rules; /* borrowed */
    }
    return index_file_write(entry->directory, &file, error);
}

static bool is_leaving(struct entry *entry)
{
    HOLD(&entry->retrieval->lock);
    return entry->leaving;
}

/* Removes a build that nothing names any more, with its job and its files. */
static void give_up(struct build *build)
{
    build_detach(build);
    if (build->job[0] != '\0') {
        (void)!jobs_remove(build->entry->retrieval->jobs, build->job, NULL);
    }
    atomic_store(&build->discard, true);
    build_unref(build);
}

/* ---- beginning ---- */

static struct retrieval_change same_model(const struct retrieval_spec *spec)
{
    return (struct retrieval_change){.model = spec->model, .version = spec->version};
}

/* The spec of a rebuild. */
static int make_spec(const struct retrieval_spec *like, const struct retrieval_change *change,
                     struct retrieval_spec *ret_spec, struct error *error)
{
    struct retrieval_spec spec;
    if (strlen(change->model) >= sizeof spec.model ||
        strlen(change->version) >= sizeof spec.version) {
        return error_set(error, ERROR_NOT_FOUND, "the name or version of the model is too long");
    }
    if (retrieval_spec_copy(like, &spec) < 0) {
        return no_memory(error);
    }
    (void)stpcpy(spec.model, change->model);
    (void)stpcpy(spec.version, change->version);
    if (change->exclude_defaults) {
        free(spec.select.rules.defaults);
        spec.select.rules.defaults = change->defaults ? strdup(change->defaults) : NULL;
        if (change->defaults && !spec.select.rules.defaults) {
            retrieval_spec_done(&spec);
            return no_memory(error);
        }
    }
    *ret_spec = spec;
    return 0;
}

/* A new build with its own number and a new job; writes nothing. */
static int make_build(struct entry *entry, const struct retrieval_spec *like,
                      const struct retrieval_change *change, struct build **ret_build,
                      struct error *error)
{
    struct jobs *jobs = entry->retrieval->jobs;
    struct retrieval_spec spec;
    struct job_info info;
    int made = make_spec(like, change, &spec, error);
    if (made < 0) {
        return made;
    }
    int r = filling_job_make_anew(jobs, &spec, entry->last + 1, &info, error);
    if (r < 0) {
        retrieval_spec_done(&spec);
        return r;
    }
    memcpy(spec.version, info.spec.version, sizeof spec.version);
    memcpy(spec.digest, info.spec.digest, sizeof spec.digest);
    entry->last++;
    r = build_new(entry, &spec, entry->last, info.spec.id, ret_build);
    if (r < 0) {
        (void)!jobs_remove(jobs, info.spec.id, NULL);
        r = no_memory(error);
    }
    job_info_done(&info);
    return r;
}

int change_begin(struct entry *entry, const struct retrieval_change *change, struct error *error)
{
    struct build *next = NULL;
    int r = make_build(entry, &entry->current->spec, change, &next, error);
    if (r < 0 || !next) {
        return r;
    }
    r = write_json(entry, entry->current, next, error);
    if (r < 0) {
        give_up(next);
        return r;
    }
    {
        HOLD(&entry->retrieval->lock);
        entry->next = next;
        entry->rebuild = (struct error){.code = ERROR_NONE};
    }
    entry_wake(entry);
    return 0;
}

/* ---- ending ---- */

static int swap(struct entry *entry, struct build *current, struct build *next, struct error *error)
{
    HOLD(&entry->control);
    if (is_leaving(entry)) {
        return 0;
    }
    int r = write_json(entry, next, NULL, error);
    if (r < 0) {
        return r;
    }
    (void)pthread_mutex_lock(&entry->retrieval->lock);
    entry->current = next;
    entry->next = NULL;
    entry->rebuild = (struct error){.code = ERROR_NONE};
    (void)pthread_mutex_unlock(&entry->retrieval->lock);
    log_event(LOG_LEVEL_INFO, "index_swapped", "index=%s model=%s version=%s", entry->name,
              next->spec.model, next->spec.version);
    give_up(current);
    return 0;
}

static int abandon(struct entry *entry, struct build *current, struct build *next,
                   struct error *error)
{
    HOLD(&entry->control);
    if (is_leaving(entry)) {
        return 0;
    }
    int r = write_json(entry, current, NULL, error);
    if (r < 0) {
        return r;
    }
    (void)pthread_mutex_lock(&entry->retrieval->lock);
    entry->next = NULL;
    (void)error_set(&entry->rebuild, next->reason.code,
                    "it could not be filled with model '%s' version %s: %.300s", next->spec.model,
                    next->spec.version, next->reason.message);
    (void)pthread_mutex_unlock(&entry->retrieval->lock);
    give_up(next);
    return 0;
}

static int begin_anew(struct entry *entry, struct build *current, struct error *error)
{
    HOLD(&entry->control);
    if (is_leaving(entry) || entry->next) {
        return 0;
    }
    log_event(LOG_LEVEL_WARNING, "index_filled_anew", "index=%s", entry->name);
    const struct retrieval_change change = same_model(&current->spec);
    return change_begin(entry, &change, error);
}

void change_step(struct entry *entry, struct build *current, struct build *next)
{
    struct error error = {.code = ERROR_NONE};
    int r = 0;
    if (clock_now_ns() < entry->change_ns) {
        return;
    }
    if (next && next->feed.filled && (!next->index || next->feed.filled_committed)) {
        r = swap(entry, current, next, &error);
    } else if (next && (next->fate == BUILD_LOST || next->fate == BUILD_UNFIT)) {
        r = abandon(entry, current, next, &error);
    } else if (!next && current->fate == BUILD_LOST) {
        r = begin_anew(entry, current, &error);
    }
    if (r < 0) {
        entry->change_ns = clock_now_ns() + RETRY_MS * NS_PER_MS;
        HOLD(&entry->retrieval->lock);
        entry->rebuild = error;
    }
}

/* ---- damage ---- */

struct asides {
    const char *directory;
};

/* Removes the earlier ones: only the last is kept. */
static int remove_aside(void *context, const char *name)
{
    const struct asides *asides = context;
    size_t digits = strspn(name, "0123456789");
    if (digits > 0 && strcmp(name + digits, ".damaged") == 0) {
        cleanup_free char *path = index_directory_path("%s/%s", asides->directory, name);
        if (path) {
            tree_remove(path);
        }
    }
    return 0;
}

static int move_aside(struct entry *entry, const char *path, const char *aside, struct error *error)
{
    struct asides asides = {.directory = entry->directory};
    int r = index_directory_each(entry->directory, remove_aside, &asides, error);
    return r < 0 ? r : index_directory_rename(entry->directory, path, aside, error);
}

/* Its job is removed as well: the new build needs all objects again. */
int change_set_aside(struct entry *entry, struct build *damaged, struct error *error)
{
    HOLD(&entry->control);
    struct build *fresh = NULL;
    cleanup_free char *path = build_path(damaged);
    cleanup_free char *aside = path ? index_directory_path("%s.damaged", path) : NULL;
    if (!aside) {
        return no_memory(error);
    }
    if (is_leaving(entry)) {
        return 0;
    }
    const struct retrieval_change change = same_model(&damaged->spec);
    int r = make_build(entry, &damaged->spec, &change, &fresh, error);
    if (r < 0 || !fresh) {
        return r;
    }
    r = move_aside(entry, path, aside, error);
    r = r < 0 ? r : write_json(entry, fresh, entry->next, error);
    if (r < 0) {
        give_up(fresh);
        return r;
    }
    (void)pthread_mutex_lock(&entry->retrieval->lock);
    entry->current = fresh;
    (void)pthread_mutex_unlock(&entry->retrieval->lock);
    log_event(LOG_LEVEL_WARNING, "index_damaged", "index=%s set_aside=%s", entry->name, aside);
    give_up(damaged);
    return 0;
}
