/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of stores. A reload on the main thread adds entries; none is removed before the end.
 * Each store guards its own state; two locks guard what the table knows of it.
 */
#include "service/stores.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "base/whole_file.h"
#include "data/key.h"
#include "store/backend.h"
#include "store/exclusion.h"
#include "store/place.h"

enum { FORMAT = 1 };

#define RECORD_NAME "stores.json"

struct entry {
    struct stores *stores; /* borrowed */
    char *name;            /* owned; constant, as is `store` */
    struct store *store;   /* owned */
    bool is_taken;         /* the hook `added` has taken it */

    bool served;   /* it is in the configuration; guarded by `table`, like the next: */
    char *exclude; /* owned; patterns, one a line */

    struct store_settings settings; /* owned; guarded by `lock`, like all below */
    char *path;                     /* owned; these as text: store_settings_spec() */
    bool filled;                    /* as in the record */
    bool logged_available;          /* as logged, like the two below */
    uint64_t logged_generation;
    char logged_reason[256];
};

/* An entry stays until the table is closed, served or not: items and jobs borrow its store. */
struct stores {
    char *state; /* owned; the directory */

    /* Locks in the order in which they are taken. */

    pthread_mutex_t lock; /* guards the record and these; held during the call: */
    void (*available)(void *context);
    void *context;

    pthread_mutex_t table; /* guards `count`, and some members of each entry */
    struct entry *entries[LIMIT_STORES];
    size_t count;
};

/* Finds an entry that is served or not. Called by the one thread that adds entries. */
static struct entry *entry_of(struct stores *stores, const char *name)
{
    for (size_t i = 0; i < stores->count; i++) {
        if (strcmp(stores->entries[i]->name, name) == 0) {
            return stores->entries[i];
        }
    }
    return NULL;
}

/* ---- the record ---- */

/* *ret_root stays NULL if there is none. */
static void read_record(const struct stores *stores, struct json **ret_root)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    cleanup_json struct json *root = NULL;
    struct error error = {.code = ERROR_NONE};
    char quoted[ERROR_MESSAGE_SIZE];
    int r = whole_file_load(stores->state, RECORD_NAME, LIMIT_JSON_BYTES, &text, &error);
    if (r == -ENOENT) {
        return;
    }
    if (r == 0) {
        r = json_parse(text.data ? text.data : "", text.size, RECORD_NAME, &root, &error);
    }
    if (r < 0) { /* without it, an empty store counts as one that never had objects */
        log_event(LOG_LEVEL_WARNING, "stores_record_damaged", "reason=%s",
                  log_quote(quoted, sizeof quoted, error.message));
        return;
    }
    *ret_root = take_ptr(root);
}

static bool was_filled(const struct json *record, const struct entry *entry)
{
    const struct json *list = json_member(record, "stores");
    for (size_t i = 0; i < json_length(list); i++) {
        const struct json *node = json_element(list, i);
        if (strcmp(json_get_string(json_member(node, "name"), ""), entry->name) == 0 &&
            strcmp(json_get_string(json_member(node, "path"), ""), entry->path) == 0) {
            return json_get_bool(json_member(node, "filled"), false);
        }
    }
    return false;
}

static void write_record(struct stores *stores)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    struct error error = {.code = ERROR_NONE};
    char quoted[ERROR_MESSAGE_SIZE];
    struct json_writer w = JSON_WRITER(&text);
    json_begin_object(&w, NULL);
    json_put_integer(&w, "format", FORMAT);
    json_begin_array(&w, "stores");
    size_t count = 0;
    {
        HOLD(&stores->table);
        count = stores->count;
    }
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = stores->entries[i];
        if (!utf8_valid(entry->path, strlen(entry->path))) {
            continue;
        }
        json_begin_object(&w, NULL);
        json_put_string(&w, "name", entry->name);
        json_put_string(&w, "path", entry->path);
        json_put_bool(&w, "filled", entry->filled);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    buffer_append_char(&text, '\n');
    int r = buffer_ok(&text);
    r = r == 0 ? whole_file_save(stores->state, RECORD_NAME, &text, &error) : r;
    if (r < 0) {
        log_event(LOG_LEVEL_WARNING, "stores_record_not_written", "reason=%s",
                  log_quote(quoted, sizeof quoted, error.message));
    }
}

