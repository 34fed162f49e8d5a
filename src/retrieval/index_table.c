/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of indexes: see index_table.h.
 */
#include "retrieval/index_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "retrieval/build.h"
#include "retrieval/entry_thread.h"
#include "retrieval/index_directory.h"
#include "retrieval/retrieval_spec.h"
#include "retrieval/sight.h"

/* The position of the name, present or not; with the table locked. */
static size_t place_of(const struct retrieval *retrieval, const char *name, bool *ret_found)
{
    size_t at = 0;
    while (at < retrieval->count && strcmp(retrieval->entries[at]->name, name) < 0) {
        at++;
    }
    *ret_found = at < retrieval->count && strcmp(retrieval->entries[at]->name, name) == 0;
    return at;
}

static int stopping(struct error *error)
{
    return error_set(error, ERROR_UNAVAILABLE, "indexes are stopping");
}

size_t retrieval_reference_all(struct retrieval *retrieval, struct entry *entries[LIMIT_INDEXES])
{
    size_t count = 0;
    HOLD(&retrieval->lock);
    for (size_t i = 0; i < retrieval->count && !retrieval->stopping; i++) {
        if (!retrieval->entries[i]->leaving) {
            entries[count++] = entry_ref(retrieval->entries[i]);
        }
    }
    return count;
}

/* The same answer for a name that is not there and for one that the caller may not know of; names
 * what the caller could have meant. */
static int refuse_name(struct retrieval *retrieval, const struct access *access, const char *name,
                       struct error *error)
{
    char hint[NEAREST_HINT_SIZE];
    struct nearest nearest;
    struct entry *entries[LIMIT_INDEXES];
    size_t count = retrieval_reference_all(retrieval, entries);
    nearest_init(&nearest, name, strlen(name));
    for (size_t i = 0; i < count; i++) {
        if (sight_of(entries[i], access, RETRIEVAL_RIGHTS) != SIGHT_NONE) {
            nearest_offer(&nearest, entries[i]->name);
        }
        entry_unref(entries[i]);
    }
    return error_set(error, ERROR_NOT_FOUND, "no index '%.64s'%s", name,
                     nearest_hint(&nearest, hint));
}

int retrieval_find(struct retrieval *retrieval, const struct access *access, const char *name,
                   struct entry **ret_entry, struct error *error)
{
    bool found = false;
    bool stops = false;
    cleanup_entry struct entry *entry = NULL;
    (void)pthread_mutex_lock(&retrieval->lock);
    size_t at = place_of(retrieval, name, &found);
    stops = retrieval->stopping;
    if (found && !retrieval->entries[at]->leaving) {
        entry = entry_ref(retrieval->entries[at]);
    }
    (void)pthread_mutex_unlock(&retrieval->lock);
    if (stops) {
        return stopping(error);
    }
    if (!entry || sight_of(entry, access, RETRIEVAL_RIGHTS) == SIGHT_NONE) {
        return refuse_name(retrieval, access, name, error);
    }
    *ret_entry = take_ptr(entry);
    return 0;
}

int retrieval_check_free(struct retrieval *retrieval, const char *name, struct error *error)
{
    bool found = false;
    if (!retrieval->directory) {
        return error_set(error, ERROR_UNAVAILABLE,
                         "situd has no state directory: indexes need one");
    }
    HOLD(&retrieval->lock);
    if (retrieval->stopping) {
        return stopping(error);
    }
    (void)place_of(retrieval, name, &found);
    if (found) {
        return error_set(error, ERROR_CONFLICT, "there is an index '%s' already", name);
    }
    return retrieval->count < LIMIT_INDEXES
               ? 0
               : error_set(error, ERROR_BUSY, "there are %u indexes already: remove some",
                           LIMIT_INDEXES);
}

