/* SPDX-License-Identifier: Apache-2.0
 *
 * An index by its name, and its thread: opens what is on disk, feeds the build that is searched and
 * the one beside it, swaps them, repairs damaged rows, and looks for rot while nothing else is to
 * be done.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/tree.h"
#include "retrieval/feed.h"
#include "retrieval/index_directory.h"
#include "retrieval/retrieval_spec.h"
#include "retrieval/table.h"

enum {
    OPEN_RETRY_MS = 5000,
    LOOK_MS = 30000,    /* a thread that waits for nothing by time looks around */
    VERIFY_ROWS = 4096, /* of a slice */
    VERIFY_REST = 720   /* slices' times between two rounds: an hour */
};

/* ---- memory ---- */

static void entry_free(struct entry *entry)
{
    if (entry->leaving) {
        tree_remove(entry->directory);
    }
    (void)pthread_cond_destroy(&entry->wake);
    (void)pthread_mutex_destroy(&entry->waking);
    (void)pthread_mutex_destroy(&entry->joining);
    (void)pthread_mutex_destroy(&entry->control);
    free(entry->directory);
    free(entry);
}

struct entry *entry_ref(struct entry *entry)
{
    (void)atomic_fetch_add(&entry->references, 1);
    return entry;
}

/* The last one has no build left: they hold it. */
void entry_unref(struct entry *entry)
{
    if (entry && atomic_fetch_sub(&entry->references, 1) == 1) {
        entry_free(entry);
    }
}

static int monotonic_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    int r = pthread_condattr_init(&attributes);
    if (r != 0) {
        return -r;
    }
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    r = pthread_cond_init(condition, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return -r;
}

static int add_builds(struct entry *entry, struct index_file *file)
{
    struct retrieval_spec spec;
    int r = 0;
    if (file->next_number > 0) {
        r = retrieval_spec_copy(&file->spec, &spec);
        if (r == 0) {
            memcpy(spec.model, file->next_model, sizeof spec.model);
            memcpy(spec.version, file->next_version, sizeof spec.version);
            memcpy(spec.digest, file->next_digest, sizeof spec.digest);
            select_rules_done(&spec.rules);
            spec.rules = file->next_rules;
            file->next_rules = (struct select_rules){.sniff = false};
            r = build_new(entry, &spec, file->next_number, "", &entry->next);
        }
    }
    if (r == 0) {
        r = build_new(entry, &file->spec, file->number, "", &entry->current);
    }
    return r;
}

int entry_new(struct retrieval *retrieval, const char *name, struct index_file *file,
              const struct error *broken, struct entry **ret_entry)
{
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry || monotonic_condition(&entry->wake) < 0) {
        index_file_done(file);
        free(entry);
        return -ENOMEM;
    }
    entry->retrieval = retrieval;
    atomic_init(&entry->references, 1);
    (void)snprintf(entry->name, sizeof entry->name, "%s", name);
    (void)pthread_mutex_init(&entry->control, NULL);
    (void)pthread_mutex_init(&entry->joining, NULL);
    (void)pthread_mutex_init(&entry->waking, NULL);
    entry->directory = index_directory_path("%s/%s", retrieval->directory, name);
    int r = entry->directory ? 0 : -ENOMEM;
    if (broken) {
        entry->broken = *broken;
    } else if (r == 0) {
        entry->last = file->last;
        r = add_builds(entry, file);
    }
    index_file_done(file);
    if (r < 0) {
        build_unref(entry->current);
        build_unref(entry->next);
        entry_unref(entry);
        return r;
    }
    *ret_entry = entry;
    return 0;
}

/* ---- waking ---- */

void entry_wake(struct entry *entry)
{
    HOLD(&entry->waking);
    entry->woken = true;
    (void)pthread_cond_signal(&entry->wake);
}

void entry_wake_context(void *entry)
{
    entry_wake(entry);
}

void entry_end(struct entry *entry)
{
    HOLD(&entry->waking);
    entry->ending = true;
    (void)pthread_cond_signal(&entry->wake);
}

bool entry_is_ending(struct entry *entry)
{
    HOLD(&entry->waking);
    return entry->ending;
}

/* False: it is to end. What wakes it is forgotten before anything is looked at. */
static bool wait_until(struct entry *entry, int64_t until_ns)
{
    struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S),
                             .tv_nsec = (long)(until_ns % NS_PER_S)};
    HOLD(&entry->waking);
    while (!entry->woken && !entry->ending && clock_now_ns() < until_ns) {
        (void)pthread_cond_timedwait(&entry->wake, &entry->waking, &until);
    }
    entry->woken = false;
    return !entry->ending;
}

/* ---- the thread's work ---- */

static void look(struct entry *entry, struct build **ret_current, struct build **ret_next)
{
    HOLD(&entry->retrieval->lock);
    *ret_current = entry->current;
    *ret_next = entry->next;
}

