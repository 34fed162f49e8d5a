/* SPDX-License-Identifier: Apache-2.0
 *
 * Durations of searches: a short list, looked through under its lock.
 */
#include "api/indexes/search_times.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

void search_times_init(struct search_times *metrics)
{
    (void)pthread_mutex_init(&metrics->lock, NULL);
    metrics->count = 0;
}

void search_times_done(struct search_times *metrics)
{
    for (size_t i = 0; i < metrics->count; i++) {
        free(metrics->all[i]);
    }
    (void)pthread_mutex_destroy(&metrics->lock);
}

static struct index_searches *find(struct search_times *metrics, const char *name)
{
    for (size_t i = 0; i < metrics->count; i++) {
        if (strcmp(metrics->all[i]->name, name) == 0) {
            return metrics->all[i];
        }
    }
    return NULL;
}

static struct index_searches *add(struct search_times *metrics, const char *name)
{
    struct index_searches *added = metrics->count < LIMIT_INDEXES ? calloc(1, sizeof *added) : NULL;
    if (added) {
        (void)strncat(added->name, name, sizeof added->name - 1);
        metrics->all[metrics->count++] = added;
    }
    return added;
}

void search_times_observe(struct search_times *metrics, const char *name, int64_t duration_ns)
{
    HOLD(&metrics->lock);
    struct index_searches *searches = find(metrics, name);
    if (!searches) {
        searches = add(metrics, name);
    }
    if (searches) {
        metrics_observe_in(&searches->seconds, duration_ns);
    }
}

void search_times_drop(struct search_times *metrics, const char *name)
{
    HOLD(&metrics->lock);
    struct index_searches *searches = find(metrics, name);
    for (size_t i = 0; i < metrics->count; i++) {
        if (metrics->all[i] == searches) {
            metrics->all[i] = metrics->all[--metrics->count];
        }
    }
    free(searches);
}

void search_times_write(struct search_times *metrics, struct buffer *out)
{
    HOLD(&metrics->lock);
    buffer_append_text(out, "# HELP situ_search_seconds Time of a search, from request to answer\n"
                            "# TYPE situ_search_seconds histogram\n");
    for (size_t i = 0; i < metrics->count; i++) {
        struct index_searches *searches = metrics->all[i];
        metrics_write_histogram(&searches->seconds, "situ_search_seconds", "index", searches->name,
                                out);
    }
}
