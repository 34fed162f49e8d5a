/* SPDX-License-Identifier: Apache-2.0
 *
 * situ job: list, show, follow and control jobs of the array.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/columns.h"
#include "cli/escape.h"
#include "cli/follow.h"

enum { OPTION_AFTER = 2000, OPTION_EXCLUDE, OPTION_ACCEPT, SELECTION_SIZE = 256, OWNER_SIZE = 81 };

struct job_verb {
    struct cli *cli; /* borrowed */
    struct follow follow;
    uint64_t after;
    bool json;
    bool exclude_defaults; /* of resume */
    bool accepts;          /* of resume: --accept-store */
};

/* "photos/2024/", "photos/2024/ *.jpg", or "names". */
static const char *describe_selection(const struct situ_job *job, char text[SELECTION_SIZE])
{
    if (job->by_name) {
        (void)snprintf(text, SELECTION_SIZE, "names%s%.64s", job->store[0] ? " of " : "",
                       job->store);
    } else {
        (void)snprintf(text, SELECTION_SIZE, "%.64s/%.100s%s%.64s", job->store, job->prefix,
                       job->glob[0] ? " " : "", job->glob);
    }
    return text;
}

/* "running, pass 3, idle" */
static const char *describe_state(const struct situ_job *job, char text[SELECTION_SIZE])
{
    char pass[40] = "";
    if (job->standing) {
        (void)snprintf(pass, sizeof pass, ", pass %" PRIu64 "%s", job->pass,
                       job->idle ? ", nothing new" : "");
    }
    (void)snprintf(text, SELECTION_SIZE, "%.20s%s", job->state, pass);
    return text;
}

/* "" where it has none. */
static const char *owner_of(const struct situ_job *job, char owner[OWNER_SIZE])
{
    return situ_job_owner(job, owner, OWNER_SIZE) == 0 ? owner : "";
}

/* ---- List ------------------------------------------------------------------------------------ */

static bool any_owner(const struct situ_jobs *jobs)
{
    char owner[OWNER_SIZE];
    for (size_t i = 0; i < jobs->count; i++) {
        if (owner_of(jobs->jobs[i], owner)[0] != '\0') {
            return true;
        }
    }
    return false;
}

static int print_table(const struct situ_jobs *jobs)
{
    static const char *const heads[] = {"ID",     "MODEL",  "SELECTION", "STATE", "RESULTS",
                                        "FAILED", "CACHED", "CREATED",   "OWNER"};
    struct columns table;
    char text[SELECTION_SIZE];
    char owner[OWNER_SIZE];
    bool owners = any_owner(jobs);
    int r = columns_begin(&table, heads, sizeof heads / sizeof heads[0] - (owners ? 0 : 1));
    for (size_t i = 0; r == 0 && i < jobs->count; i++) {
        const struct situ_job *job = jobs->jobs[i];
        columns_cell(&table, job->id);
        (void)snprintf(text, sizeof text, "%.64s@%.32s", job->model, job->version);
        columns_cell(&table, text);
        columns_cell(&table, describe_selection(job, text));
        columns_cell(&table, describe_state(job, text));
        (void)snprintf(text, sizeof text, "%" PRIu64 "/%" PRIu64, job->results, job->selected);
        if (job->selected_known) {
            columns_cell_number(&table, text);
        } else {
            columns_cell_count(&table, job->results);
        }
        columns_cell_count(&table, job->failed);
        columns_cell_count(&table, job->cached);
        columns_cell(&table, job->created);
        if (owners) {
            columns_cell(&table, owner_of(job, owner));
        }
    }
    return columns_done(&table);
}

static int job_list(const struct job_verb *verb)
{
    struct situ_jobs *jobs;
    struct situ_error error;
    int failed = 0;
    if (situ_job_list(verb->cli->array, &jobs, &error)) {
        return cli_say_error(verb->cli, &error);
    }
    if (verb->json) {
        (void)puts(jobs->json);
    } else if (verb->follow.format == SINK_JSONL) {
        for (size_t i = 0; i < jobs->count; i++) {
            (void)puts(jobs->jobs[i]->json);
        }
    } else {
        failed = print_table(jobs);
    }
    situ_jobs_free(jobs);
    return failed ? STATUS_NOTHING : cli_finish_output(STATUS_GOOD);
}

/* ---- Show ------------------------------------------------------------------------------------ */

