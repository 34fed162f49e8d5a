/* SPDX-License-Identifier: Apache-2.0
 *
 * Durations of searches: a short list, searched under its lock.
 */
#include "api/indexes/search_times.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/metric.h"

void search_times_init(struct search_times *times)
{
    (void)pthread_mutex_init(&times->lock, NULL);
    times->count = 0;
}

void search_times_done(struct search_times *times)
{
    for (size_t i = 0; i < times->count; i++) {
        free(times->all[i]);
    }
    (void)pthread_mutex_destroy(&times->lock);
}

static struct index_searches *find(struct search_times *times, const char *name)
{
    for (size_t i = 0; i < times->count; i++) {
        if (strcmp(times->all[i]->name, name) == 0) {
            return times->all[i];
        }
    }
    return NULL;
}

static struct index_searches *add(struct search_times *times, const char *name)
{
    struct index_searches *added = times->count < LIMIT_INDEXES ? calloc(1, sizeof *added) : NULL;
    if (added) {
        (void)strncat(added->name, name, sizeof added->name - 1);
        times->all[times->count++] = added;
    }
    return added;
}

void search_times_observe(struct search_times *times, const char *name, int64_t duration_ns)
{
    HOLD(&times->lock);
    struct index_searches *searches = find(times, name);
    if (!searches) {
        searches = add(times, name);
    }
    if (searches) {
        metrics_observe_in(&searches->seconds, duration_ns);
    }
}

void search_times_drop(struct search_times *times, const char *name)
{
    HOLD(&times->lock);
    struct index_searches *searches = find(times, name);
    for (size_t i = 0; i < times->count; i++) {
        if (times->all[i] == searches) {
            times->all[i] = times->all[--times->count];
        }
    }
    free(searches);
}

static bool is_shown(const char *name, const struct retrieval_info *shown, size_t count)
{
    for (size_t i = 0; shown && i < count; i++) {
        if (strcmp(shown[i].spec.name, name) == 0) {
            return true;
        }
    }
    return !shown;
}

void search_times_write(struct search_times *times, const struct retrieval_info *shown,
                        size_t count, struct buffer *out)
{
    HOLD(&times->lock);
    metric_begin(out, "situ_search_seconds", "histogram",
                 "Time of a search, from request to answer");
    for (size_t i = 0; i < times->count; i++) {
        struct index_searches *searches = times->all[i];
        if (is_shown(searches->name, shown, count)) {
            metrics_write_histogram(&searches->seconds, "situ_search_seconds", "index",
                                    searches->name, out);
        }
    }
}
