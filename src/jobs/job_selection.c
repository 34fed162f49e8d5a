/* SPDX-License-Identifier: Apache-2.0
 *
 * The selection of a job. A listing is read page by page, and names that do not match the glob are
 * dropped from each page, so that memory holds one page, however many keys there are. Names of a
 * list are checked one by one; one that is no object is returned with its fault.
 */
#include "jobs/job_selection.h"

#include <errno.h>
#include <string.h>

#include "base/buffer.h"
#include "data/key.h"
#include "jobs/keys_file.h"
#include "store/exclusion.h"
#include "store/glob.h"

enum { OBJECT_ROOM = LIMIT_STORE_NAME + 1 + LIMIT_STORE_NAME + 1 + LIMIT_KEY_BYTES + 1 };

struct job_selection {
    struct jobs_host host;
    const atomic_bool *stop; /* borrowed; NULL: none */
    struct buffer object;    /* the name returned last, with its NUL */
    bool owned;              /* its owner may not know of all stores */

    /* For a listing. */
    struct store *store;         /* borrowed; NULL: for a list */
    char *store_name;            /* owned; NULL: names of a list include it */
    char *prefix;                /* owned; all keys begin with it */
    struct glob *glob;           /* owned; NULL: every key */
    struct exclusion *exclusion; /* owned; NULL: nothing */
    bool sniff;
    struct store_page page; /* entries that match */
    size_t index;           /* in it: the next entry */
    bool started;           /* a page was read */
    char *after;            /* owned: the last key that was listed */
    struct left_out_tally left_out;

    struct keys_reader *keys; /* owned; for a list */
};

static int no_memory(struct error *error)
{
    (void)error_memory(error, "a selection");
    return -ENOMEM;
}

static bool begins_with(const char *text, const char *head)
{
    return strncmp(text, head, strlen(head)) == 0;
}

static bool is_stopped(const struct job_selection *selection)
{
    return selection->stop && atomic_load(selection->stop);
}

void job_refuse_store(const char *name, size_t length, struct error *error)
{
    (void)error_set(error, ERROR_NOT_FOUND,
                    "no store '%.*s'; `situ store list` tells which there are",
                    length < 80 ? (int)length : 80, name);
}

/* Of other stores an owner does not hear. */
static struct store *find_store(const struct job_selection *selection, const char *name,
                                size_t length, struct error *error)
{
    const struct jobs_host *host = &selection->host;
    struct store *store = host->store_find(host->context, name, length, error);
    if (!store && selection->owned) {
        job_refuse_store(name, length, error);
    }
    return store;
}

/* ---- the beginning ---- */

/* The literal start of a glob may be longer than the prefix. */
static int take_prefix(struct job_selection *selection, const char *prefix, struct error *error)
{
    const char *head = selection->glob ? glob_head(selection->glob) : "";
    bool narrows = begins_with(head, prefix);
    selection->prefix = strdup(narrows ? head : prefix);
    if (!selection->prefix) {
        return no_memory(error);
    }
    if (!narrows && !begins_with(prefix, head)) {
        selection->started = true; /* with an empty page: no key begins with both */
    }
    return 0;
}

static int begin_listing(struct job_selection *selection, const struct job_spec *spec,
                         const char *after, struct error *error)
{
    if (!spec->select.store) {
        return error_set(error, ERROR_MALFORMED, "the job has neither a store nor a list of names");
    }
    selection->store = find_store(selection, spec->select.store, strlen(spec->select.store), error);
    if (!selection->store) {
        return -ENOENT;
    }
    int r = spec->select.glob ? glob_new(spec->select.glob, &selection->glob, error) : 0;
    if (r < 0) {
        return r;
    }
    selection->sniff = spec->select.rules.sniff;
    r = exclusion_new(spec->select.rules.exclude, spec->select.rules.defaults,
                      &selection->exclusion, error);
    if (r < 0) {
        return r;
    }
    r = take_prefix(selection, spec->select.prefix ? spec->select.prefix : "", error);
    if (r < 0) {
        return r;
    }
    selection->after = strdup(after ? after : "");
    return selection->after ? 0 : no_memory(error);
}

