/* SPDX-License-Identifier: Apache-2.0
 *
 * An index in use: it stays open whatever is swapped or removed meanwhile; and the mapping between
 * its keys and the names of objects. Any thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "retrieval/build.h"
#include "retrieval/index_table.h"
#include "retrieval/retrieval_spec.h"
#include "retrieval/sight.h"

struct retrieval_use {
    struct build *build; /* referenced */
    struct index *index; /* borrowed from it */
};

/* `whole`: the caller may see all objects of it; the reason may name some. */
static int not_there(const struct entry *entry, const struct build *build, bool whole,
                     struct error *error)
{
    const struct error *reason = build ? &build->reason : &entry->broken;
    if (reason->code != ERROR_NONE && !whole) {
        return error_set(error, ERROR_UNAVAILABLE, "index '%s' cannot be searched now",
                         entry->name);
    }
    if (reason->code != ERROR_NONE) {
        return error_set(error, ERROR_UNAVAILABLE, "index '%s' cannot be searched: %.350s",
                         entry->name, reason->message);
    }
    return error_set(error, ERROR_UNAVAILABLE, "index '%s' has no row yet", entry->name);
}

int retrieval_use(struct retrieval *retrieval, const struct access *access, enum right right,
                  const char *name, struct retrieval_use **ret_use, struct error *error)
{
    cleanup_entry struct entry *entry = NULL;
    cleanup_build struct build *build = NULL;
    struct index_status status = {.rows = 0};
    int r = retrieval_find(retrieval, access, name, &entry, error);
    if (r < 0) {
        return r;
    }
    r = sight_check(entry, access, right, right == RIGHT_RESULTS, error);
    if (r < 0) {
        return r;
    }
    bool whole = sight_of(entry, access, RETRIEVAL_RIGHTS) == SIGHT_WHOLE;
    cleanup_free struct retrieval_use *use = calloc(1, sizeof *use);
    if (!use) {
        return error_memory(error, NULL);
    }
    (void)pthread_mutex_lock(&retrieval->lock);
    if (entry->current && entry->current->index) {
        build = build_ref(entry->current);
        use->index = build->index;
    } else {
        r = not_there(entry, entry->current, whole, error);
    }
    (void)pthread_mutex_unlock(&retrieval->lock);
    if (r < 0) {
        return r;
    }
    index_status(use->index, &status);
    if (status.rows == 0) {
        return error_set(error, ERROR_UNAVAILABLE, "index '%s' has no row yet", name);
    }
    use->build = take_ptr(build);
    *ret_use = take_ptr(use);
    return 0;
}

struct index *retrieval_use_index(const struct retrieval_use *use)
{
    return use->index;
}

const struct retrieval_spec *retrieval_use_spec(const struct retrieval_use *use)
{
    return &use->build->spec;
}

void retrieval_use_free(struct retrieval_use *use)
{
    if (use) {
        build_unref(use->build);
        free(use);
    }
}

const char *retrieval_use_key(const struct retrieval_use *use, const char *object)
{
    const struct build *build = use->build;
    const char *key = retrieval_spec_is_fed(&build->spec) ? build_key(build, object) : object;
    return key && key[0] != '\0' && strnlen(key, INDEX_KEY_MAX + 1) <= INDEX_KEY_MAX ? key : NULL;
}

const char *retrieval_use_prefix(const struct retrieval_use *use, const char *prefix)
{
    const struct build *build = use->build;
    if (!retrieval_spec_is_fed(&build->spec)) {
        return prefix;
    }
    size_t length = strlen(prefix);
    if (length <= strlen(build->spec.select.store)) {
        return strncmp(build->spec.select.store, prefix, length) == 0 ? "" : NULL;
    }
    return build_key(build, prefix);
}

/* ---- what a caller reaches ---- */

/* Reaches all rows where a prefix holds the whole selection. */
static bool holds_all(const struct retrieval_spec *spec, const char *prefix)
{
    const char *selected = spec->select.prefix ? spec->select.prefix : "";
    return retrieval_spec_is_fed(spec) && strncmp(selected, prefix, strlen(prefix)) == 0;
}

static int fill_reach(const struct retrieval_use *use, struct retrieval_reach *reach)
{
    const struct retrieval_spec *spec = &use->build->spec;
    size_t head = retrieval_spec_is_fed(spec) ? strlen(spec->select.store) + 1 : 0;
    size_t count = reach->names.count;
    reach->none = count == 0;
    reach->keys = calloc(count + 1, sizeof *reach->keys);
    if (!reach->keys) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        reach->keys[i] = reach->names.prefixes[i] + head;
        if (holds_all(spec, reach->keys[i])) {
            return 0;
        }
    }
    reach->prefixes = (struct index_prefixes){.list = reach->keys, .count = count};
    return 0;
}

int retrieval_use_reach(const struct retrieval_use *use, const struct access *access,
                        const char *prefix, struct retrieval_reach *ret_reach)
{
    struct retrieval_reach reach = {.none = true};
    cleanup_buffer struct buffer within = BUFFER_INIT;
    const char *key = retrieval_use_prefix(use, prefix);
    if (!key) {
        *ret_reach = reach;
        return 0;
    }
    retrieval_use_name(use, key, &within);
    const char *text = buffer_text(&within);
    int r = text ? reach_make(access, RIGHT_SEARCH, text, &reach.names) : -ENOMEM;
    r = r == 0 ? fill_reach(use, &reach) : r;
    if (r < 0) {
        retrieval_reach_done(&reach);
        return r;
    }
    *ret_reach = reach;
    return 0;
}

void retrieval_reach_done(struct retrieval_reach *reach)
{
    reach_done(&reach->names);
    free(reach->keys);
    *reach = (struct retrieval_reach){.none = true};
}

void retrieval_use_name(const struct retrieval_use *use, const char *key, struct buffer *out)
{
    const struct retrieval_spec *spec = &use->build->spec;
    if (retrieval_spec_is_fed(spec)) {
        buffer_append_text(out, spec->select.store);
        buffer_append_char(out, '/');
    }
    buffer_append_text(out, key);
}
