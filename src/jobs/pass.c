/* SPDX-License-Identifier: Apache-2.0
 *
 * One pass of a standing job over the listing and the table of known objects: see pass.h.
 */
#include "jobs/pass.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/tree.h"
#include "data/key.h"
#include "jobs/job_table.h"
#include "known/known.h"

enum { COMMIT_AT = 1024 /* changes per commit */, LONG_HEAD = 900, NOTE_FORMAT = 1 };

enum {
    PATIENCE_MS = 2500 /* time that a pass waits for objects to settle, in all */,
    DOZE_MS = 20
};

/* The note of each commit of the table. */
struct pass_note {
    uint64_t format;
    uint64_t lines;    /* lines of the log that the table covers */
    uint64_t finished; /* the last complete pass; 0: none */
};

/* The caller's word of an entry of the table. */
enum { SLOT_KEY = 0, SLOT_LONG = 1 /* a name that is too long: the key is its head and a hash */ };

struct pass {
    struct job *job;           /* borrowed */
    struct job_log *log;       /* borrowed */
    char *directory;           /* owned: directory of the table */
    struct known *known;       /* owned */
    struct known_batch *batch; /* owned */
    struct known_walk *walk;   /* owned */
    struct pass_note note;     /* as last committed */
    uint64_t number;
    char *after; /* owned; NULL: from the start */
    uint64_t seen;
    bool damaged;             /* the table is damaged */
    bool there;               /* the store is not empty: what is not listed is gone */
    struct known_count count; /* including lines that are not synced */
    bool finished;
    bool restless;       /* objects were left to the next pass because they change */
    bool takes_all;      /* no more waiting: objects are taken as they are */
    int64_t patience_ns; /* time left to wait for objects to settle */

    bool listed; /* `item` is the next of the listing */
    bool listing_ended;
    struct job_item item;
    bool walked; /* `known_key` is the next of the table */
    bool walk_ended;
    const char *known_key; /* borrowed from the walk */
    struct known_object known_object;
    struct buffer unlisted; /* the last directory that could not be listed, with its `/`: known
                             * objects in it are not gone */
    struct buffer gone;     /* the name of the gone object */
    char table_key[LIMIT_KEY_BYTES + 1]; /* for a name that is too long */
};

/* ---- identities and keys ---- */

/* The key in a name, valid or not: all names of a standing job begin with its store. */
static const char *key_in(const char *object)
{
    size_t store_length = 0;
    const char *key = key_in_object(object, &store_length);
    return key ? key : object;
}

/* The key of an object in the table. */
static const char *table_key(struct pass *pass, const char *key, uint64_t *ret_slot)
{
    *ret_slot = SLOT_KEY;
    if (strnlen(key, LIMIT_KEY_BYTES + 1) <= LIMIT_KEY_BYTES) {
        return key;
    }
    (void)snprintf(pass->table_key, sizeof pass->table_key, "%.*s\001%016llx", LONG_HEAD, key,
                   (unsigned long long)hash_stored_text(key));
    *ret_slot = SLOT_LONG;
    return pass->table_key;
}

/* ---- the table, opened and brought up to the log ---- */

static void publish_lines(struct pass *pass)
{
    struct job *job = pass->job;
    HOLD(&job->lock);
    job->table_lines = pass->note.lines;
}

static void publish_anew(struct pass *pass)
{
    struct job *job = pass->job;
    HOLD(&job->lock);
    job->began_anew = true;
    job->counted = false;
    job->table_lines = 0;
}

static void set_aside(struct pass *pass)
{
    known_batch_free(take_ptr(pass->batch));
    known_walk_free(take_ptr(pass->walk));
    known_close(take_ptr(pass->known));
    cleanup_free char *aside = job_path(pass->job, TABLE_ASIDE);
    if (!aside) {
        return;
    }
    tree_remove(aside);
    int r = rename(pass->directory, aside);
    log_event(LOG_LEVEL_WARNING, "known_objects_damaged", "job=%s set_aside=%s", pass->job->spec.id,
              r == 0 ? "yes" : "no");
}

