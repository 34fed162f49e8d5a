/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts a selection with its own listing: see counter.h.
 */
#include "jobs/counter.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "jobs/job_selection.h"
#include "jobs/job_table.h"

struct counter {
    struct job *job;       /* borrowed */
    const char *keys_path; /* borrowed; NULL: none */
    pthread_t thread;
    struct store *store; /* of a listing; borrowed from the host */
    uint64_t generation; /* of it: a count of another file system is discarded */
    atomic_bool stop;
    bool over; /* guarded by job->lock */
};

void counter_publish(struct job *job, uint64_t selected, const struct left_out *left_out)
{
    (void)pthread_mutex_lock(&job->lock);
    /* A smaller count is ignored: objects that were removed since were selected as well. */
    bool keeps = job->selected_known && !job->spec.standing && selected <= job->selected;
    bool news = !job->selected_known || (!keeps && job->selected != selected) ||
                !left_out_is_same(&job->left_out, left_out);
    job->unsaved = job->unsaved || news;
    job->selected_known = true;
    job->selected = keeps ? job->selected : selected;
    job->left_out = *left_out;
    (void)pthread_mutex_unlock(&job->lock);
    job_notify(job);
}

static void *counter_thread(void *context)
{
    struct counter *counter = context;
    struct job *job = counter->job;
    uint64_t selected = 0;
    struct left_out left_out;
    int r = job_selection_count(&job->spec, &job->jobs->host, counter->keys_path, &counter->stop,
                                &selected, &left_out, NULL);
    bool same = !counter->store || store_generation(counter->store) == counter->generation;
    if (r == 0 && same && !atomic_load(&counter->stop)) {
        counter_publish(job, selected, &left_out);
    }
    HOLD(&job->lock);
    counter->over = true;
    (void)pthread_cond_broadcast(&job->wake);
    return NULL;
}

struct counter *counter_new(struct job *job, const char *keys_path)
{
    struct counter *counter = calloc(1, sizeof *counter);
    if (!counter) {
        return NULL;
    }
    counter->job = job;
    counter->keys_path = keys_path;
    if (!keys_path && job->roots.count > 0) {
        counter->store = job->roots.list[0].store;
        counter->generation = job->roots.list[0].generation;
    }
    atomic_init(&counter->stop, false);
    if (pthread_create(&counter->thread, NULL, counter_thread, counter) != 0) {
        free(counter);
        return NULL;
    }
    return counter;
}

void counter_wait(struct counter *counter)
{
    HOLD(&counter->job->lock);
    while (!counter->over && counter->job->stop_request == STOP_NONE) {
        (void)pthread_cond_wait(&counter->job->wake, &counter->job->lock);
    }
}

void counter_free(struct counter *counter)
{
    if (counter) {
        atomic_store(&counter->stop, true);
        (void)pthread_join(counter->thread, NULL);
        free(counter);
    }
}
