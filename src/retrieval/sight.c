/* SPDX-License-Identifier: Apache-2.0
 *
 * Compares a caller's reach with an index: see sight.h.
 */
#include "retrieval/sight.h"

#include <stdlib.h>
#include <string.h>

#include "retrieval/build.h"
#include "retrieval/index_table.h"
#include "retrieval/retrieval_spec.h"
#include "rights/reach.h"

/* Rows of an imported index never change, so that the filter of its count is kept. */
static enum sight sight_of_rows(struct index *index, const struct reach *reach)
{
    const struct index_prefixes prefixes = {.list = (const char *const *)reach->prefixes,
                                            .count = reach->count};
    struct index_status status;
    struct error ignored;
    uint64_t rows = 0;
    if (!index || reach->count == 0 || index_count(index, &prefixes, &rows, &ignored) < 0 ||
        rows == 0) {
        return SIGHT_NONE;
    }
    index_status(index, &status);
    return rows == status.rows ? SIGHT_WHOLE : SIGHT_PART;
}

static enum sight sight_of_selection(const struct reach *reach, const char *selection)
{
    if (reach_holds(reach, selection)) {
        return SIGHT_WHOLE;
    }
    return reach->count > 0 ? SIGHT_PART : SIGHT_NONE;
}

/* STORE/PREFIX of a fed index, otherwise "". The caller frees it. */
static char *selection_of(const struct build *build)
{
    const struct retrieval_spec *spec = build ? &build->spec : NULL;
    if (!spec || !retrieval_spec_is_fed(spec)) {
        return strdup("");
    }
    const char *prefix = spec->select.prefix ? spec->select.prefix : "";
    size_t size = strlen(spec->select.store) + 1 + strlen(prefix) + 1;
    char *selection = malloc(size);
    if (selection) {
        (void)stpcpy(stpcpy(stpcpy(selection, spec->select.store), "/"), prefix);
    }
    return selection;
}

enum sight sight_of(struct entry *entry, const struct access *access, uint32_t rights)
{
    struct retrieval *retrieval = entry->retrieval;
    struct reach reach = {.count = 0};
    if (access->all) {
        return SIGHT_WHOLE;
    }
    (void)pthread_mutex_lock(&retrieval->lock);
    cleanup_build struct build *build = entry->current ? build_ref(entry->current) : NULL;
    struct index *index = build ? build->index : NULL;
    (void)pthread_mutex_unlock(&retrieval->lock);
    cleanup_free char *selection = selection_of(build);
    if (!selection || reach_make(access, rights, selection, &reach) < 0) {
        return SIGHT_NONE;
    }
    enum sight sight = sight_of_selection(&reach, selection);
    if (sight == SIGHT_PART && selection[0] == '\0') { /* of all names: imported, or unreadable */
        sight = sight_of_rows(index, &reach);
    }
    reach_done(&reach);
    return sight;
}

int sight_check(struct entry *entry, const struct access *access, enum right right, bool whole,
                struct error *error)
{
    enum sight sight = sight_of(entry, access, right);
    if (sight == SIGHT_WHOLE || (sight == SIGHT_PART && !whole)) {
        return 0;
    }
    return error_set(error, ERROR_FORBIDDEN, "your rights do not include '%s' for %s index '%s'",
                     right_name(right), sight == SIGHT_PART ? "all objects of" : "objects of",
                     entry->name);
}
