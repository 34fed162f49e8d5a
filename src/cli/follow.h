/* SPDX-License-Identifier: Apache-2.0
 *
 * From the results of a job to the output: the sink, the progress bar, the closing line, and what
 * happens to the job if its results are not read to the end. For `situ infer` and `situ job
 * follow`. One thread.
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
    const char *job;              /* borrowed: id of the job before its results start; or NULL */
    uint64_t others;              /* objects of the parts before it */
    uint64_t others_cached;
    bool others_first;             /* the results from before it was followed are not counted yet */
    struct situ_left_out left_out; /* of all parts */
    struct situ_left_out part;     /* of the last part */
    bool nothing;                  /* a part selected nothing */
    bool stopped;                  /* by a fault that is not only the object's */
    int status;                    /* an exit status that overrides the others; 0: none */
    int output_errno;              /* why stdout could not be written; 0: it could, or unknown */
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

/* Handles one of them: 1; 0 if it is another; negative after a message. */
int follow_option(struct follow *follow, int option, const char *verb);

/* Before the first result; `top`: classes of each. 0, or STATUS_NOTHING after a message. */
int follow_begin(struct follow *follow, uint32_t top, const char *verb);

/* Gives a result to the sink and counts it. */
void follow_give(struct follow *follow, const struct situ_result *result);

/* Reports an error of the library, and stops. */
void follow_fault(struct follow *follow, const struct situ_error *error);

/* The same for a job that could not be started; Ctrl-C sets the exit status without a message. */
void follow_failed_start(struct follow *follow, const struct situ_error *error);

/* Sets on_wait of a run's options, which draws the progress bar and checks for Ctrl-C. */
void follow_wait(struct follow *follow, struct situ_run_options *options);

/* Reads all results, and frees them. A job that is `owned` was started by this program: the array
 * removes it when its results have been read, and on Ctrl-C the user is asked or it is cancelled.
 */
void follow_results(struct follow *follow, struct situ_results *results, bool owned);

/* Reports that the last part selected nothing, as `what` says ("there are no objects below
 * 'photos/'"), and what was left out of it. */
void follow_nothing(struct follow *follow, const char *what);

/* The closing lines, and the exit status. */
int follow_end(struct follow *follow);

#endif