static int open_table(struct pass *pass, struct error *error)
{
    int r = known_open(pass->directory, 0, &pass->known, error);
    if (r < 0) {
        return r;
    }
    return known_batch_new(pass->known, &pass->batch) < 0 ? error_memory(error, NULL) : 0;
}

static int commit(struct pass *pass, const struct pass_note *note, struct error *error)
{
    struct error fault = {.code = ERROR_NONE};
    int r = known_batch_commit(pass->batch, note, sizeof *note, &fault);
    if (r == 0) {
        pass->note = *note;
        publish_lines(pass);
        return 0;
    }
    pass->damaged = pass->damaged || fault.code == ERROR_MALFORMED;
    if (error) {
        *error = fault;
    }
    return r;
}

/* Replaces a damaged table. The log cannot restore it: its objects are looked at again, in a
 * pass after all passes in the log. */
static int begin_anew(struct pass *pass, const struct job_log_totals *totals, struct error *error)
{
    set_aside(pass);
    publish_anew(pass);
    int r = open_table(pass, error);
    struct pass_note note = {NOTE_FORMAT, totals->lines, totals->pass};
    return r == 0 ? commit(pass, &note, error) : r;
}

static int read_note(struct pass *pass, const struct job_log_totals *totals, struct error *error)
{
    struct pass_note note = {.format = NOTE_FORMAT};
    size_t size = 0;
    int r = known_note(pass->known, &note, sizeof note, &size, error);
    if (r < 0) {
        return r;
    }
    if (size == 0) {
        note = (struct pass_note){.format = NOTE_FORMAT};
    } else if (size != sizeof note || note.format != NOTE_FORMAT || note.lines > totals->lines) {
        return error_set(error, ERROR_MALFORMED,
                         "the table of known objects belongs to another log");
    }
    if (note.lines < job_log_dropped(pass->log)) {
        return error_set(error, ERROR_MALFORMED,
                         "the table of known objects lacks lines that were released from the log");
    }
    pass->note = note;
    publish_lines(pass);
    return 0;
}

/* Applies a line of the log to the table. */
static int apply(struct pass *pass, const char *key, bool gone, bool failed,
                 const struct job_record_facts *facts)
{
    uint64_t slot = SLOT_KEY;
    const char *in_table = table_key(pass, key, &slot);
    if (gone) {
        return known_batch_remove(pass->batch, in_table);
    }
    struct known_object object = {.identity = facts->identity,
                                  .state = failed ? KNOWN_FAILED : KNOWN_GOOD,
                                  .trusted = facts->has_identity,
                                  .slot = slot};
    return known_batch_put(pass->batch, in_table, &object);
}

/* The state of applying the log to the table. */
struct replay {
    struct pass *pass;
    uint64_t lines;
    struct error *error;
};

static int replay_line(void *context, const char *line, size_t size,
                       const struct job_record_facts *facts)
{
    struct replay *replay = context;
    struct pass *pass = replay->pass;
    cleanup_free char *object = NULL;
    int r = job_record_object(line, size, facts, &object);
    if (r == 0) {
        r = apply(pass, key_in(object), job_record_is_gone(line, size),
                  job_record_is_failure(line, size), facts);
    }
    replay->lines++;
    if (r < 0) {
        return error_set(replay->error, r == -ENOMEM ? ERROR_MEMORY : ERROR_IO,
                         "line %llu of the log cannot be applied to the table of known objects",
                         (unsigned long long)replay->lines);
    }
    if (known_batch_size(pass->batch) < COMMIT_AT) {
        return 0;
    }
    struct pass_note note = {NOTE_FORMAT, replay->lines, pass->note.finished};
    return commit(pass, &note, replay->error);
}