/* ---- changes ---- */

static bool is_served(struct entry *entry)
{
    HOLD(&entry->stores->table);
    return entry->served;
}

static void log_change(struct entry *entry, const struct store_condition *condition)
{
    char path[1024];
    char reason[2 * sizeof condition->reason];
    (void)log_quote(path, sizeof path, entry->path);
    if (!condition->available) {
        if (entry->logged_available || strcmp(entry->logged_reason, condition->reason) != 0) {
            log_event(condition->detached ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "store_unavailable",
                      "store=%s path=%s reason=%s", entry->name, path,
                      log_quote(reason, sizeof reason, condition->reason));
        }
    } else if (!entry->logged_available) {
        log_event(LOG_LEVEL_INFO, "store_available", "store=%s path=%s filesystem=%016" PRIx64,
                  entry->name, path, condition->filesystem);
    } else if (entry->logged_generation > 0 && condition->generation != entry->logged_generation) {
        log_event(LOG_LEVEL_WARNING, "store_reopened",
                  "store=%s path=%s filesystem=%016" PRIx64
                  " reason=\"another %s stands at its path\"",
                  entry->name, path, condition->filesystem, entry->settings.backend->noun);
    }
    entry->logged_available = condition->available;
    entry->logged_generation = condition->generation;
    (void)stpcpy(entry->logged_reason, condition->reason);
}

static void changed(void *context, struct store *store)
{
    struct entry *entry = context;
    struct stores *stores = entry->stores;
    struct store_condition condition;
    store_condition(store, &condition);
    bool filled = place_is_filled(store);
    HOLD(&stores->lock);
    if (!condition.detached || is_served(entry)) {
        log_change(entry, &condition);
    }
    if (filled != entry->filled) {
        entry->filled = filled;
        write_record(stores);
    }
    if (condition.available && stores->available) {
        stores->available(stores->context);
    }
}

/* ---- the table ---- */

static void entry_free(struct entry *entry)
{
    store_close(entry->store);
    free(entry->exclude);
    store_settings_done(&entry->settings);
    free(entry->path);
    free(entry->name);
    free(entry);
}

/* Adds an entry that is not served yet. `record` is NULL if there is none. */
static int add(struct stores *stores, const struct config_store *config, const struct json *record,
               struct entry **ret_entry, struct error *error)
{
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry) {
        return error_memory(error, NULL);
    }
    entry->stores = stores;
    entry->logged_available = true;
    entry->name = strdup(config->name);
    entry->path = store_settings_spec(&config->settings);
    entry->exclude = strdup("");
    if (!entry->name || !entry->path || !entry->exclude ||
        store_settings_copy(&config->settings, &entry->settings) < 0) {
        entry_free(entry);
        return error_memory(error, NULL);
    }
    entry->filled = was_filled(record, entry);
    HOLD(&stores->table);
    if (stores->count == LIMIT_STORES) {
        entry_free(entry);
        return error_set(error, ERROR_TOO_LARGE,
                         "store '%s': situd has had %u stores since it was started: restart it",
                         config->name, LIMIT_STORES);
    }
    stores->entries[stores->count++] = entry;
    *ret_entry = entry;
    return 0;
}

/* Sets what the store excludes, from the configuration. */
static int set_exclude(struct entry *entry, const struct config_store *config, struct error *error)
{
    char *lines = NULL;
    if (asprintf(&lines, "%s%s", config->keeps_defaults ? "" : exclusion_default,
                 config->exclude ? config->exclude : "") < 0) {
        return error_memory(error, NULL);
    }
    HOLD(&entry->stores->table);
    free(entry->exclude);
    entry->exclude = lines;
    return 0;
}

static void set_served(struct entry *entry, bool served)
{
    HOLD(&entry->stores->table);
    entry->served = served;
}

