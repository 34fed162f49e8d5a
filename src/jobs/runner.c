/* SPDX-License-Identifier: Apache-2.0
 *
 * One run of a job: takes objects from the selection while the window has room, gives them to the
 * host, and appends the results to the log in order. On the job's thread; other threads change only
 * the window and the stop request, both under the job's lock.
 */
#include "jobs/runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/page_block.h"
#include "data/key.h"
#include "jobs/counter.h"
#include "jobs/job_item.h"
#include "jobs/job_log.h"
#include "jobs/job_selection.h"
#include "jobs/job_table.h"
#include "jobs/pass.h"
#include "jobs/window.h"

enum {
    SYNC_BYTES = 256 << 10, /* at the latest, waiting lines are synced at this size */
    BUSY_MS = 3,            /* until a busy host is asked again */
    LOOK_MS = 1000,         /* the longest wait */
    SAVE_MS = 500           /* job.json is saved no sooner: most jobs are done by then */
};

struct runner {
    struct job *job;                 /* borrowed */
    const struct jobs_host *host;    /* borrowed */
    struct jobs_run *run;            /* owned */
    struct job_log *log;             /* taken from the job */
    struct job_selection *selection; /* owned */
    struct pass *pass;               /* owned; NULL: not a standing job */
    struct counter *counter;         /* owned; NULL: none */
    char *keys_path;                 /* owned; NULL: none */
    bool whole;       /* the run started at the beginning of the selection: its count is complete */
    bool first_given; /* the first name was handled */
    uint64_t listed;  /* names that the selection returned */
    uint64_t failed;  /* failure lines in the log, including those that are not synced */

    struct window window;
    struct slot *prepared; /* the last slot, not given to the host yet; NULL: none */
    int64_t ask_again_ns;  /* the host is not asked before */
    bool exhausted;        /* the selection is at its end */
    bool stopped;          /* there was a stop request */
    bool cancelled;        /* the host was asked to return what is queued */
    bool disk_refuses;     /* the last sync failed: not repeated before the end */
    bool cut;              /* a line is missing: no further one is appended */
    enum run_end end;      /* RUN_COMPLETE until something prevents it */
    struct error reason;   /* for any other end */
    int64_t synced_ns;
    int64_t save_ns; /* when job.json is saved next, if it changed */
};

static bool is_filling(const struct runner *runner)
{
    return !runner->stopped && !runner->exhausted && runner->end == RUN_COMPLETE;
}

/* Ends the run; the first reason counts. */
static void stop_for(struct runner *runner, enum run_end end, const struct error *reason)
{
    if (runner->end == RUN_COMPLETE) {
        runner->end = end;
        runner->reason = *reason;
    }
}

static void stop_for_memory(struct runner *runner)
{
    struct error reason;
    (void)error_memory(&reason, NULL);
    stop_for(runner, RUN_PAUSED, &reason);
}

/* ---- the log ---- */

/* False if it failed: the lines stay in memory, the run stops. */
static bool sync_log(struct runner *runner)
{
    struct error error = {.code = ERROR_NONE};
    runner->synced_ns = clock_now_ns();
    if (job_log_pending(runner->log) == 0) {
        return true;
    }
    int r = job_log_sync(runner->log, &error);
    runner->disk_refuses = r < 0;
    if (r == 0) {
        if (runner->pass) {
            pass_publish_count(runner->pass);
        }
        job_goes_on(runner->job);
        job_notify(runner->job);
        r = runner->pass ? pass_commit(runner->pass, false, &error) : 0;
    }
    if (r < 0) {
        stop_for(runner, RUN_PAUSED, &error);
    }
    return r == 0;
}

/* Syncs if enough lines wait, or long enough, or nothing else is in flight. */
static void sync_when_due(struct runner *runner, bool nothing_comes)
{
    size_t pending = job_log_pending(runner->log);
    if (pending == 0 || runner->disk_refuses) {
        return;
    }
    int64_t due_ns = runner->synced_ns + runner->job->jobs->sync_ms * NS_PER_MS;
    if (pending >= SYNC_BYTES || nothing_comes || clock_now_ns() >= due_ns) {
        (void)sync_log(runner);
    }
}