static int catch_up(struct pass *pass, const struct job_log_totals *totals, struct error *error)
{
    if (pass->note.lines == totals->lines) {
        return 0;
    }
    struct job_log_place place = {0};
    struct replay replay = {.pass = pass, .lines = pass->note.lines, .error = error};
    int r = job_log_find(pass->log, pass->note.lines, &place, error);
    if (r < 0) {
        return r;
    }
    r = job_log_each(pass->log, &place, replay_line, &replay, error);
    if (r < 0) {
        return r;
    }
    struct pass_note note = {NOTE_FORMAT, replay.lines, pass->note.finished};
    return commit(pass, &note, error);
}

/* Is the key in the directory that could not be listed? It is unknown whether its object exists. */
static bool is_unlisted(const struct pass *pass, const char *key)
{
    size_t size = pass->unlisted.size;
    return size > 0 && strncmp(key, pass->unlisted.data, size) == 0 && key[size] != '\0';
}

static int note_unlisted(struct pass *pass, const char *path, struct error *error)
{
    buffer_clear(&pass->unlisted);
    buffer_append_text(&pass->unlisted, path);
    if (buffer_ok(&pass->unlisted) < 0) {
        return error_memory(error, NULL);
    }
    pass->walked = pass->walked && !is_unlisted(pass, pass->known_key);
    return 0;
}

/* Sets the pass and its start: that of the last line, if that pass is not complete. */
static int find_place(struct pass *pass, struct error *error)
{
    cleanup_free char *object = NULL;
    struct job_record_facts facts;
    int r = job_log_last(pass->log, &object, &facts, error);
    if (r < 0) {
        return r;
    }
    pass->number = pass->note.finished + 1;
    if (object && facts.pass >= pass->number) {
        pass->number = facts.pass;
        pass->after = strdup(key_in(object));
        if (!pass->after) {
            return error_memory(error, NULL);
        }
        size_t size = strlen(pass->after);
        if (size > 0 && pass->after[size - 1] == '/') {
            return note_unlisted(pass, pass->after, error);
        }
    }
    return 0;
}

void pass_publish_count(struct pass *pass)
{
    struct job_log_totals totals;
    job_log_totals(pass->log, &totals);
    HOLD(&pass->job->lock);
    pass->job->counted = true;
    pass->job->count = pass->count;
    pass->job->count.lines = totals.lines;
}

/* Counts the objects in the table, unless the last pass left the counts. */
static int count_known(struct pass *pass, struct error *error)
{
    struct job *job = pass->job;
    uint64_t known = 0;
    uint64_t failing = 0;
    const char *key = NULL;
    struct known_object object;
    struct known_walk *walk = NULL;
    if (job->counted) { /* only this thread writes it */
        pass->count = job->count;
        return 0;
    }
    int r = known_walk_new(pass->known, "", "", &walk, error);
    while (r >= 0 && (r = known_walk_next(walk, &key, &object, error)) > 0) {
        known++;
        failing += object.state == KNOWN_FAILED;
    }
    known_walk_free(walk);
    if (r < 0) {
        return r;
    }
    pass->count = (struct known_count){.known = known, .failing = failing};
    pass_publish_count(pass);
    return 0;
}

/* Counts a logged line; published when it is synced. */
static void count_line(struct pass *pass, const struct slot *slot)
{
    bool known = slot->kind != JOB_ITEM_GONE;
    bool failing = known && slot->object.code != ERROR_NONE;
    pass->count.known += (uint64_t)known - (uint64_t)slot->known;
    pass->count.failing += (uint64_t)failing - (uint64_t)slot->failing;
}

static int open_and_catch_up(struct pass *pass, const struct job_log_totals *totals,
                             struct error *error)
{
    int r = open_table(pass, error);
    if (r < 0) {
        return r;
    }
    r = read_note(pass, totals, error);
    return r < 0 ? r : catch_up(pass, totals, error);
}