/* NOLINTNEXTLINE(readability-function-size): the seam of job_selection.h. */
int job_selection_new(const struct job_spec *spec, const struct jobs_host *host,
                      const char *keys_path, const char *after, uint64_t position,
                      struct job_selection **ret_selection, struct error *error)
{
    struct job_selection *selection = calloc(1, sizeof *selection);
    int r = 0;
    if (!selection) {
        return no_memory(error);
    }
    selection->host = *host;
    selection->owned = spec->owner[0] != '\0';
    selection->store_name = spec->select.store ? strdup(spec->select.store) : NULL;
    /* Reserved now: a name that was read from a list must find its room. */
    if (!buffer_reserve(&selection->object, OBJECT_ROOM) ||
        (spec->select.store && !selection->store_name)) {
        r = no_memory(error);
    } else if (keys_path) {
        r = keys_reader_new(keys_path, position, &selection->keys, error);
    } else {
        r = begin_listing(selection, spec, after, error);
    }
    if (r < 0) {
        job_selection_free(selection);
        return r;
    }
    *ret_selection = selection;
    return 0;
}

void job_selection_free(struct job_selection *selection)
{
    if (!selection) {
        return;
    }
    store_page_done(&selection->page);
    keys_reader_free(selection->keys);
    glob_free(selection->glob);
    exclusion_free(selection->exclusion);
    buffer_done(&selection->object);
    free(selection->store_name);
    free(selection->prefix);
    free(selection->after);
    free(selection);
}

void job_selection_stop_on(struct job_selection *selection, const atomic_bool *stop)
{
    selection->stop = stop;
}

/* ---- the names ---- */

/* STORE/KEY, or the name alone; and the position of the name in it. */
static int put_object(struct job_selection *selection, const char *name, const char **ret_object,
                      const char **ret_name, struct error *error)
{
    struct buffer *object = &selection->object;
    size_t start = 0;
    buffer_clear(object);
    if (selection->store_name) {
        buffer_append_text(object, selection->store_name);
        buffer_append_char(object, '/');
        start = object->size;
    }
    buffer_append_text(object, name);
    const char *text = buffer_text(object);
    if (!text) {
        buffer_done(object);
        return no_memory(error);
    }
    *ret_object = text;
    *ret_name = text + start;
    return 0;
}

/* Sets the fault of a name that is not a valid key. */
static int judge(struct selected *selected, const char *key)
{
    selected->flawed = strlen(key) > LIMIT_KEY_BYTES;
    return key_check(key, &selected->fault);
}

/* Sets the fault of a directory that cannot be listed. */
static void judge_unlisted(struct selected *selected, int errnum)
{
    char text[128];
    selected->unlisted = true;
    (void)error_set(&selected->fault, ERROR_UNREADABLE,
                    "the directory cannot be listed, and nothing in it is inferred: %s",
                    error_text(errnum, text, sizeof text));
}

/* ---- a listing ---- */

/* Drops entries that do not match. */
static void sift(struct job_selection *selection)
{
    struct store_page *page = &selection->page;
    size_t kept = 0;
    for (size_t i = 0; i < page->count && selection->glob; i++) {
        /* a directory that cannot be listed is kept: something in it may match */
        if (page->entries[i].errnum != 0 || glob_match(selection->glob, page->entries[i].key)) {
            page->entries[kept++] = page->entries[i];
        }
    }
    page->count = selection->glob ? kept : page->count;
}

static int next_page(struct job_selection *selection, struct error *error)
{
    struct store_page page;
    struct store_list_query query = {.prefix = selection->prefix,
                                     .after = selection->after,
                                     .limit = LIMIT_LIST_PAGE,
                                     .images_only = true,
                                     .sniff = selection->sniff,
                                     .exclusion = selection->exclusion,
                                     .flawed = true};
    int r = store_list(selection->store, &query, &page, error);
    if (r < 0) {
        return r;
    }
    if (page.count > 0) {
        char *after = strdup(page.entries[page.count - 1].key);
        if (!after) {
            store_page_done(&page);
            return no_memory(error);
        }
        free(selection->after);
        selection->after = after;
    }
    store_page_done(&selection->page);
    selection->page = page;
    selection->index = 0;
    selection->started = true;
    left_out_tally_add(&selection->left_out, &page.left_out);
    sift(selection);
    return 0;
}