static void check_failures(struct runner *runner)
{
    const struct job *job = runner->job;
    /* Constant while the thread runs. The log may have fewer lines than that, if it was cut. */
    uint64_t before = job->failed_before;
    if (runner->failed > before && runner->failed - before > job->spec.max_failures) {
        struct error reason;
        (void)error_set(&reason, ERROR_CONFLICT, "more than %llu objects failed",
                        (unsigned long long)job->spec.max_failures);
        stop_for(runner, RUN_FAILED, &reason);
        runner->cut = true;
    }
}

/* A result that is too long for a line is a failure: another try would give the same. */
static int append_failure(struct runner *runner, struct slot *slot,
                          const struct job_record_facts *facts)
{
    struct jobs_object *object = &slot->object;
    object->code = ERROR_TOO_LARGE;
    buffer_done(&object->line);
    object->line = BUFFER_INIT;
    job_item_write_failure(&object->line, object->object, slot->flawed, object->code,
                           "the answer is longer than a line of a job's results may be");
    int r = buffer_ok(&object->line);
    return r < 0 ? r : job_log_append(runner->log, object->line.data, object->line.size, facts);
}

/* A listed object that was removed before it was inferred is gone: no failure, and no line. That
 * does not apply to names in a list, nor to standing jobs, which report each gone object. */
static bool is_gone(const struct runner *runner, enum error_code code)
{
    return code == ERROR_NOT_FOUND && !runner->pass && !runner->job->spec.has_keys;
}

/* Appends the line of the first slot, which is back. */
static void append_line(struct runner *runner, struct slot *slot)
{
    struct jobs_object *object = &slot->object;
    struct job_record_facts facts = {
        .cached = object->cached, .flawed = slot->flawed, .bytes_read = object->bytes_read};
    if (is_gone(runner, object->code)) {
        return;
    }
    if (object->line.size == 0 && !object->line.failed) { /* the host gave no line */
        object->code = object->code == ERROR_NONE ? ERROR_INTERNAL : object->code;
        job_item_write_failure(&object->line, object->object, slot->flawed, object->code,
                               object->message);
    }
    if (runner->pass) {
        pass_facts(runner->pass, slot, &facts);
    } else if (object->code == ERROR_NONE &&
               roots_need_identity(&runner->job->roots, object->store)) {
        facts.has_identity = true;
        facts.identity = object->identity;
    }
    int r = buffer_ok(&object->line);
    if (r == 0) {
        r = job_log_append(runner->log, object->line.data, object->line.size, &facts);
        r = r == -EMSGSIZE ? append_failure(runner, slot, &facts) : r;
    }
    if (r < 0) {
        stop_for_memory(runner);
        runner->cut = true;
        return;
    }
    if (runner->pass && pass_logged(runner->pass, slot, &facts) < 0) {
        stop_for_memory(runner); /* the next run applies the log to the table */
        runner->cut = true;
    }
    if (object->code != ERROR_NONE) {
        runner->failed++;
        check_failures(runner);
    }
}

/* Rejects results that may be of another file system than the job's: all of them were read
 * before this check. */
static void check_roots(struct runner *runner)
{
    struct error reason = {.code = ERROR_NONE};
    if (!runner->cut && roots_hold(&runner->job->roots, false, &reason) < 0) {
        stop_for(runner, RUN_PAUSED, &reason);
        runner->cut = true;
    }
}

static void take_back(struct runner *runner, unsigned ready)
{
    if (ready > 0) {
        check_roots(runner);
    }
    for (unsigned i = 0; i < ready; i++) {
        struct slot *slot = window_first(&runner->window);
        const struct jobs_object *object = &slot->object;
        if (!runner->cut && jobs_code_pauses(object->code)) {
            struct error reason;
            (void)error_set(&reason, object->code, "%s",
                            object->message[0] != '\0' ? object->message
                                                       : "objects cannot be inferred for now");
            stop_for(runner, RUN_PAUSED, &reason);
            runner->cut = true;
        }
        if (!runner->cut) {
            append_line(runner, slot);
        }
        window_drop_first(&runner->window);
    }
}

/* ---- the selection ---- */