static int prepare(struct pass *pass, struct error *error)
{
    struct job_log_totals totals;
    job_log_totals(pass->log, &totals);
    int r = open_and_catch_up(pass, &totals, error);
    if (r < 0 && (error->code == ERROR_MALFORMED || pass->damaged)) {
        pass->damaged = false;
        r = begin_anew(pass, &totals, error);
    }
    if (r < 0) {
        return r;
    }
    r = count_known(pass, error);
    if (r < 0) {
        return r;
    }
    r = find_place(pass, error);
    if (r < 0) {
        return r;
    }
    return known_walk_new(pass->known, pass->job->spec.select.prefix,
                          pass->after ? pass->after : "", &pass->walk, error);
}

int pass_new(struct job *job, struct job_log *log, struct pass **ret_pass, struct error *error)
{
    struct pass *pass = calloc(1, sizeof *pass);
    if (!pass) {
        return error_memory(error, NULL);
    }
    pass->job = job;
    pass->log = log;
    pass->patience_ns = PATIENCE_MS * NS_PER_MS;
    pass->takes_all = job->restless >= RESTLESS_MAX;
    pass->directory = job_path(job, TABLE_NAME);
    struct error fault = {.code = ERROR_NONE};
    int r = pass->directory ? prepare(pass, &fault) : error_memory(&fault, NULL);
    if (r < 0) {
        pass_free(pass);
        if (error) {
            *error = fault;
        }
        return r;
    }
    *ret_pass = pass;
    return 0;
}

void pass_free(struct pass *pass)
{
    if (!pass) {
        return;
    }
    if (pass->damaged) {
        set_aside(pass);
    }
    if (!pass->finished) { /* an incomplete pass: the table is counted again */
        HOLD(&pass->job->lock);
        pass->job->counted = false;
    }
    known_walk_free(pass->walk);
    known_batch_free(pass->batch);
    known_close(pass->known);
    buffer_done(&pass->gone);
    buffer_done(&pass->unlisted);
    free(pass->after);
    free(pass->directory);
    free(pass);
}

uint64_t pass_number(const struct pass *pass)
{
    return pass->number;
}

const char *pass_after(const struct pass *pass)
{
    return pass->after;
}

uint64_t pass_seen(const struct pass *pass)
{
    return pass->seen;
}

bool pass_is_restless(const struct pass *pass)
{
    return pass->restless;
}

/* ---- the merge ---- */

static int look_at_listing(struct pass *pass, struct job_selection *selection, struct error *error)
{
    if (pass->listed || pass->listing_ended) {
        return 0;
    }
    int r = job_item_next(selection, &pass->item, error);
    pass->listed = r > 0;
    pass->listing_ended = r == 0;
    pass->seen += r > 0;
    return r < 0 ? r : 0;
}

static int look_at_table(struct pass *pass, struct error *error)
{
    while (!pass->walked && !pass->walk_ended) {
        struct error fault = {.code = ERROR_NONE};
        int r = known_walk_next(pass->walk, &pass->known_key, &pass->known_object, &fault);
        if (r < 0) {
            pass->damaged = fault.code == ERROR_MALFORMED;
            if (error) {
                *error = fault;
            }
            return r;
        }
        pass->walk_ended = r == 0;
        pass->walked =
            r > 0 && pass->known_object.slot != SLOT_LONG && !is_unlisted(pass, pass->known_key);
    }
    return 0;
}

/* A store without any file is more likely one whose file system is not mounted than one that was
 * cleared: its objects are not reported as gone. */
static int check_there(struct pass *pass, struct error *error)
{
    const struct jobs_host *host = &pass->job->jobs->host;
    const char *name = pass->job->spec.select.store;
    if (pass->there || pass->listed || pass->seen > 0) {
        return 0;
    }
    struct store_list_query query = {
        .prefix = "", .after = "", .limit = LIMIT_LIST_PAGE, .flawed = true};
    struct store_page page = {0};
    struct store *store = host->store_find(host->context, name, strlen(name), error);
    if (!store && pass->job->spec.owner[0] != '\0') {
        job_refuse_store(name, strlen(name), error);
    }
    int r = store ? store_list(store, &query, &page, error) : -ENOENT;
    if (r < 0) {
        return r;
    }
    struct store_condition condition;
    store_condition(store, &condition);
    pass->there = page.count > 0 || condition.cleared;
    store_page_done(&page);
    return pass->there ? 0
                       : error_set(error, ERROR_UNAVAILABLE,
                                   "store '%s' is empty, and was not: is its file system mounted? "
                                   "Its objects are reported as gone once it has a file",
                                   name);
}

