/* SPDX-License-Identifier: Apache-2.0
 *
 * Why no result comes. Without a progress bar the array tells nothing of a job but its results,
 * which costs no bytes; so it is asked, every few seconds and only while nothing comes.
 */
#include "cli/waits.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ASK_MS = 5000, ANSWER_MS = 5000 };

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void waits_init(struct waits *waits, const struct cli *cli)
{
    *waits = (struct waits){.cli = cli, .since_ms = now_ms()};
}

void waits_done(struct waits *waits)
{
    situ_close(waits->array);
    waits->array = NULL;
}

void waits_over(struct waits *waits)
{
    waits->since_ms = now_ms();
    waits->said[0] = '\0';
    waits->why[0] = '\0';
}

/* "" where the state says of no waiting. */
static void explain(char why[WAITS_TEXT], const char *id, const char *state, const char *reason)
{
    why[0] = '\0';
    if (strcmp(state, "paused") == 0 && reason[0]) {
        (void)snprintf(why, WAITS_TEXT, "job %s is paused and tries again by itself: %s", id,
                       reason);
    } else if (strcmp(state, "paused") == 0) {
        (void)snprintf(why, WAITS_TEXT, "job %s is paused: situ job resume %s", id, id);
    } else if (strcmp(state, "waiting") == 0) {
        (void)snprintf(why, WAITS_TEXT, "job %s waits for its turn: others run", id);
    }
}

/* Asks the array of the job, on a connection that no other call is using. Where there is no answer
 * the last one stands. */
static void ask(struct waits *waits, const char *id)
{
    const struct situ_options options = {.struct_size = sizeof options,
                                         .token_file = waits->cli->token_file,
                                         .ca_file = waits->cli->ca_file,
                                         .connect_timeout_ms = ANSWER_MS,
                                         .idle_timeout_ms = ANSWER_MS,
                                         .retries = UINT32_MAX};
    struct situ_job *job = NULL;
    if (!waits->array && situ_open(waits->cli->address, &options, &waits->array, NULL) != 0) {
        return;
    }
    if (situ_job_show(waits->array, id, &job, NULL) == 0) {
        explain(waits->why, id, job->state, job->reason);
        situ_job_free(job);
    }
    waits->asked_ms = now_ms();
}

void waits_look(struct waits *waits, const struct situ_results *results, bool told,
                struct progress *progress)
{
    struct situ_progress now = {.struct_size = sizeof now};
    const char *id = situ_results_job(results);
    const char *cut = situ_results_cut(results);
    if (now_ms() - waits->since_ms < WAITS_MS || !id[0]) {
        return;
    }
    if (cut) {
        (void)snprintf(waits->why, sizeof waits->why,
                       "the connection to the array is gone, and is tried again: %s", cut);
    } else if (!told && now_ms() - waits->asked_ms >= ASK_MS) {
        ask(waits, id);
    } else if (told && situ_results_progress(results, &now) == 0 && now.state) {
        explain(waits->why, id, now.state, now.reason);
    }
    if (waits->why[0] && strcmp(waits->why, waits->said) != 0) {
        progress_clear(progress);
        cli_say("%s", waits->why);
        (void)snprintf(waits->said, sizeof waits->said, "%s", waits->why);
    }
}