static int open_place(struct entry *entry, struct error *error)
{
    struct place_options options = {.name = entry->name,
                                    .settings = &entry->settings,
                                    .filled = entry->filled,
                                    .changed = changed,
                                    .context = entry};
    return place_new(&options, &entry->store, error);
}

static int open_all(struct stores *stores, const struct config *config, struct error *error)
{
    cleanup_json struct json *record = NULL;
    struct entry *entry = NULL;
    int r = 0;
    read_record(stores, &record);
    /* All entries are added before the first store is opened: opening one may write the record of
     * all. */
    for (size_t i = 0; i < config->store_count && r == 0; i++) {
        r = add(stores, &config->stores[i], record, &entry, error);
    }
    for (size_t i = 0; i < config->store_count && r == 0; i++) {
        entry = stores->entries[i];
        set_served(entry, true);
        entry->is_taken = true; /* the caller does so after this */
        r = set_exclude(entry, &config->stores[i], error);
        r = r < 0 ? r : open_place(entry, error);
    }
    return r;
}

int stores_open(const struct config *config, struct stores **ret_stores, struct error *error)
{
    struct stores *stores = calloc(1, sizeof *stores);
    if (!stores) {
        return error_memory(error, NULL);
    }
    (void)pthread_mutex_init(&stores->lock, NULL);
    (void)pthread_mutex_init(&stores->table, NULL);
    stores->state = strdup(config->state);
    int r = stores->state ? open_all(stores, config, error) : error_memory(error, NULL);
    if (r < 0) {
        stores_close(stores);
        return r;
    }
    *ret_stores = stores;
    return 0;
}

void stores_close(struct stores *stores)
{
    if (!stores) {
        return;
    }
    for (size_t i = 0; i < stores->count; i++) {
        if (stores->entries[i]->store) {
            place_begin_end(stores->entries[i]->store);
        }
    }
    for (size_t i = 0; i < stores->count; i++) {
        entry_free(stores->entries[i]);
    }
    (void)pthread_mutex_destroy(&stores->table);
    (void)pthread_mutex_destroy(&stores->lock);
    free(stores->state);
    free(stores);
}

/* ---- another configuration ---- */

static int follow_settings(struct entry *entry, const struct store_settings *settings,
                           struct error *error)
{
    struct store_settings copy;
    cleanup_free char *path = store_settings_spec(settings);
    if (!path || store_settings_copy(settings, &copy) < 0) {
        return error_memory(error, NULL);
    }
    if (place_set_settings(entry->store, settings) < 0) {
        store_settings_done(&copy);
        return error_set(error, ERROR_UNAVAILABLE, "store '%s': its %s does not answer",
                         entry->name, entry->settings.backend->noun);
    }
    HOLD(&entry->stores->lock);
    store_settings_done(&entry->settings);
    entry->settings = copy;
    free(entry->path);
    entry->path = take_ptr(path);
    entry->filled = place_is_filled(entry->store);
    write_record(entry->stores);
    return 0;
}

/* A store that returns or moves is opened again, which is no event of its directory to be logged.
 */
static void forget_generation(struct entry *entry)
{
    HOLD(&entry->stores->lock);
    entry->logged_generation = 0;
}

/* Serves a store as the configuration describes it, whatever its previous state. */
static int serve(struct stores *stores, const struct config_store *config,
                 const struct stores_hooks *hooks, struct error *error)
{
    struct entry *entry = entry_of(stores, config->name);
    int r = entry ? 0 : add(stores, config, NULL, &entry, error);
    if (r < 0 || !entry) {
        return r;
    }
    bool is_new = !entry->store;
    bool was_served = is_served(entry);
    bool moved = !is_new && !store_settings_are_same(&entry->settings, &config->settings);
    if (!was_served || moved) {
        forget_generation(entry);
    }
    r = set_exclude(entry, config, error);
    if (r == 0 && is_new) {
        r = open_place(entry, error);
    } else if (r == 0 && moved) {
        r = follow_settings(entry, &config->settings, error);
    }
    if (r == 0 && !entry->is_taken) {
        r = hooks->added(hooks->context, entry->store, entry->name, error);
        entry->is_taken = r == 0;
    }
    if (r < 0) {
        return r;
    }
    set_served(entry, true);
    if (!was_served && !is_new) {
        (void)!place_attach(entry->store, false, NULL); /* its condition reports a failure */
    }
    if (!was_served || moved) {
        char path[1024];
        log_event(LOG_LEVEL_INFO, was_served ? "store_moved" : "store_added", "store=%s path=%s",
                  entry->name, log_quote(path, sizeof path, entry->path));
    }
    return 0;
}