static void print_results(const struct situ_job *job)
{
    char line[SELECTION_SIZE];
    char of[32] = "";
    char gone[40] = "";
    uint64_t gone_count = situ_job_gone(job);
    if (gone_count > 0) {
        (void)snprintf(gone, sizeof gone, ", %" PRIu64 " gone", gone_count);
    }
    if (job->selected_known) {
        (void)snprintf(of, sizeof of, " of %" PRIu64, job->selected);
    }
    (void)snprintf(line, sizeof line,
                   "%" PRIu64 "%s, %" PRIu64 " cached, %" PRIu64 " failed%s, %" PRIu64 " skipped",
                   job->results, of, job->cached, job->failed, gone, job->skipped);
    cli_print_field("results", line);
    struct situ_left_out left_out = {.struct_size = sizeof left_out};
    char text[LEFT_OUT_SIZE];
    if (situ_job_left_out(job, &left_out) == 0) {
        cli_print_field("left out", left_out_text(text, &left_out));
    }
}

static void print_job(const struct situ_job *job)
{
    char line[SELECTION_SIZE];
    char figure[FIGURE_SIZE];
    char owner[OWNER_SIZE];
    cli_print_field("id", job->id);
    cli_print_field("owner", owner_of(job, owner));
    (void)snprintf(line, sizeof line, "%.64s@%.32s", job->model, job->version);
    cli_print_field("model", line);
    cli_print_field("digest", job->digest);
    cli_print_field("selection", describe_selection(job, line));
    cli_print_field("state", describe_state(job, line));
    cli_print_field("reason", job->reason);
    print_results(job);
    cli_print_field("read", figure_bytes(figure, job->bytes_read));
    int used =
        snprintf(line, sizeof line, "top %" PRIu32 ", priority %" PRIu32, job->top, job->priority);
    if (job->max_failures >= 0) {
        used += snprintf(line + used, sizeof line - (size_t)used, ", at most %" PRId64 " failures",
                         job->max_failures);
    }
    if (job->standing) {
        used += snprintf(line + used, sizeof line - (size_t)used, ", a pass every %" PRIu32 " s",
                         job->interval_s);
    }
    (void)snprintf(line + used, sizeof line - (size_t)used, "%s%s", job->cache ? "" : ", no cache",
                   job->keep ? "" : ", removed when its results are taken");
    cli_print_field("options", line);
    cli_print_field("created", job->created);
    cli_print_field("finished", job->finished);
}

static int job_show(const struct job_verb *verb, const char *id)
{
    struct situ_job *job;
    struct situ_error error;
    if (situ_job_show(verb->cli->array, id, &job, &error)) {
        return cli_say_error(verb->cli, &error);
    }
    if (verb->json || verb->follow.format == SINK_JSONL) {
        (void)puts(job->json);
    } else {
        print_job(job);
    }
    situ_job_free(job);
    return cli_finish_output(STATUS_GOOD);
}

/* ---- Follow ---------------------------------------------------------------------------------- */

/* If the job ended without any object. */
static void tell_nothing(struct job_verb *verb, const char *id, bool by_name)
{
    char what[64];
    struct follow *follow = &verb->follow;
    if (!by_name && !follow->stopped && follow->status == 0 && follow->others == 0) {
        (void)snprintf(what, sizeof what, "job %.32s selected no objects", id);
        follow_nothing(follow, what);
    }
}

static int job_follow(struct job_verb *verb, const char *id)
{
    struct follow *follow = &verb->follow;
    struct situ_run_options options = {.struct_size = sizeof options};
    struct situ_results *results;
    struct situ_job *job;
    struct situ_error error;

    if (situ_job_show(verb->cli->array, id, &job, &error)) {
        return cli_say_error(verb->cli, &error);
    }
    uint32_t top = job->top > 0 && job->top <= 1000 ? job->top : 1;
    bool by_name = job->by_name != 0;
    situ_job_free(job);
    int status = follow_begin(follow, top, "job");
    if (status) {
        return status;
    }
    follow->job = id;
    follow_wait(follow, &options);
    follow->shown.before = verb->after; /* until the array reports its results */
    if (situ_job_follow(verb->cli->array, id, verb->after, &options, &results, &error)) {
        follow_failed_start(follow, &error);
    } else {
        follow_results(follow, results, false);
        tell_nothing(verb, id, by_name);
    }
    return follow_end(follow);
}

/* ---- Control --------------------------------------------------------------------------------- */

static int resume(const struct job_verb *verb, const char *id, struct situ_job **ret_job,
                  struct situ_error *error)
{
    struct situ *array = verb->cli->array;
    return verb->accepts ? situ_job_resume_accepting(array, id, ret_job, error)
                         : situ_job_resume(array, id, ret_job, error);
}