/* Makes sure that an entry is at `index`: 1, or 0 at the end. */
static int have_entry(struct job_selection *selection, struct error *error)
{
    while (!selection->started ||
           (selection->index == selection->page.count && selection->page.more)) {
        if (is_stopped(selection)) {
            return -ECANCELED;
        }
        int r = next_page(selection, error);
        if (r < 0) {
            return r;
        }
    }
    return selection->index < selection->page.count;
}

static int next_listed(struct job_selection *selection, struct selected *ret_selected,
                       struct error *error)
{
    struct selected selected = {0};
    const char *key = NULL;
    int r = have_entry(selection, error);
    if (r <= 0) {
        return r;
    }
    const struct store_entry *entry = &selection->page.entries[selection->index];
    r = put_object(selection, entry->key, &selected.object, &key, error);
    if (r < 0) {
        return r;
    }
    if (entry->errnum != 0) {
        judge_unlisted(&selected, entry->errnum);
    } else if (!entry->flawed) {
        selected.key = key;
        selected.store = selection->store;
    } else if (judge(&selected, key) == 0) {
        (void)error_set(&selected.fault, ERROR_MALFORMED, "the name cannot be a key");
    }
    selected.flawed = entry->errnum != 0 ? selected.flawed : entry->flawed;
    selection->index++;
    *ret_selected = selected;
    return 1;
}

/* ---- a list of names ---- */

/* Finds the store of a name, which may begin with it. */
static void find_object(const struct job_selection *selection, struct selected *selected)
{
    size_t store_length = 0;
    const char *key = key_in_object(selected->object, &store_length);
    if (!key) {
        (void)error_set(&selected->fault, ERROR_MALFORMED,
                        "the name is not STORE/KEY: it has no slash");
        return;
    }
    if (judge(selected, key) == 0) {
        selected->store = find_store(selection, selected->object, store_length, &selected->fault);
        selected->key = selected->store ? key : NULL;
    }
}

static int next_named(struct job_selection *selection, struct selected *ret_selected,
                      struct error *error)
{
    struct selected selected = {0};
    const char *name = NULL;
    const char *key = NULL;
    int r = keys_reader_next(selection->keys, &name, error);
    if (r <= 0) {
        return r;
    }
    r = put_object(selection, name, &selected.object, &key, error);
    if (r < 0) {
        return r;
    }
    find_object(selection, &selected);
    *ret_selected = selected;
    return 1;
}

int job_selection_next(struct job_selection *selection, struct selected *ret_selected,
                       struct error *error)
{
    if (is_stopped(selection)) {
        return -ECANCELED;
    }
    return selection->keys ? next_named(selection, ret_selected, error)
                           : next_listed(selection, ret_selected, error);
}

struct left_out job_selection_left_out(const struct job_selection *selection)
{
    return left_out_of(&selection->left_out);
}

bool job_selection_is_last_page(const struct job_selection *selection, uint64_t *ret_left)
{
    if (selection->keys) {
        return keys_reader_is_last(selection->keys, ret_left);
    }
    if (!selection->started || selection->page.more) {
        return false;
    }
    *ret_left = selection->page.count - selection->index;
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): the seam of job_selection.h. */
int job_selection_count(const struct job_spec *spec, const struct jobs_host *host,
                        const char *keys_path, const atomic_bool *stop, uint64_t *ret_count,
                        struct left_out *ret_left_out, struct error *error)
{
    struct job_selection *selection = NULL;
    uint64_t count = 0;
    if (keys_path) {
        *ret_left_out = (struct left_out){.skipped = 0}; /* nothing of a list is left out */
        return keys_file_count(keys_path, stop, ret_count, error);
    }
    int r = job_selection_new(spec, host, NULL, NULL, 0, &selection, error);
    if (r < 0) {
        return r;
    }
    job_selection_stop_on(selection, stop);
    while ((r = have_entry(selection, error)) > 0) {
        count += selection->page.count - selection->index;
        selection->index = selection->page.count;
    }
    if (r == 0) {
        *ret_count = count;
        *ret_left_out = job_selection_left_out(selection);
    }
    job_selection_free(selection);
    return r;
}