static bool has(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->store_count; i++) {
        if (strcmp(config->stores[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

int stores_reload(struct stores *stores, const struct config *fresh,
                  const struct stores_hooks *hooks, struct error *error)
{
    int first = 0;
    char quoted[ERROR_MESSAGE_SIZE + 64];
    for (size_t i = 0; i < fresh->store_count; i++) {
        struct error fault = {.code = ERROR_NONE};
        int r = serve(stores, &fresh->stores[i], hooks, &fault);
        if (r < 0 && first < 0) {
            log_event(LOG_LEVEL_ERROR, "reload_failed", "part=stores reason=%s",
                      log_quote(quoted, sizeof quoted, fault.message));
        } else if (r < 0) {
            first = r;
            *error = fault;
        }
    }
    for (size_t i = 0; i < stores->count; i++) {
        struct entry *entry = stores->entries[i];
        if (is_served(entry) && !has(fresh, entry->name)) {
            set_served(entry, false);
            place_retire(entry->store, LIMIT_STOP_MS);
            log_event(LOG_LEVEL_INFO, "store_removed", "store=%s", entry->name);
        }
    }
    return first;
}

/* ---- looking ---- */

void stores_listen(struct stores *stores, void (*available)(void *context), void *context)
{
    HOLD(&stores->lock);
    stores->available = available;
    stores->context = context;
}

/* Names what the caller may know of and could have meant. */
static void refuse_name(struct stores *stores, const struct access *access, const char *name,
                        size_t length, struct error *error)
{
    char hint[NEAREST_HINT_SIZE];
    struct nearest nearest;
    nearest_init(&nearest, name, length);
    for (size_t i = 0; i < stores->count; i++) {
        if (stores->entries[i]->served && access_knows_store(access, stores->entries[i]->name)) {
            nearest_offer(&nearest, stores->entries[i]->name);
        }
    }
    (void)error_set(error, ERROR_NOT_FOUND,
                    "no store '%.*s'%s; `situ store list` tells which there are",
                    length < 80 ? (int)length : 80, name, nearest_hint(&nearest, hint));
}

struct store *stores_find_known(struct stores *stores, const struct access *access,
                                const char *name, size_t length, struct error *error)
{
    HOLD(&stores->table);
    for (size_t i = 0; i < stores->count; i++) {
        const struct entry *entry = stores->entries[i];
        if (entry->served && strlen(entry->name) == length &&
            memcmp(entry->name, name, length) == 0 && access_knows_store(access, entry->name)) {
            return entry->store;
        }
    }
    refuse_name(stores, access, name, length, error);
    return NULL;
}

struct store *stores_find(struct stores *stores, const char *name, size_t length,
                          struct error *error)
{
    return stores_find_known(stores, &ACCESS_ALL, name, length, error);
}

int stores_find_object(struct stores *stores, const struct access *access, const char *object,
                       struct store **ret_store, const char **ret_key, struct error *error)
{
    size_t length = 0;
    const char *key = key_in_object(object, &length);
    if (!key || length == 0) {
        return error_set(error, ERROR_MALFORMED, "'%.200s' is no object name: it must be STORE/KEY",
                         object);
    }
    struct store *store = stores_find_known(stores, access, object, length, error);
    if (!store) {
        return error_code_errno(ERROR_NOT_FOUND);
    }
    int r = key_check(key, error);
    if (r == 0) {
        *ret_store = store;
        *ret_key = key;
    }
    return r;
}

int stores_exclude(struct stores *stores, const char *name, char **ret_lines, struct error *error)
{
    *ret_lines = NULL;
    HOLD(&stores->table);
    for (size_t i = 0; i < stores->count; i++) {
        const struct entry *entry = stores->entries[i];
        if (strcmp(entry->name, name) == 0 && entry->exclude[0] != '\0') {
            *ret_lines = strdup(entry->exclude);
            return *ret_lines ? 0 : error_memory(error, NULL);
        }
    }
    return 0;
}

int stores_make_rules(struct stores *stores, const char *name, struct select_request *request,
                      struct select_rules *ret_rules, struct error *error)
{
    struct select_rules rules = {.sniff = request->sniff};
    int r = request->exclude_defaults ? stores_exclude(stores, name, &rules.defaults, error) : 0;
    if (r < 0) {
        return r;
    }
    rules.exclude = take_ptr(request->exclude);
    *ret_rules = rules;
    return 0;
}

bool stores_at(struct stores *stores, size_t index, const char **ret_name, struct store **ret_store)
{
    HOLD(&stores->table);
    if (index >= stores->count) {
        return false;
    }
    const struct entry *entry = stores->entries[index];
    *ret_name = entry->name;
    *ret_store = entry->served ? entry->store : NULL;
    return true;
}

/* ---- descriptions ---- */

static bool monitors(const struct access *access, const char *name)
{
    return access_prefix(access, RIGHT_METRICS, name, "") == ACCESS_GRANTED;
}

static void put_reason(struct json_writer *w, const struct access *access, const char *name,
                       const struct store_condition *condition)
{
    bool whole = access_knows_whole_store(access, name) || monitors(access, name);
    json_put_string(w, "reason", condition->available || !whole ? NULL : condition->reason);
}

void stores_put_json(struct json_writer *w, const struct access *access, const char *name,
                     struct store *store)
{
    struct store_condition condition;
    store_condition(store, &condition);
    json_begin_object(w, NULL);
    json_put_string(w, "name", name);
    json_put_string(w, "kind", store_kind(store));
    json_put_string(w, "state", condition.available ? "available" : "unavailable");
    put_reason(w, access, name, &condition);
    json_put_time(w, "since", condition.since_s);
    json_end_object(w);
}

/* The store at `index`, NULL where the caller may not know of it. False behind the last. */
static bool shown_at(const struct stores_view *view, size_t index, const char **ret_name,
                     struct store **ret_store)
{
    if (!stores_at(view->stores, index, ret_name, ret_store)) {
        return false;
    }
    if (!monitors(view->access, *ret_name) && !access_knows_store(view->access, *ret_name)) {
        *ret_store = NULL;
    }
    return true;
}

void stores_write_degraded(void *view, struct json_writer *w)
{
    const struct stores_view *own = view;
    const char *name = NULL;
    struct store *store = NULL;
    json_begin_array(w, "degraded");
    for (size_t i = 0; shown_at(own, i, &name, &store); i++) {
        struct store_condition condition = {.available = true};
        if (store) {
            store_condition(store, &condition);
        }
        if (condition.available) {
            continue;
        }
        json_begin_object(w, NULL);
        json_put_string(w, "store", name);
        put_reason(w, own->access, name, &condition);
        json_put_time(w, "since", condition.since_s);
        json_end_object(w);
    }
    json_end_array(w);
}

void stores_write_metrics(void *view, struct buffer *out)
{
    const char *name = NULL;
    struct store *store = NULL;
    unsigned counts[2] = {0, 0};
    metric_begin(out, "situ_store_available", "gauge", "Whether a store can be served");
    for (size_t i = 0; shown_at(view, i, &name, &store); i++) {
        struct store_condition condition;
        if (store) {
            store_condition(store, &condition);
            counts[condition.available ? 1 : 0]++;
            buffer_printf(out, "situ_store_available{store=\"%s\"} %d\n", name,
                          condition.available ? 1 : 0);
        }
    }
    metric_begin(out, "situ_stores", "gauge", "Stores by state");
    buffer_printf(out,
                  "situ_stores{state=\"available\"} %u\n"
                  "situ_stores{state=\"unavailable\"} %u\n",
                  counts[1], counts[0]);
}