/* Counts the selection: known if the last page was read, otherwise counted by another thread. */
static void count_selection(struct runner *runner)
{
    struct job *job = runner->job;
    uint64_t left = 0;
    if (runner->first_given) {
        return;
    }
    runner->first_given = true;
    (void)pthread_mutex_lock(&job->lock);
    bool known = job->selected_known;
    (void)pthread_mutex_unlock(&job->lock);
    if (runner->whole && job_selection_is_last_page(runner->selection, &left)) {
        struct left_out left_out = job_selection_left_out(runner->selection);
        counter_publish(job, left + runner->listed, &left_out);
    } else if (!known) {
        runner->counter = counter_new(job, runner->keys_path);
    }
}

static void put_line(struct runner *runner, const struct job_item *item)
{
    struct slot *slot = window_put(&runner->window, item);
    if (!slot) {
        stop_for_memory(runner);
        return;
    }
    struct jobs_object *object = &slot->object;
    if (item->kind == JOB_ITEM_GONE) {
        job_item_write_gone(&object->line, item->object, item->flawed);
    } else {
        object->code = item->fault.code != ERROR_NONE ? item->fault.code : ERROR_MALFORMED;
        job_item_write_failure(&object->line, item->object, item->flawed, object->code,
                               item->fault.message);
    }
    window_mark_back(slot);
}

static void mark_unsaved(struct job *job)
{
    HOLD(&job->lock);
    job->unsaved = true;
}

static int meet_store(struct runner *runner, const struct job_item *item, struct error *error)
{
    bool is_new = false;
    int r = roots_meet(&runner->job->roots, item->object, item->store, &is_new, error);
    if (is_new) {
        mark_unsaved(runner->job);
    }
    return r;
}

/* Takes the next object of the selection. The window has room. */
static void take_next(struct runner *runner)
{
    struct job_item item;
    struct error error = {.code = ERROR_NONE};
    int r = runner->pass ? pass_next(runner->pass, runner->selection, &item, &error)
                         : job_item_next(runner->selection, &item, &error);
    if (r == -ECANCELED) {
        return; /* a stop request, which look_around() sees */
    }
    if (r < 0) {
        stop_for(runner, RUN_PAUSED, &error);
        return;
    }
    if (r == 0) {
        runner->exhausted = true;
        return;
    }
    if (item.store && meet_store(runner, &item, &error) < 0) {
        stop_for(runner, RUN_PAUSED, &error);
        return;
    }
    runner->listed = runner->pass ? pass_seen(runner->pass) : runner->listed + 1;
    count_selection(runner);
    if (item.kind == JOB_ITEM_OBJECT) {
        runner->prepared = window_put(&runner->window, &item);
        if (!runner->prepared) {
            stop_for_memory(runner);
        }
    } else if (item.kind != JOB_ITEM_KNOWN && !is_gone(runner, item.fault.code)) {
        put_line(runner, &item);
    }
}

/* ---- the host ---- */

/* Gives the prepared object to the host, if there is room for it. True: done. */
static bool start_prepared(struct runner *runner, const struct window_look *look)
{
    struct slot *slot = runner->prepared;
    bool fits =
        look->in_flight == 0 || look->in_flight_bytes + slot->size_bytes <= LIMIT_JOB_WINDOW_BYTES;
    if (!fits || clock_now_ns() < runner->ask_again_ns) {
        return false;
    }
    window_mark_started(slot);
    int r = runner->host->run_start(runner->run, &slot->object);
    if (r == 0) {
        runner->prepared = NULL;
        return true;
    }
    window_mark_not_started(slot);
    if (r == -EBUSY) {
        runner->ask_again_ns = clock_now_ns() + BUSY_MS * NS_PER_MS;
        return false;
    }
    struct error reason;
    (void)error_set(&reason, r == -ENOMEM ? ERROR_MEMORY : ERROR_UNAVAILABLE,
                    "object '%s' could not be started", slot->object.object);
    stop_for(runner, RUN_PAUSED, &reason);
    return false;
}

/* True if something was done. */
static bool fill(struct runner *runner, const struct window_look *look)
{
    if (!is_filling(runner)) {
        return false;
    }
    if (runner->prepared) {
        return start_prepared(runner, look);
    }
    if (runner->window.count == LIMIT_JOB_WINDOW) {
        return false;
    }
    take_next(runner);
    return true;
}