static int give_gone(struct pass *pass, struct job_item *ret_item, struct error *error)
{
    buffer_clear(&pass->gone);
    buffer_printf(&pass->gone, "%s/%s", pass->job->spec.select.store, pass->known_key);
    const char *object = buffer_text(&pass->gone);
    if (!object) {
        return error_memory(error, NULL);
    }
    int r = check_there(pass, error);
    if (r < 0) {
        return r;
    }
    ret_item->kind = JOB_ITEM_GONE;
    ret_item->known = true;
    ret_item->failing = pass->known_object.state == KNOWN_FAILED;
    ret_item->object = object;
    ret_item->key = key_in(object);
    ret_item->store = NULL;
    ret_item->identity = (struct identity){0};
    ret_item->size_bytes = 0;
    ret_item->flawed = key_check(pass->known_key, NULL) < 0;
    pass->walked = false;
    return 1;
}

/* Finds the next object of the listing in the table. */
static int look_up(struct pass *pass, bool *ret_known, struct known_object *ret_object,
                   struct error *error)
{
    const char *key = key_in(pass->item.object);
    uint64_t slot = SLOT_KEY;
    const char *in_table = table_key(pass, key, &slot);
    if (slot == SLOT_LONG) {
        return known_get(pass->known, in_table, ret_known, ret_object, error);
    }
    *ret_known = pass->walked && strcmp(pass->known_key, key) == 0;
    *ret_object = pass->known_object;
    return 0;
}

static int64_t time_of_day_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Sleeps, and charges it to patience_ns. False: the job is to stop. */
static bool doze(struct pass *pass, int64_t left_ns)
{
    for (pass->patience_ns -= left_ns; left_ns > 0; left_ns -= DOZE_MS * NS_PER_MS) {
        struct timespec pause = {.tv_nsec = DOZE_MS * NS_PER_MS};
        if (atomic_load(&pass->job->halting)) {
            return false;
        }
        (void)nanosleep(&pause, NULL);
    }
    return true;
}

/* Waits until an object has settled, as long as patience_ns lasts: 1; 0: it is left to the next
 * pass; -ECANCELED. */
static int await_settled(struct pass *pass, struct job_item *item)
{
    while (!pass->takes_all) {
        struct error ignored;
        int64_t left_ns = store_settles_in_ns(item->store, &item->identity, time_of_day_ns());
        if (left_ns == 0) {
            return 1;
        }
        pass->restless = pass->restless || left_ns > pass->patience_ns;
        if (left_ns > pass->patience_ns) {
            return 0;
        }
        if (!doze(pass, left_ns)) {
            return -ECANCELED;
        }
        if (job_item_look(item, &ignored) < 0) {
            pass->restless = true; /* removed or renamed: the next pass handles it */
            return 0;
        }
    }
    return 1;
}

