/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a single call takes long: the thread asks the array which models are loaded, on a connection
 * of its own.
 */
#include "cli/patience.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "cli/waits.h"

enum { ANSWER_MS = 2000 };

/* NAME or NAME@VERSION. */
static bool is_named(const struct situ_model *model, const char *name)
{
    size_t length = strlen(model->name);
    return strncmp(name, model->name, length) == 0 &&
           (!name[length] ||
            (name[length] == '@' && strcmp(name + length + 1, model->version) == 0));
}

/* Whether the model is not loaded. */
static bool model_is_awaited(const struct patience *patience)
{
    struct situ *array = NULL;
    struct situ_models *models = NULL;
    bool awaited = false;
    if (!patience->model || !cli_open_beside(patience->cli, ANSWER_MS, &array)) {
        return false;
    }
    /* The list, because showing one model waits until it is loaded. */
    if (situ_model_list(array, &models, NULL) == 0) {
        for (size_t i = 0; i < models->count; i++) {
            awaited |= is_named(models->models[i], patience->model) && !models->models[i]->loaded;
        }
        situ_models_free(models);
    }
    situ_close(array);
    return awaited;
}

static void *watch(void *context)
{
    struct patience *patience = context;
    int64_t until_ns = clock_now_ns() + WAITS_MS * NS_PER_MS;
    int r = 0;
    (void)pthread_mutex_lock(&patience->lock);
    while (!patience->over && r != -ETIMEDOUT) {
        r = clock_wait(&patience->ended, &patience->lock, until_ns);
    }
    bool over = patience->over;
    (void)pthread_mutex_unlock(&patience->lock);
    if (over) {
        return NULL;
    }
    if (model_is_awaited(patience)) {
        cli_say("waits for model '%s' to be loaded", patience->model);
    } else {
        cli_say("waits for the array: %s", patience->doing);
    }
    return NULL;
}

void patience_begin(struct patience *patience, const struct cli *cli, const char *model,
                    const char *doing)
{
    sigset_t all;
    sigset_t before;
    *patience = (struct patience){.cli = cli, .model = model, .doing = doing};
    (void)pthread_mutex_init(&patience->lock, NULL);
    (void)pthread_cond_init(&patience->ended, NULL);
    /* Signals are handled by the calling thread. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    patience->started = doing && pthread_create(&patience->thread, NULL, watch, patience) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void patience_end(struct patience *patience)
{
    (void)pthread_mutex_lock(&patience->lock);
    patience->over = true;
    (void)pthread_cond_signal(&patience->ended);
    (void)pthread_mutex_unlock(&patience->lock);
    if (patience->started) {
        (void)pthread_join(patience->thread, NULL);
    }
    (void)pthread_cond_destroy(&patience->ended);
    (void)pthread_mutex_destroy(&patience->lock);
}
