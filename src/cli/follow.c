/* SPDX-License-Identifier: Apache-2.0
 *
 * Following a job, to its end or to Ctrl-C.
 */
#include "cli/follow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/interrupt.h"

enum { ID_SIZE = 128 };

int follow_option(struct follow *follow, int option, const char *verb)
{
    switch (option) {
    case 'f':
        if (!sink_format_parse(optarg, &follow->format)) {
            (void)cli_misused(verb, "--format is table, jsonl, csv or npy");
            return -1;
        }
        return 1;
    case 'o':
        follow->output = optarg;
        return 1;
    case '0':
        follow->delimiter = '\0';
        return 1;
    case 'q':
        follow->quiet = true;
        return 1;
    case 'P':
        follow->no_progress = true;
        return 1;
    case 'L':
        follow->no_labels = true;
        return 1;
    default:
        return 0;
    }
}

int follow_begin(struct follow *follow, uint32_t top, const char *verb)
{
    if ((follow->format == SINK_NPY) != (follow->output != NULL)) {
        return cli_misused(verb, "--format npy and --output FILE go together");
    }
    progress_init(&follow->progress, !follow->no_progress, false);
    waits_init(&follow->waits, follow->cli);
    sink_init(&follow->sink, follow->format, top, &follow->progress);
    bool failed =
        follow->output && sink_open_file(&follow->sink, follow->output, follow->delimiter) != 0;
    return failed ? STATUS_NOTHING : 0;
}

/* Why a job does not advance. */
static const char *note_of(const struct situ_results *results, const struct situ_progress *now)
{
    const char *cut = situ_results_cut(results);
    if (cut) {
        return "the connection is gone, and is tried again";
    }
    if (!now->state) {
        return NULL;
    }
    if (strcmp(now->state, "paused") == 0) {
        return now->reason[0] ? now->reason : "paused";
    }
    if (strcmp(now->state, "waiting") == 0) {
        return "waits for its turn";
    }
    return now->idle ? "nothing new" : NULL;
}

static void show(struct follow *follow)
{
    struct situ_progress now = {.struct_size = sizeof now};
    struct progress_figures *shown = &follow->shown;
    char note[96];
    if (follow->results && situ_results_progress(follow->results, &now) == 0) {
        shown->done = follow->others + now.cursor;
        shown->total = now.selected > 0 ? follow->others + now.selected : 0;
        shown->cached = follow->others_cached + now.cached;
        shown->reported = follow->others + now.results;
        if (follow->others_first && now.results > 0) { /* they do not count for the rate */
            shown->before = follow->others + now.results;
            follow->others_first = false;
        }
        const char *why = note_of(follow->results, &now);
        (void)snprintf(note, sizeof note, "%.90s", why ? why : "");
        shown->note = why ? note : NULL;
    } else {
        shown->done = follow->closing.objects;
    }
    shown->failed = follow->closing.failed;
    progress_show(&follow->progress, shown);
    shown->note = NULL;
}

void follow_give(struct follow *follow, const struct situ_result *result)
{
    waits_over(&follow->waits);
    if (!result->gone) {
        follow->closing.objects++;
        follow->closing.failed += result->code != SITU_OK;
    }
    sink_give(&follow->sink, result);
    show(follow);
}

void follow_fault(struct follow *follow, const struct situ_error *error)
{
    progress_clear(&follow->progress);
    (void)cli_say_error(follow->cli, error);
    follow->stopped = true;
}

void follow_failed_start(struct follow *follow, const struct situ_error *error)
{
    if (error->code == SITU_CANCELLED && interrupt_seen()) {
        progress_clear(&follow->progress);
        follow->status = interrupt_status();
        return;
    }
    follow_fault(follow, error);
}

static int on_wait(void *context)
{
    struct follow *follow = context;
    if (interrupt_seen()) {
        return 1;
    }
    if (follow->sink.table_open && columns_due(&follow->sink.table)) {
        progress_clear(&follow->progress);
        columns_print(&follow->sink.table);
    }
    /* Also into a pipe, whose reader waits for it. ferror() reports a fault. */
    (void)fflush(stdout);
    show(follow);
    const char *id = follow->results ? situ_results_job(follow->results) : follow->job;
    waits_look(&follow->waits, id ? id : "", situ_results_cut(follow->results), &follow->progress);
    return 0;
}

void follow_wait(struct follow *follow, struct situ_run_options *options)
{
    options->progress = follow->progress.enabled;
    options->labels = follow->no_labels ? SITU_LABELS_NONE : options->labels;
    options->on_wait = on_wait;
    options->context = follow;
    interrupt_hold();
}

/* A job after its results have been read, completely or not. */
struct left_job {
    char id[ID_SIZE]; /* "": there is no job, as all names were refused */
    uint64_t cursor;
    bool owned;
    bool ended; /* failed or cancelled */
};

/* ---- The end --------------------------------------------------------------------------------- */

static void tell_how_to_follow(const char *id, uint64_t cursor)
{
    if (cursor > 0) {
        cli_say("job %s goes on; its further results: situ job follow %s --after %" PRIu64, id, id,
                cursor);
    } else {
        cli_say("job %s goes on; its results: situ job follow %s", id, id);
    }
}

