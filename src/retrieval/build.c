/* SPDX-License-Identifier: Apache-2.0
 *
 * One build of an index: created, opened, changed by its thread, and its files removed when it is
 * no longer used. Only its thread opens and creates it; any thread may reference it.
 */
#include "retrieval/build.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/tree.h"
#include "retrieval/feed_note.h"
#include "retrieval/index_directory.h"
#include "retrieval/index_table.h"
#include "retrieval/retrieval_spec.h"

int build_new(struct entry *entry, struct retrieval_spec *spec, uint64_t number, const char *job,
              struct build **ret_build)
{
    struct build *build = calloc(1, sizeof *build);
    if (!build) {
        retrieval_spec_done(spec);
        return -ENOMEM;
    }
    build->entry = entry_ref(entry);
    build->spec = *spec;
    *spec = (struct retrieval_spec){.name = ""};
    build->number = number;
    atomic_init(&build->references, 1);
    atomic_init(&build->discard, false);
    damaged_rows_init(&build->damaged);
    (void)snprintf(build->job, sizeof build->job, "%s", job);
    *ret_build = build;
    return 0;
}

struct build *build_ref(struct build *build)
{
    (void)atomic_fetch_add(&build->references, 1);
    return build;
}

void build_detach(struct build *build)
{
    struct feed *feed = &build->feed;
    jobs_reader_free(feed->reader);
    index_batch_free(feed->batch);
    feed->reader = NULL;
    feed->batch = NULL;
}

void build_unref(struct build *build)
{
    if (!build || atomic_fetch_sub(&build->references, 1) > 1) {
        return;
    }
    build_detach(build);
    index_close(build->index);
    if (atomic_load(&build->discard)) {
        cleanup_free char *path = build_path(build);
        if (path) {
            tree_remove(path);
        }
    }
    damaged_rows_done(&build->damaged);
    retrieval_spec_done(&build->spec);
    entry_unref(build->entry);
    free(build);
}

char *build_path(struct build *build)
{
    struct entry *entry = build->entry;
    HOLD(&entry->retrieval->lock);
    return index_directory_path("%s/%llu", entry->directory, (unsigned long long)build->number);
}

static void report(void *context, enum index_event event, const char *key, const char *message)
{
    struct build *build = context;
    char text[2 * ERROR_MESSAGE_SIZE];
    if (event == INDEX_COPY_REBUILT) {
        log_event(LOG_LEVEL_WARNING, "index_copy_rebuilt", "index=%s message=%s", build->spec.name,
                  log_quote(text, sizeof text, message));
    } else if (damaged_rows_add(&build->damaged, key)) {
        log_event(LOG_LEVEL_WARNING, "index_row_damaged", "index=%s key=%s", build->spec.name,
                  log_quote(text, sizeof text, key));
        entry_wake(build->entry);
    }
}

/* Sets the feed to the last commit. */
static int read_note(struct build *build, struct index *index, struct error *error)
{
    struct feed *feed = &build->feed;
    uint8_t bytes[FEED_NOTE_BYTES];
    struct feed_note note;
    size_t size = 0;
    int r = retrieval_spec_is_fed(&build->spec)
                ? index_note(index, bytes, sizeof bytes, &size, error)
                : 0;
    if (r == -ENOSPC || (r == 0 && size > 0 && feed_note_read(bytes, size, &note) < 0)) {
        return error_set(error, ERROR_MALFORMED, "the index's note is of another format");
    }
    if (r < 0 || size == 0) {
        return r;
    }
    build_set_job(build, note.job);
    feed->noted = true;
    feed->cursor = note.cursor;
    feed->committed = note.cursor;
    feed->released = note.cursor;
    atomic_store(&build->taken, note.cursor);
    feed->filled = note.filled;
    feed->filled_committed = note.filled;
    return 0;
}

static int open_at(struct build *build, const char *path, struct error *error)
{
    struct index_options options = {.report = report, .report_context = build};
    struct index *index = NULL;
    struct index_batch *batch = NULL;
    int r = index_open(path, &options, &index, error);
    if (r < 0) {
        return r;
    }
    r = read_note(build, index, error);
    if (r == 0 && index_batch_new(index, &batch) < 0) {
        r = error_memory(error, NULL);
    }
    if (r < 0) {
        index_close(index);
        return r;
    }
    build->feed.batch = batch;
    HOLD(&build->entry->retrieval->lock);
    build->index = index;
    build->filled = build->feed.filled || !retrieval_spec_is_fed(&build->spec);
    return 0;
}

int build_open(struct build *build, struct error *error)
{
    cleanup_free char *path = build_path(build);
    struct error fault = {.code = ERROR_NONE};
    if (!path) {
        return error_memory(error, NULL);
    }
    int r = open_at(build, path, &fault);
    if (r < 0 && fault.code == ERROR_NOT_FOUND && retrieval_spec_is_fed(&build->spec)) {
        r = 0; /* it has no row yet */
    }
    build->opened = r == 0;
    if (r < 0 && error) {
        *error = fault;
    }
    return r;
}

int build_make(struct build *build, uint32_t dimension, struct error *error)
{
    struct index_shape shape = {.dimension = dimension, .metric = build->spec.metric};
    cleanup_free char *path = build_path(build);
    if (dimension < 1 || dimension > INDEX_DIMENSION_MAX) {
        return error_set(error, ERROR_UNFIT,
                         "model '%s' gives embeddings of %u values; an index takes 1 to %u",
                         build->spec.model, dimension, INDEX_DIMENSION_MAX);
    }
    if (!path) {
        return error_memory(error, NULL);
    }
    int r = index_create(path, &shape, error);
    return r == 0 ? open_at(build, path, error) : r;
}

void build_set_fate(struct build *build, enum build_fate fate, const struct error *reason)
{
    HOLD(&build->entry->retrieval->lock);
    build->fate = fate;
    build->reason = reason ? *reason : (struct error){.code = ERROR_NONE};
}

void build_set_job(struct build *build, const char *job)
{
    HOLD(&build->entry->retrieval->lock);
    (void)snprintf(build->job, sizeof build->job, "%s", job);
}

void build_set_filled(struct build *build)
{
    HOLD(&build->entry->retrieval->lock);
    build->filled = true;
}

const char *build_key(const struct build *build, const char *object)
{
    size_t length = strlen(build->spec.select.store);
    return strncmp(object, build->spec.select.store, length) == 0 && object[length] == '/'
               ? object + length + 1
               : NULL;
}
