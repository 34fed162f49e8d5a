/* SPDX-License-Identifier: Apache-2.0
 *
 * Why no result comes: the array is asked of the job, every few seconds and only while nothing
 * comes.
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

/* A job of a higher priority, which goes first. */
static bool explain_priority(struct waits *waits, const struct situ_job *job)
{
    struct situ_jobs *jobs = NULL;
    bool found = false;
    if (situ_job_list(waits->array, &jobs, NULL) != 0) {
        return false;
    }
    for (size_t i = 0; i < jobs->count && !found; i++) {
        const struct situ_job *other = jobs->jobs[i];
        found =
            strcmp(other->state, "running") == 0 && !other->idle && other->priority > job->priority;
        if (found) {
            (void)snprintf(waits->why, WAITS_TEXT,
                           "job %s waits behind job %s, which has the higher priority %u", job->id,
                           other->id, other->priority);
        }
    }
    situ_jobs_free(jobs);
    return found;
}

static void explain_model(struct waits *waits, const struct situ_job *job)
{
    struct situ_models *models = NULL;
    if (situ_model_list(waits->array, &models, NULL) != 0) {
        return;
    }
    for (size_t i = 0; i < models->count; i++) {
        const struct situ_model *model = models->models[i];
        if (strcmp(model->name, job->model) == 0 && strcmp(model->version, job->version) == 0 &&
            !model->loaded) {
            (void)snprintf(waits->why, WAITS_TEXT, "job %s waits for model '%s' to be loaded",
                           job->id, job->model);
        }
    }
    situ_models_free(models);
}

/* "" where nothing keeps it but its own work. */
static void explain(struct waits *waits, const struct situ_job *job)
{
    waits->why[0] = '\0';
    if (strcmp(job->state, "paused") == 0 && job->reason[0]) {
        (void)snprintf(waits->why, WAITS_TEXT, "job %s is paused and tries again by itself: %s",
                       job->id, job->reason);
    } else if (strcmp(job->state, "paused") == 0) {
        (void)snprintf(waits->why, WAITS_TEXT, "job %s is paused: situ job resume %s", job->id,
                       job->id);
    } else if (strcmp(job->state, "waiting") == 0) {
        (void)snprintf(waits->why, WAITS_TEXT, "job %s waits for its turn: others run", job->id);
    } else if (strcmp(job->state, "running") == 0 && !job->idle && !explain_priority(waits, job)) {
        explain_model(waits, job);
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
        explain(waits, job);
        situ_job_free(job);
    }
    waits->asked_ms = now_ms();
}

void waits_look(struct waits *waits, const struct situ_results *results, struct progress *progress)
{
    const char *id = situ_results_job(results);
    const char *cut = situ_results_cut(results);
    if (now_ms() - waits->since_ms < WAITS_MS || !id[0]) {
        return;
    }
    if (cut) {
        (void)snprintf(waits->why, sizeof waits->why,
                       "the connection to the array is gone, and is tried again: %s", cut);
    } else if (now_ms() - waits->asked_ms >= ASK_MS) {
        ask(waits, id);
    }
    if (waits->why[0] && strcmp(waits->why, waits->said) != 0) {
        progress_clear(progress);
        cli_say("%s", waits->why);
        (void)snprintf(waits->said, sizeof waits->said, "%s", waits->why);
    }
}