/* Opens what is not open yet, where it is time to try. */
static void open_build(struct entry *entry, struct build *build, bool is_current)
{
    struct error error = {.code = ERROR_NONE};
    if (build->opened || clock_now_ns() < build->feed.retry_ns) {
        return;
    }
    int r = build_open(build, &error);
    if (r == 0) {
        build->feed.retry_ns = 0;
        build_set_fate(build, BUILD_FEEDS, NULL);
        return;
    }
    build->feed.retry_ns = clock_now_ns() + OPEN_RETRY_MS * NS_PER_MS;
    if (error.code == ERROR_MALFORMED && retrieval_spec_is_fed(&build->spec)) {
        struct error fault = {.code = ERROR_NONE};
        build_set_fate(build, is_current ? BUILD_STOPPED : BUILD_LOST, &error);
        if (is_current && change_set_aside(entry, build, &fault) < 0 &&
            fault.code != ERROR_UNAVAILABLE) {
            build_set_fate(build, BUILD_STOPPED, &fault);
        }
        return;
    }
    char text[2 * ERROR_MESSAGE_SIZE];
    log_event(LOG_LEVEL_WARNING, "index_not_opened", "index=%s code=%s reason=%s", entry->name,
              error_code_name(error.code), log_quote(text, sizeof text, error.message));
    build_set_fate(build, BUILD_STOPPED, &error);
}

static void verify(struct build *build)
{
    struct verify *verify = &build->verify;
    const struct retrieval *retrieval = build->entry->retrieval;
    int64_t now_ns = clock_now_ns();
    int64_t step_ns = retrieval->verify_ms * NS_PER_MS;
    struct index_findings findings;
    struct error error = {.code = ERROR_NONE};
    if (!build->index || now_ns < verify->due_ns) {
        return;
    }
    if (verify->due_ns == 0) { /* a little later, when it has been opened just now */
        verify->due_ns = now_ns + step_ns;
        return;
    }
    int r = index_verify(build->index, &verify->position, VERIFY_ROWS, &findings, &error);
    verify->due_ns = now_ns + (verify->position == 0 ? VERIFY_REST * step_ns : step_ns);
    if (r < 0) {
        char text[2 * ERROR_MESSAGE_SIZE];
        log_event(LOG_LEVEL_WARNING, "index_not_verified", "index=%s code=%s reason=%s",
                  build->spec.name, error_code_name(error.code),
                  log_quote(text, sizeof text, error.message));
    }
    if (error.code == ERROR_MALFORMED && retrieval_spec_is_fed(&build->spec)) {
        build_set_fate(build, BUILD_LOST, &error); /* its keys are damaged */
        feed_detach(build);
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t due(const struct entry *entry, const struct build *current, const struct build *next)
{
    int64_t due_ns = clock_now_ns() + LOOK_MS * NS_PER_MS;
    const struct build *const builds[] = {current, next};
    for (size_t i = 0; i < 2 && builds[i]; i++) {
        const struct build *build = builds[i];
        due_ns = earlier(due_ns, build->opened ? feed_due(build) : build->feed.retry_ns);
        if (build->index && i == 0) {
            due_ns = earlier(due_ns, build->verify.due_ns);
        }
        if (build->repair.retry_ns > 0 && feed_is_settled(build)) {
            due_ns = earlier(due_ns, build->repair.retry_ns);
        }
    }
    return entry->change_ns > clock_now_ns() ? earlier(due_ns, entry->change_ns) : due_ns;
}

/* Once round. True: there is more to do at once. */
static bool work(struct entry *entry)
{
    struct build *current = NULL;
    struct build *next = NULL;
    look(entry, &current, &next);
    bool busy = feed_step(current);
    if (next) {
        open_build(entry, next, false);
        busy = feed_step(next) || busy;
    }
    change_step(entry, current, next);
    look(entry, &current, &next);
    open_build(entry, current, true);
    look(entry, &current, &next);
    if (!busy) {
        busy = repair_step(current);
    }
    if (!busy) {
        verify(current);
    }
    return busy;
}

static void tell_opened(struct entry *entry)
{
    HOLD(&entry->retrieval->lock);
    entry->opened = true;
    (void)pthread_cond_broadcast(&entry->retrieval->opened);
}

static void *entry_thread(void *context)
{
    struct entry *entry = context;
    struct build *current = NULL;
    struct build *next = NULL;
    look(entry, &current, &next);
    open_build(entry, current, true);
    tell_opened(entry);
    while (!entry_is_ending(entry)) {
        if (work(entry)) {
            continue;
        }
        look(entry, &current, &next);
        if (!wait_until(entry, due(entry, current, next))) {
            break;
        }
    }
    look(entry, &current, &next);
    feed_detach(current);
    if (next) {
        feed_detach(next);
    }
    return NULL;
}

int entry_start(struct entry *entry, struct error *error)
{
    if (entry->broken.code != ERROR_NONE) {
        tell_opened(entry);
        return 0;
    }
    HOLD(&entry->joining);
    int r = pthread_create(&entry->thread, NULL, entry_thread, entry);
    entry->has_thread = r == 0;
    return r == 0 ? 0 : error_set(error, ERROR_MEMORY, "no thread for an index can be started");
}

void entry_join(struct entry *entry)
{
    HOLD(&entry->joining);
    if (entry->has_thread) {
        (void)pthread_join(entry->thread, NULL);
        entry->has_thread = false;
    }
}
