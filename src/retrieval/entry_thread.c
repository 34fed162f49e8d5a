/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread of an index: opens what is on disk, feeds the build that is searched and the one
 * beside it, swaps them, repairs damaged rows, and scrubs while there is nothing else to do.
 */
#include "retrieval/entry_thread.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "retrieval/build.h"
#include "retrieval/change.h"
#include "retrieval/feed.h"
#include "retrieval/index_table.h"
#include "retrieval/repair.h"
#include "retrieval/retrieval_spec.h"

enum {
    OPEN_RETRY_MS = 5000,
    LOOK_MS = 30000,    /* the longest wait */
    VERIFY_ROWS = 4096, /* of a slice */
    VERIFY_REST = 720   /* pause between two rounds, in slices: an hour */
};

static void look(struct entry *entry, struct build **ret_current, struct build **ret_next)
{
    HOLD(&entry->retrieval->lock);
    *ret_current = entry->current;
    *ret_next = entry->next;
}

/* Opens the build, unless it is open or the next try is later. */
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
    if (verify->due_ns == 0) { /* not right after it was opened */
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
        build_detach(build);
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

/* One round. True: there is more to do at once. */
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

static void publish_opened(struct entry *entry)
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
    publish_opened(entry);
    while (!entry_is_ending(entry)) {
        if (work(entry)) {
            continue;
        }
        look(entry, &current, &next);
        if (!entry_wait(entry, due(entry, current, next))) {
            break;
        }
    }
    look(entry, &current, &next);
    build_detach(current);
    if (next) {
        build_detach(next);
    }
    return NULL;
}

int entry_start(struct entry *entry, struct error *error)
{
    if (entry->broken.code != ERROR_NONE) {
        publish_opened(entry);
        return 0;
    }
    HOLD(&entry->joining);
    int r = pthread_create(&entry->thread, NULL, entry_thread, entry);
    entry->has_thread = r == 0;
    return r == 0 ? 0 : error_set(error, ERROR_MEMORY, "cannot start the thread of an index");
}

void entry_join(struct entry *entry)
{
    HOLD(&entry->joining);
    if (entry->has_thread) {
        (void)pthread_join(entry->thread, NULL);
        entry->has_thread = false;
    }
}