/* Adds the build that is filled beside the current one. */
static int add_next(struct entry *entry, struct index_file *file)
{
    struct retrieval_spec spec;
    if (retrieval_spec_copy(&file->spec, &spec) < 0) {
        return -ENOMEM;
    }
    memcpy(spec.model, file->next_model, sizeof spec.model);
    memcpy(spec.version, file->next_version, sizeof spec.version);
    memcpy(spec.digest, file->next_digest, sizeof spec.digest);
    select_rules_done(&spec.select.rules);
    spec.select.rules = file->next_rules;
    file->next_rules = (struct select_rules){.sniff = false};
    return build_new(entry, &spec, file->next_number, "", &entry->next);
}

static int add_builds(struct entry *entry, struct index_file *file)
{
    int r = file->next_number > 0 ? add_next(entry, file) : 0;
    return r < 0 ? r : build_new(entry, &file->spec, file->number, "", &entry->current);
}

int retrieval_new_entry(struct retrieval *retrieval, const char *name, struct index_file *file,
                        const struct error *broken, struct entry **ret_entry)
{
    struct entry *entry = NULL;
    int r = entry_new(retrieval, name, &entry);
    if (r == 0 && broken) {
        entry->broken = *broken;
    } else if (r == 0) {
        entry->last = file->last;
        r = add_builds(entry, file);
    }
    index_file_done(file);
    if (r == 0) {
        *ret_entry = entry;
    } else if (entry) {
        build_unref(entry->current);
        build_unref(entry->next);
        entry_unref(entry);
    }
    return r;
}

void retrieval_insert(struct retrieval *retrieval, struct entry *entry)
{
    bool found = false;
    HOLD(&retrieval->lock);
    size_t at = place_of(retrieval, entry->name, &found);
    memmove(retrieval->entries + at + 1, retrieval->entries + at,
            (retrieval->count - at) * sizeof(struct entry *));
    retrieval->entries[at] = entry_ref(entry);
    retrieval->count++;
}

void retrieval_drop(struct retrieval *retrieval, struct entry *entry)
{
    bool found = false;
    HOLD(&retrieval->lock);
    size_t at = place_of(retrieval, entry->name, &found);
    if (found && retrieval->entries[at] == entry) {
        retrieval->count--;
        memmove(retrieval->entries + at, retrieval->entries + at + 1,
                (retrieval->count - at) * sizeof(struct entry *));
        entry_unref(entry); /* the caller has one */
    }
}

void retrieval_await_opened(struct retrieval *retrieval, struct entry *entry)
{
    HOLD(&retrieval->lock);
    while (!entry->opened) {
        (void)pthread_cond_wait(&retrieval->opened, &retrieval->lock);
    }
}

void retrieval_dissolve(struct entry *entry)
{
    entry_end(entry);
    entry_join(entry);
    (void)pthread_mutex_lock(&entry->retrieval->lock);
    struct build *current = take_ptr(entry->current);
    struct build *next = take_ptr(entry->next);
    (void)pthread_mutex_unlock(&entry->retrieval->lock);
    build_unref(current);
    build_unref(next);
}

int retrieval_add(struct retrieval *retrieval, struct index_file *file, const char *job,
                  struct entry **ret_entry, struct error *error)
{
    struct entry *entry = NULL;
    if (retrieval_new_entry(retrieval, file->spec.name, file, NULL, &entry) < 0 || !entry) {
        return error_memory(error, NULL);
    }
    build_set_job(entry->current, job);
    retrieval_insert(retrieval, entry);
    int r = entry_start(entry, error);
    if (r < 0) {
        retrieval_drop(retrieval, entry);
        retrieval_dissolve(entry);
        entry_unref(entry);
        return r;
    }
    retrieval_await_opened(retrieval, entry);
    *ret_entry = entry;
    return 0;
}

char *retrieval_aside(struct retrieval *retrieval, const char *what, const char *name)
{
    HOLD(&retrieval->lock);
    return index_directory_path("%s/.%s-%s-%llu", retrieval->directory, what, name,
                                (unsigned long long)++retrieval->removals);
}