/* Returns the next object of the listing; earlier keys of the table were returned before. */
static int give_listed(struct pass *pass, struct job_item *ret_item, struct error *error)
{
    const struct job_item *item = &pass->item;
    bool known = false;
    struct known_object object;
    int r = look_up(pass, &known, &object, error);
    if (r < 0) {
        return r;
    }
    pass->listed = false;
    if (known && object.slot != SLOT_LONG) {
        if (item->kind == JOB_ITEM_FAULT && item->fault.code == ERROR_NOT_FOUND && item->key) {
            return give_gone(pass, ret_item, error); /* removed after it was listed */
        }
        pass->walked = false;
    }
    r = item->unlisted ? note_unlisted(pass, key_in(item->object), error) : 0;
    if (r < 0) {
        return r;
    }
    *ret_item = *item;
    ret_item->known = known;
    ret_item->failing = known && object.state == KNOWN_FAILED;
    if (known && object.trusted && identity_is_same(&object.identity, &item->identity)) {
        ret_item->kind = JOB_ITEM_KNOWN;
        return 1;
    }
    r = item->kind == JOB_ITEM_OBJECT ? await_settled(pass, ret_item) : 1;
    if (r == 0) {
        ret_item->kind = JOB_ITEM_KNOWN; /* no line for now */
    }
    return r < 0 ? r : 1;
}

int pass_next(struct pass *pass, struct job_selection *selection, struct job_item *ret_item,
              struct error *error)
{
    int r = look_at_listing(pass, selection, error);
    if (r < 0) {
        return r;
    }
    r = look_at_table(pass, error);
    if (r < 0) {
        return r;
    }
    if (!pass->listed && !pass->walked) {
        return 0;
    }
    if (!pass->listed || (pass->walked && strcmp(pass->known_key, key_in(pass->item.object)) < 0)) {
        return give_gone(pass, ret_item, error);
    }
    return give_listed(pass, ret_item, error);
}

/* ---- changes of the log and the table ---- */

/* Whether the result is valid until the identity changes. */
static bool is_lasting(const struct slot *slot)
{
    if (slot->object.code == ERROR_NOT_FOUND || slot->object.code == ERROR_CHANGED) {
        return false;
    }
    const struct jobs_object *object = &slot->object;
    return slot->kind == JOB_ITEM_FAULT ||
           store_settles_in_ns(object->store, &object->identity, slot->asked_ns) == 0;
}

void pass_facts(const struct pass *pass, const struct slot *slot, struct job_record_facts *facts)
{
    facts->pass = pass->number;
    if (slot->kind != JOB_ITEM_GONE && is_lasting(slot)) {
        facts->has_identity = true;
        facts->identity = slot->object.identity;
    }
}

int pass_logged(struct pass *pass, const struct slot *slot, const struct job_record_facts *facts)
{
    int r = apply(pass, key_in(slot->object.object), slot->kind == JOB_ITEM_GONE,
                  slot->object.code != ERROR_NONE, facts);
    if (r < 0) {
        return r;
    }
    count_line(pass, slot);
    return 0;
}

static int commit_with(struct pass *pass, uint64_t finished, struct error *error)
{
    struct job_log_totals totals;
    job_log_totals(pass->log, &totals);
    struct pass_note note = {NOTE_FORMAT, totals.lines, finished};
    return commit(pass, &note, error);
}

int pass_commit(struct pass *pass, bool now, struct error *error)
{
    size_t size = known_batch_size(pass->batch);
    if (size == 0 || (!now && size < COMMIT_AT)) {
        return 0;
    }
    return commit_with(pass, pass->note.finished, error);
}

int pass_finish(struct pass *pass, struct error *error)
{
    int r = commit_with(pass, pass->number, error);
    pass->finished = r == 0;
    return r;
}

int pass_each_failed(struct pass *pass, int (*visit)(void *context, const char *key), void *context,
                     uint64_t *ret_left_out, struct error *error)
{
    uint64_t left_out = 0;
    struct known_walk *walk = NULL;
    const char *key = NULL;
    struct known_object object;
    int r = known_walk_new(pass->known, "", "", &walk, error);
    if (r < 0) {
        return r;
    }
    while (r == 0 && (r = known_walk_next(walk, &key, &object, error)) > 0) {
        bool failed = object.state == KNOWN_FAILED;
        left_out += failed && object.slot == SLOT_LONG;
        r = failed && object.slot != SLOT_LONG ? visit(context, key) : 0;
    }
    known_walk_free(walk);
    *ret_left_out = left_out;
    return r;
}
