/* SPDX-License-Identifier: Apache-2.0
 *
 * Why there is no result: requests the state of the job, every few seconds while there is no
 * result.
 */
#include "cli/waits.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum { ASK_MS = 5000, ANSWER_MS = 5000, WHO_SIZE = 128 };

static int64_t now_ms(void)
{
    return clock_now_ns() / NS_PER_MS;
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

/* Finds a job of a higher priority, which goes first. */
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

/* `who` is a job or an index, for people. */
static void explain_model(struct waits *waits, const char *who, const char *name,
                          const char *version)
{
    struct situ_models *models = NULL;
    if (situ_model_list(waits->array, &models, NULL) != 0) {
        return;
    }
    for (size_t i = 0; i < models->count; i++) {
        const struct situ_model *model = models->models[i];
        if (strcmp(model->name, name) != 0 || strcmp(model->version, version) != 0 ||
            model->loaded) {
            continue;
        }
        if (strcmp(model->state, "failed") == 0) {
            (void)snprintf(waits->why, WAITS_TEXT, "%s waits: %s", who, model->reason);
        } else {
            (void)snprintf(waits->why, WAITS_TEXT, "%s waits for model '%s' to be loaded", who,
                           name);
        }
    }
    situ_models_free(models);
}

/* Sets the reason; "" if the job is running. */
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
        char who[WHO_SIZE];
        (void)snprintf(who, sizeof who, "job %s", job->id);
        explain_model(waits, who, job->model, job->version);
    }
}

/* A connection that no other call is using. */
static bool connect_array(struct waits *waits)
{
    return waits->array || cli_open_beside(waits->cli, ANSWER_MS, &waits->array);
}

/* Requests the job's state. Without a response the last reason is kept. */
static void ask(struct waits *waits, const char *id)
{
    struct situ_job *job = NULL;
    if (!connect_array(waits)) {
        return;
    }
    if (situ_job_show(waits->array, id, &job, NULL) == 0) {
        explain(waits, job);
        situ_job_free(job);
    }
    waits->asked_ms = now_ms();
}

/* Whether it has waited long enough since the last result and the last request. */
static bool due(const struct waits *waits)
{
    return now_ms() - waits->since_ms >= WAITS_MS && now_ms() - waits->asked_ms >= ASK_MS;
}

static void say(struct waits *waits, struct progress *progress)
{
    if (waits->why[0] && strcmp(waits->why, waits->said) != 0) {
        progress_clear(progress);
        cli_say("%s", waits->why);
        (void)snprintf(waits->said, sizeof waits->said, "%s", waits->why);
    }
}

void waits_look(struct waits *waits, const char *id, const char *cut, struct progress *progress)
{
    if (now_ms() - waits->since_ms < WAITS_MS || !id[0]) {
        return;
    }
    if (cut) {
        (void)snprintf(waits->why, sizeof waits->why,
                       "the connection to the array is gone, and is tried again: %s", cut);
    } else if (due(waits)) {
        ask(waits, id);
    }
    say(waits, progress);
}

void waits_look_at_index(struct waits *waits, const struct situ_index *index,
                         struct progress *progress)
{
    if (!due(waits)) {
        return;
    }
    if (index->next_model[0] && connect_array(waits)) {
        char who[WHO_SIZE];
        (void)snprintf(who, sizeof who, "index %s", index->name);
        waits->why[0] = '\0';
        explain_model(waits, who, index->next_model, index->next_version);
        waits->asked_ms = now_ms();
    } else if (!index->next_model[0]) {
        ask(waits, index->job);
    }
    say(waits, progress);
}