static int control(const struct job_verb *verb, const char *action, const char *id)
{
    struct cli *cli = verb->cli;
    struct situ_job *job = NULL;
    struct situ_error error;
    int failed;
    if (strcmp(action, "remove") == 0) {
        failed = situ_job_remove(cli->array, id, &error);
    } else if (strcmp(action, "pause") == 0) {
        failed = situ_job_pause(cli->array, id, &job, &error);
    } else if (strcmp(action, "resume") == 0) {
        failed =
            verb->exclude_defaults && situ_job_exclude_defaults(cli->array, id, NULL, &error) != 0;
        failed = failed || resume(verb, id, &job, &error) != 0;
    } else if (strcmp(action, "cancel") == 0) {
        failed = situ_job_cancel(cli->array, id, &job, &error);
    } else {
        failed = situ_job_retry(cli->array, id, &job, &error);
        if (!failed) {
            (void)puts(job->id);
        }
    }
    situ_job_free(job);
    if (failed) {
        cli_say("%s", error.message);
    }
    return failed;
}

/* All of them, even if one fails. */
static int control_all(const struct job_verb *verb, char **names, int count)
{
    int failed = 0;
    for (int i = 1; i < count; i++) {
        failed += control(verb, names[0], names[i]) != 0;
    }
    int status = cli_finish_output(STATUS_GOOD);
    if (failed > 0) {
        return failed < count - 1 ? STATUS_SOME_FAILED : STATUS_NOTHING;
    }
    return status;
}

static int run(struct job_verb *verb, char **names, int count)
{
    static const char *const controls[] = {"pause", "resume", "cancel", "retry", "remove"};
    const char *action = count > 0 ? names[0] : "";
    bool list = strcmp(action, "list") == 0 && count == 1;
    bool show = strcmp(action, "show") == 0 && count == 2;
    bool follow = strcmp(action, "follow") == 0 && count == 2;
    bool known = false;
    for (size_t i = 0; i < sizeof controls / sizeof controls[0]; i++) {
        known |= strcmp(action, controls[i]) == 0 && count >= 2;
    }
    if (!list && !show && !follow && !known) {
        return cli_misused("job",
                           "give: job list, job show ID, job follow ID, or job pause, resume, "
                           "cancel, retry or remove ID...");
    }
    if (verb->exclude_defaults && strcmp(action, "resume") != 0) {
        return cli_misused("job", "--exclude-defaults goes with resume");
    }
    if (verb->accepts && strcmp(action, "resume") != 0) {
        return cli_misused("job", "--accept-store is of 'situ job resume' only");
    }
    if (cli_open(verb->cli)) {
        return STATUS_NOTHING;
    }
    if (list) {
        return job_list(verb);
    }
    if (show) {
        return job_show(verb, names[1]);
    }
    return follow ? job_follow(verb, names[1]) : control_all(verb, names, count);
}

static int verb_run(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"exclude-defaults", no_argument, NULL, OPTION_EXCLUDE},
                                            {"after", required_argument, NULL, OPTION_AFTER},
                                            {"json", no_argument, NULL, 'j'},
                                            {"accept-store", no_argument, NULL, OPTION_ACCEPT},
                                            FOLLOW_OPTIONS,
                                            COMMON_OPTIONS};
    struct job_verb verb = {.cli = cli, .follow = {.cli = cli, .delimiter = '\n'}};
    int option;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((option = getopt_long(argc, argv, "h" FOLLOW_LETTERS, options, NULL)) != -1) {
        verb.json |= option == 'j';
        verb.exclude_defaults |= option == OPTION_EXCLUDE;
        verb.accepts |= option == OPTION_ACCEPT;
        if (option == OPTION_AFTER && !cli_parse_number(optarg, 0, INT64_MAX, &verb.after)) {
            return cli_misused("job", "--after takes a number of results");
        }
        if (option == 'j' || option == OPTION_AFTER || option == OPTION_EXCLUDE ||
            option == OPTION_ACCEPT) {
            continue;
        }
        int taken = follow_option(&verb.follow, option, "job");
        if (taken < 0) {
            return STATUS_NOTHING;
        }
        if (taken == 0 && !cli_common_option(cli, option, &verb_job)) {
            return cli_misused("job", NULL);
        }
    }
    return run(&verb, argv + optind, argc - optind);
}

const struct verb verb_job = {
    .name = "job",
    .usage =
        "situ job list [--format jsonl] [--json]\n"
        "situ job show ID [--json]\n"
        "situ job follow ID [--after N] [--format FORM] [--output FILE] [options]\n"
        "situ job pause|resume|cancel|retry|remove ID...\n"
        "situ job resume [--exclude-defaults] [--accept-store] ID...\n"
        "\n"
        "Jobs of the array. 'follow' prints the results of one, present and future, after the\n"
        "first N, in the forms of 'situ infer'. 'retry' starts a new\n"
        "job over the objects that failed in an ended one, and prints its id. 'remove' cancels a\n"
        "running job first. With --exclude-defaults the job excludes what its store excludes\n"
        "now. A job waits while its store is on another file system than at its start;\n"
        "--accept-store makes it continue with that one.\n",
    .run = verb_run,
};