/* Reads the window and the stop request together. The host is asked once to cancel. */
static void look_around(struct runner *runner, struct window_look *ret_look)
{
    (void)pthread_mutex_lock(&runner->job->lock);
    window_look(&runner->window, ret_look);
    bool stopped = runner->job->stop_request != STOP_NONE;
    (void)pthread_mutex_unlock(&runner->job->lock);
    runner->stopped = runner->stopped || stopped;
    if ((runner->stopped || runner->end == RUN_FAILED) && !runner->cancelled) {
        runner->cancelled = true;
        runner->host->run_cancel(runner->run);
    }
}

/* Waits for objects that come back, a stop request, or the next time limit. */
static void wait_for_news(struct runner *runner, const struct window_look *look)
{
    struct job *job = runner->job;
    int64_t until_ns = clock_now_ns() + LOOK_MS * NS_PER_MS;
    int64_t sync_ns = runner->synced_ns + job->jobs->sync_ms * NS_PER_MS;
    if (job_log_pending(runner->log) > 0 && !runner->disk_refuses && sync_ns < until_ns) {
        until_ns = sync_ns;
    }
    if (runner->prepared && is_filling(runner) && runner->ask_again_ns > 0 &&
        runner->ask_again_ns < until_ns) {
        until_ns = runner->ask_again_ns;
    }
    HOLD(&job->lock);
    runner->window.waiting = true;
    while (runner->window.returns == look->returns &&
           (runner->stopped || job->stop_request == STOP_NONE)) {
        if (clock_wait(&job->wake, &job->lock, until_ns) == -ETIMEDOUT) {
            break;
        }
    }
    runner->window.waiting = false;
}

/* The selection and its file systems must survive a crash. A failed write is repeated: the log,
 * which needs the same disk, reports the reason. */
static void save_when_due(struct runner *runner)
{
    struct job *job = runner->job;
    int64_t now_ns = clock_now_ns();
    if (now_ns < runner->save_ns) {
        return;
    }
    runner->save_ns = now_ns + SAVE_MS * NS_PER_MS;
    (void)pthread_mutex_lock(&job->lock);
    bool unsaved = job->unsaved;
    (void)pthread_mutex_unlock(&job->lock);
    if (unsaved) {
        (void)!job_save(job, JOB_WAITING, NULL, NULL);
    }
}

static void work(struct runner *runner)
{
    struct window_look look;
    runner->save_ns = clock_now_ns() + SAVE_MS * NS_PER_MS;
    while (true) {
        save_when_due(runner);
        look_around(runner, &look);
        take_back(runner, look.ready);
        bool filled = fill(runner, &look);
        if (filled || look.ready > 0) {
            sync_when_due(runner, false);
            continue;
        }
        if (look.in_flight == 0 && !is_filling(runner)) {
            return;
        }
        sync_when_due(runner, look.in_flight == 0);
        if (is_filling(runner) || look.in_flight > 0) {
            wait_for_news(runner, &look);
        }
    }
}

/* ---- beginning and end ---- */

/* Starts the selection behind the last line of the log. */
static int begin_selection(struct runner *runner, struct error *error)
{
    struct job *job = runner->job;
    cleanup_free char *last = NULL;
    struct job_record_facts facts;
    struct job_log_totals totals;
    const char *after = NULL;
    uint64_t position = 0;
    job_log_totals(runner->log, &totals);
    runner->failed = totals.failed;
    if (runner->pass) {
        after = pass_after(runner->pass);
    } else if (job->spec.has_keys) {
        position = totals.lines;
        runner->keys_path = job_path(job, "keys");
        if (!runner->keys_path) {
            return error_memory(error, NULL);
        }
    } else {
        int r = job_log_last(runner->log, &last, &facts, error);
        if (r < 0) {
            return r;
        }
        size_t store_length = 0;
        after = last ? key_in_object(last, &store_length) : NULL;
    }
    runner->whole = !after && position == 0;
    int r = job_selection_new(&job->spec, runner->host, runner->keys_path, after, position,
                              &runner->selection, error);
    if (r == 0) {
        job_selection_stop_on(runner->selection, &job->halting);
    }
    return r;
}