static bool asked_to_leave(void)
{
    char answer[16] = "";
    if (!interrupt_by_hand() || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        return false;
    }
    (void)fputs("leave the job running? [y/N] ", stderr);
    (void)fflush(stderr);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static void cancel(struct follow *follow, const char *id)
{
    struct situ_error error;
    int r = situ_job_cancel(follow->cli->array, id, NULL, &error);
    if (r == 0) {
        cli_say("job %s is cancelled", id);
    } else if (error.code != SITU_CONFLICT) {
        cli_say("job %s could not be cancelled: %s", id, error.message);
    }
}

static void interrupted(struct follow *follow, const struct left_job *job)
{
    follow->status = interrupt_status();
    sink_flush(&follow->sink);
    if (!job->id[0]) {
        return;
    }
    if (!job->owned || asked_to_leave()) {
        tell_how_to_follow(job->id, job->cursor);
    } else {
        cancel(follow, job->id);
    }
}

/* The messages after a fault, or if the output cannot be written. */
static void left_over(struct follow *follow, const struct left_job *job,
                      const struct situ_error *error)
{
    const char *id = job->id;
    sink_flush(&follow->sink);
    if (!error && cli_reader_left()) {
        follow->status = STATUS_PIPE;
        if (job->owned) {
            (void)situ_job_remove(follow->cli->array, id, NULL);
        }
    } else if (!error) {
        follow->stopped = true;
        if (!follow->sink.unfit) {
            tell_how_to_follow(id, 0);
        } else if (job->owned) {
            (void)situ_job_remove(follow->cli->array, id, NULL);
        }
    } else {
        follow_fault(follow, error);
        if (!job->ended) {
            tell_how_to_follow(id, job->cursor);
        } else if (job->owned) {
            cli_say("see 'situ job show %s'", id);
        }
    }
}

/* Reads results: 0 at the end, 1 on Ctrl-C, 2 if the output cannot be written, or the fault. */
static int drain(struct follow *follow, struct situ_error *error)
{
    const struct situ_result *result;
    for (;;) {
        int more = situ_next(follow->results, &result, error);
        if (more > 0) {
            follow_give(follow, result);
        }
        if (interrupt_seen()) {
            return 1;
        }
        if (ferror(stdout) || follow->sink.broken) {
            follow->output_errno = errno;
            return 2;
        }
        if (more <= 0) {
            return more;
        }
    }
}

static void add_figures(struct follow *follow, struct left_job *job)
{
    struct situ_progress now = {.struct_size = sizeof now};
    if (situ_results_progress(follow->results, &now) == 0) {
        follow->closing.cached += now.cached;
        follow->closing.bytes_read += now.bytes_read;
        follow->closing.read_known = true;
        follow->others += now.cursor;
        follow->others_cached += now.cached;
        job->cursor = now.cursor;
        follow->closing.skipped += now.skipped;
        follow->closing.gone += situ_results_gone(follow->results);
        follow->part = (struct situ_left_out){.struct_size = sizeof follow->part};
        (void)situ_results_left_out(follow->results, &follow->part);
        left_out_gather(&follow->left_out, &follow->part);
        job->ended = strcmp(now.state, "failed") == 0 || strcmp(now.state, "cancelled") == 0;
    }
}

void follow_results(struct follow *follow, struct situ_results *results, bool owned)
{
    struct situ_error error;
    struct left_job job = {.owned = owned};

    (void)snprintf(job.id, sizeof job.id, "%s", situ_results_job(results));
    follow->results = results;
    follow->others_first = !owned;
    int r = drain(follow, &error);
    add_figures(follow, &job);
    follow->results = NULL;
    situ_results_free(results);
    follow->closing.read_partly |= r != 0;
    if (r == 1) {
        interrupted(follow, &job);
    } else if (r != 0) {
        left_over(follow, &job, r < 0 ? &error : NULL);
    }
}

void follow_nothing(struct follow *follow, const char *what)
{
    char text[LEFT_OUT_SIZE];
    progress_clear(&follow->progress);
    (void)left_out_text(text, &follow->part);
    cli_say("%s%s%s", what, text[0] ? "; left out: " : "", text);
    follow->nothing = true;
}

/* What was left out, unless follow_nothing has reported it. */
static void tell_left_out(const struct follow *follow)
{
    char text[LEFT_OUT_SIZE];
    if (left_out_is_more(&follow->left_out) && !(follow->nothing && follow->closing.objects == 0)) {
        (void)fprintf(stderr, "%s\n", left_out_text(text, &follow->left_out));
    }
}

int follow_end(struct follow *follow)
{
    char line[CLOSING_SIZE];
    uint64_t sent;
    uint64_t received;
    waits_done(&follow->waits);
    int lost = sink_done(&follow->sink, !follow->stopped && follow->status == 0);
    if (follow->output_errno) {
        errno = follow->output_errno;
    }
    int status = cli_finish_output(follow->status);

    if (status) {
        return status;
    }
    situ_traffic(follow->cli->array, &sent, &received);
    follow->closing.bytes_wire = sent + received;
    follow->closing.seconds = progress_seconds(&follow->progress);
    if (!follow->quiet && (!follow->stopped || follow->closing.objects > 0)) {
        (void)fprintf(stderr, "%s\n", figure_closing(line, &follow->closing));
        tell_left_out(follow);
    }
    if (lost) {
        if (follow->sink.lost) {
            cli_say("out of memory");
        }
        return STATUS_NOTHING;
    }
    if (follow->stopped) {
        return follow->closing.objects > 0 ? STATUS_SOME_FAILED : STATUS_NOTHING;
    }
    return follow->closing.failed > 0 || follow->nothing ? STATUS_SOME_FAILED : STATUS_GOOD;
}
