/* SPDX-License-Identifier: Apache-2.0
 *
 * Results on their way from a job to the output: the sink, the progress bar, the closing line, and
 * what becomes of the job when its results are not taken to their end. For `situ infer` and `situ
 * job follow`. One thread.
 */
#ifndef SITU_CLI_FOLLOW_H
#define SITU_CLI_FOLLOW_H

#include "cli/cli.h"
#include "cli/figures.h"
#include "cli/left_out.h"
#include "cli/progress.h"
#include "cli/sink.h"
#include "cli/waits.h"

struct follow {
    struct cli *cli; /* borrowed */

    /* Options. */
    enum sink_format format;
    const char *output; /* of SINK_NPY */
    bool quiet;
    bool no_progress;
    bool no_labels;
    int delimiter; /* of names on stdin and in a .names file */

    struct progress progress;
    struct waits waits;
    struct sink sink;
    struct closing closing;
    struct progress_figures shown;
    struct situ_results *results; /* of the job being followed, or NULL */
    const char *job; /* borrowed: of which results are waited for, before there are any; or NULL */
    uint64_t others; /* objects of the parts before it */
    uint64_t others_cached;
    bool others_first;             /* what the job had before it was followed is not counted yet */
    struct situ_left_out left_out; /* by the selections of all parts */
    struct situ_left_out part;     /* by that of the last */
    bool nothing;                  /* a part selected nothing */
    bool stopped;     /* before its end, by a fault that the next object would meet, too */
    int status;       /* exit status that goes before all; 0: none */
    int output_errno; /* why stdout took no more; 0: it did, or not known */
};

/* The options that both verbs have. */
#define FOLLOW_OPTIONS                                                                             \
    {"format", required_argument, NULL, 'f'}, {"output", required_argument, NULL, 'o'},            \
        {"null", no_argument, NULL, '0'}, {"quiet", no_argument, NULL, 'q'},                       \
        {"no-progress", no_argument, NULL, 'P'},                                                   \
    {                                                                                              \
        "no-labels", no_argument, NULL, 'L'                                                        \
    }
#define FOLLOW_LETTERS "f:o:0q"

/* Takes one of them: 1; 0 where it is none; negative after telling what is wrong. */
int follow_option(struct follow *follow, int option, const char *verb);

/* Before the first result, with the classes of each. 0, or STATUS_NOTHING after telling why. */
int follow_begin(struct follow *follow, uint32_t top, const char *verb);

/* Gives a result to the sink and counts it. */
void follow_give(struct follow *follow, const struct situ_result *result);

/* Tells a fault of the library, and stops. */
void follow_fault(struct follow *follow, const struct situ_error *error);

/* The same for a job that could not be started; Ctrl-C is told by the exit status alone. */
void follow_failed_start(struct follow *follow, const struct situ_error *error);

/* Options of a run: its on_wait is set to keep the progress bar and to see Ctrl-C. */
void follow_wait(struct follow *follow, struct situ_run_options *options);

/* Takes all results, and frees them. A job that is `owned` was started by this program: the array
 * removes it when its results were taken, and on Ctrl-C it is asked about or cancelled. */
void follow_results(struct follow *follow, struct situ_results *results, bool owned);

/* Tells that the part which follow_results has taken last selected nothing, as `what` says ("there
 * are no objects below 'photos/'"), and what was left out of it. */
void follow_nothing(struct follow *follow, const char *what);

/* The closing lines, and the exit status. */
int follow_end(struct follow *follow);

#endif