static int begin(struct runner *runner, struct error *error)
{
    struct job *job = runner->job;
    int r = job_log_take(job, &runner->log, error);
    if (r < 0) {
        return r;
    }
    runner->synced_ns = clock_now_ns();
    if (job_log_pending(runner->log) > 0) { /* lines that the disk refused before */
        r = job_log_sync(runner->log, error);
        if (r < 0) {
            return r;
        }
        job_notify(job);
    }
    bool is_new = false;
    r = roots_check(&job->roots, job->spec.select.store, runner->host, runner->log, &is_new, error);
    if (is_new) {
        mark_unsaved(job);
    }
    if (r < 0) {
        return r;
    }
    if (job->spec.standing) {
        r = pass_new(job, runner->log, &runner->pass, error);
        if (r < 0) {
            return r;
        }
        HOLD(&job->lock);
        job->pass = pass_number(runner->pass);
    }
    r = begin_selection(runner, error);
    if (r < 0) {
        return r;
    }
    return runner->host->run_new(runner->host->context, &job->spec, &runner->run, error);
}

/* Every object has its line: the selection is counted now. */
static void settle_count(struct runner *runner)
{
    struct job *job = runner->job;
    struct job_log_totals totals;
    if (!runner->whole && runner->counter) {
        counter_wait(runner->counter);
    }
    counter_free(take_ptr(runner->counter));
    job_log_totals(runner->log, &totals);
    (void)pthread_mutex_lock(&job->lock);
    struct left_out left_out =
        runner->whole ? job_selection_left_out(runner->selection) : job->left_out;
    uint64_t selected = runner->whole ? runner->listed : job->selected;
    bool known = runner->whole || job->selected_known;
    (void)pthread_mutex_unlock(&job->lock);
    if (!runner->pass) {
        counter_publish(job, totals.lines, &left_out);
        HOLD(&job->lock);
        job->gone = job->selected - totals.lines;
    } else if (known) {
        counter_publish(job, selected, &left_out);
    }
}

static void complete(struct runner *runner)
{
    struct error error = {.code = ERROR_NONE};
    settle_count(runner);
    if (runner->pass) {
        runner->job->restless = pass_is_restless(runner->pass) ? runner->job->restless + 1 : 0;
    }
    if (runner->pass && pass_finish(runner->pass, &error) < 0) {
        stop_for(runner, RUN_PAUSED, &error);
    }
}

static void end(struct runner *runner)
{
    struct error error = {.code = ERROR_NONE};
    if (runner->prepared) {
        window_drop_last(&runner->window);
        runner->prepared = NULL;
    }
    bool synced = sync_log(runner);
    if (runner->end == RUN_COMPLETE && runner->exhausted &&
        roots_hold(&runner->job->roots, true, &error) < 0) {
        stop_for(runner, RUN_PAUSED, &error); /* an unavailable store may have hidden objects */
    }
    if (synced && runner->end == RUN_COMPLETE && runner->exhausted) {
        complete(runner);
    } else if (synced && runner->pass && pass_commit(runner->pass, true, &error) < 0) {
        stop_for(runner, RUN_PAUSED, &error); /* the next run applies it again */
    }
    if (runner->stopped && (runner->end != RUN_COMPLETE || !runner->exhausted) &&
        runner->end != RUN_FAILED) {
        runner->end = RUN_STOPPED;
    }
    if (runner->end != RUN_COMPLETE || runner->pass) { /* a plain job's end is saved with it */
        runner->save_ns = 0;
        save_when_due(runner);
    }
}

static void runner_free(struct runner *runner)
{
    if (runner->run) {
        runner->host->run_free(runner->run);
    }
    counter_free(runner->counter);
    job_selection_free(runner->selection);
    pass_free(runner->pass);
    if (runner->log) {
        job_log_release(runner->job);
    }
    window_done(&runner->window);
    free(runner->keys_path);
    page_block_free(runner, sizeof *runner);
}

enum run_end runner_run(struct job *job, struct error *ret_reason)
{
    struct runner *runner = page_block_new(sizeof *runner);
    if (!runner) {
        (void)error_memory(ret_reason, NULL);
        return RUN_PAUSED;
    }
    runner->job = job;
    runner->host = &job->jobs->host;
    window_init(&runner->window, &job->lock, &job->wake);
    int r = begin(runner, ret_reason);
    if (r < 0) {
        runner_free(runner);
        return job_stop_request(job) == STOP_NONE ? RUN_PAUSED : RUN_STOPPED;
    }
    work(runner);
    end(runner);
    enum run_end run_end = runner->end;
    *ret_reason = runner->reason;
    runner_free(runner);
    return run_end;
}
