/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of stores. It is made before anything else runs and constant afterwards; what changes
 * is guarded by each store itself, and by the lock over what was told and written.
 */
#include "daemon/stores.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "base/whole_file.h"
#include "store/exclusion.h"
#include "store/place.h"
#include "wire/json.h"

enum { FORMAT = 1 };

#define RECORD_NAME "stores.json"

struct entry {
    struct stores *stores; /* borrowed */
    const char *name;      /* borrowed from the configuration, as is `path` */
    const char *path;
    char *exclude;       /* owned; patterns, one a line; NULL: none */
    struct store *store; /* owned */
    bool filled;         /* as written; guarded by the lock, as all below */
    bool told_available; /* in the log */
    uint64_t told_generation;
    char told_reason[256];
};

struct stores {
    struct entry entries[CONFIG_LIST_MAX];
    size_t count;
    const char *state; /* borrowed from the configuration */

    pthread_mutex_t lock; /* held over the writing of the record, and over the call of: */
    void (*available)(void *context);
    void *context;
};

/* ---- the record ---- */

static void read_record(struct stores *stores)
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
    if (r < 0) { /* without it an empty store is one that was never filled */
        log_event(LOG_LEVEL_WARNING, "stores_record_damaged", "reason=%s",
                  log_quote(quoted, sizeof quoted, error.message));
        return;
    }
    const struct json *list = json_member(root, "stores");
    for (size_t i = 0; i < json_length(list); i++) {
        const struct json *node = json_element(list, i);
        const char *name = json_get_string(json_member(node, "name"), "");
        const char *path = json_get_string(json_member(node, "path"), "");
        for (size_t at = 0; at < stores->count; at++) {
            struct entry *entry = &stores->entries[at];
            if (strcmp(entry->name, name) == 0 && strcmp(entry->path, path) == 0) {
                entry->filled = json_get_bool(json_member(node, "filled"), false);
            }
        }
    }
}

static void write_record(struct stores *stores)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    struct error error = {.code = ERROR_NONE};
    char quoted[ERROR_MESSAGE_SIZE];
    const char *comma = "";
    buffer_printf(&text, "{\"format\":%d,\"stores\":[", FORMAT);
    for (size_t i = 0; i < stores->count; i++) {
        const struct entry *entry = &stores->entries[i];
        if (!utf8_valid(entry->path, strlen(entry->path))) {
            continue;
        }
        buffer_printf(&text, "%s{\"name\":", comma);
        json_write_string(&text, entry->name);
        buffer_append_text(&text, ",\"path\":");
        json_write_string(&text, entry->path);
        buffer_printf(&text, ",\"filled\":%s}", entry->filled ? "true" : "false");
        comma = ",";
    }
    buffer_append_text(&text, "]}\n");
    int r = buffer_ok(&text);
    r = r == 0 ? whole_file_save(stores->state, RECORD_NAME, &text, &error) : r;
    if (r < 0) {
        log_event(LOG_LEVEL_WARNING, "stores_record_not_written", "reason=%s",
                  log_quote(quoted, sizeof quoted, error.message));
    }
}

/* ---- changes ---- */

static void log_change(struct entry *entry, const struct store_condition *condition)
{
    char path[1024];
    char reason[2 * sizeof condition->reason];
    (void)log_quote(path, sizeof path, entry->path);
    if (!condition->available) {
        if (entry->told_available || strcmp(entry->told_reason, condition->reason) != 0) {
            log_event(condition->detached ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "store_unavailable",
                      "store=%s path=%s reason=%s", entry->name, path,
                      log_quote(reason, sizeof reason, condition->reason));
        }
    } else if (!entry->told_available) {
        log_event(LOG_LEVEL_INFO, "store_available", "store=%s path=%s filesystem=%016" PRIx64,
                  entry->name, path, condition->filesystem);
    } else if (entry->told_generation > 0 && condition->generation != entry->told_generation) {
        log_event(LOG_LEVEL_WARNING, "store_reopened",
                  "store=%s path=%s filesystem=%016" PRIx64
                  " reason=\"another directory stands at its path\"",
                  entry->name, path, condition->filesystem);
    }
    entry->told_available = condition->available;
    entry->told_generation = condition->generation;
    (void)stpcpy(entry->told_reason, condition->reason);
}

static void changed(void *context, struct store *store)
{
    struct entry *entry = context;
    struct stores *stores = entry->stores;
    struct store_condition condition;
    store_condition(store, &condition);
    bool filled = place_is_filled(store);
    HOLD(&stores->lock);
    log_change(entry, &condition);
    if (filled != entry->filled) {
        entry->filled = filled;
        write_record(stores);
    }
    if (condition.available && stores->available) {
        stores->available(stores->context);
    }
}

/* ---- the table ---- */

int stores_open(const struct config *config, struct stores **ret_stores, struct error *error)
{
    struct stores *stores = calloc(1, sizeof *stores);
    if (!stores) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    (void)pthread_mutex_init(&stores->lock, NULL);
    stores->state = config->state;
    stores->count = config->store_count;
    for (size_t i = 0; i < stores->count; i++) {
        stores->entries[i] = (struct entry){.stores = stores,
                                            .name = config->stores[i].name,
                                            .path = config->stores[i].path,
                                            .told_available = true};
    }
    for (size_t i = 0; i < stores->count; i++) {
        const struct config_store *store = &config->stores[i];
        const char *defaults = store->keeps_defaults ? "" : exclusion_default;
        if (asprintf(&stores->entries[i].exclude, "%s%s", defaults,
                     store->exclude ? store->exclude : "") < 0) {
            stores->entries[i].exclude = NULL;
            stores_close(stores);
            return error_set(error, ERROR_MEMORY, "out of memory");
        }
    }
    read_record(stores);
    for (size_t i = 0; i < stores->count; i++) {
        struct entry *entry = &stores->entries[i];
        struct place_options options = {.name = entry->name,
                                        .path = entry->path,
                                        .filled = entry->filled,
                                        .changed = changed,
                                        .context = entry};
        int r = place_new(&options, &entry->store, error);
        if (r < 0) {
            stores_close(stores);
            return r;
        }
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
        store_free(stores->entries[i].store);
        free(stores->entries[i].exclude);
    }
    (void)pthread_mutex_destroy(&stores->lock);
    free(stores);
}

void stores_listen(struct stores *stores, void (*available)(void *context), void *context)
{
    HOLD(&stores->lock);
    stores->available = available;
    stores->context = context;
}

struct store *stores_find(struct stores *stores, const char *name, size_t length,
                          struct error *error)
{
    for (size_t i = 0; i < stores->count; i++) {
        const struct entry *entry = &stores->entries[i];
        if (strlen(entry->name) == length && memcmp(entry->name, name, length) == 0) {
            return entry->store;
        }
    }
    char hint[NEAREST_HINT_SIZE];
    struct nearest nearest;
    nearest_init(&nearest, name, length);
    for (size_t i = 0; i < stores->count; i++) {
        nearest_offer(&nearest, stores->entries[i].name);
    }
    (void)error_set(error, ERROR_NOT_FOUND,
                    "no store '%.*s'%s; `situ store list` tells which there are",
                    length < 80 ? (int)length : 80, name, nearest_hint(&nearest, hint));
    return NULL;
}

int stores_exclude(const struct stores *stores, const char *name, char **ret_lines,
                   struct error *error)
{
    *ret_lines = NULL;
    for (size_t i = 0; i < stores->count; i++) {
        const struct entry *entry = &stores->entries[i];
        if (strcmp(entry->name, name) == 0 && entry->exclude[0] != '\0') {
            *ret_lines = strdup(entry->exclude);
            return *ret_lines ? 0 : error_set(error, ERROR_MEMORY, "out of memory");
        }
    }
    return 0;
}

int stores_make_rules(const struct stores *stores, const char *name, struct select_request *request,
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

size_t stores_count(const struct stores *stores)
{
    return stores->count;
}

struct store *stores_at(const struct stores *stores, size_t index, const char **ret_name)
{
    *ret_name = stores->entries[index].name;
    return stores->entries[index].store;
}

/* ---- what is told ---- */

static void write_time(struct buffer *out, int64_t seconds)
{
    char text[40];
    time_t when = (time_t)seconds;
    struct tm parts;
    if (seconds != 0 && gmtime_r(&when, &parts) &&
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) > 0) {
        buffer_printf(out, "\"%s\"", text);
    } else {
        buffer_append_text(out, "null");
    }
}

void stores_write_one(struct buffer *out, const char *name, struct store *store)
{
    struct store_condition condition;
    store_condition(store, &condition);
    buffer_append_text(out, "{\"name\":");
    json_write_string(out, name);
    buffer_printf(out, ",\"kind\":\"%s\",\"state\":\"%s\",\"reason\":", store->ops->kind,
                  condition.available ? "available" : "unavailable");
    if (condition.available) {
        buffer_append_text(out, "null");
    } else {
        json_write_string(out, condition.reason);
    }
    buffer_append_text(out, ",\"since\":");
    write_time(out, condition.since_s);
    buffer_append_char(out, '}');
}

void stores_write_degraded(struct buffer *out, const struct stores *stores)
{
    const char *comma = "";
    buffer_append_char(out, '[');
    for (size_t i = 0; i < stores->count; i++) {
        const struct entry *entry = &stores->entries[i];
        struct store_condition condition;
        store_condition(entry->store, &condition);
        if (condition.available) {
            continue;
        }
        buffer_printf(out, "%s{\"store\":", comma);
        json_write_string(out, entry->name);
        buffer_append_text(out, ",\"reason\":");
        json_write_string(out, condition.reason);
        buffer_append_text(out, ",\"since\":");
        write_time(out, condition.since_s);
        buffer_append_char(out, '}');
        comma = ",";
    }
    buffer_append_char(out, ']');
}

void stores_write_metrics(struct buffer *out, const struct stores *stores)
{
    size_t available = 0;
    buffer_append_text(out, "# HELP situ_store_available Whether a store can be served\n"
                            "# TYPE situ_store_available gauge\n");
    for (size_t i = 0; i < stores->count; i++) {
        struct store_condition condition;
        store_condition(stores->entries[i].store, &condition);
        available += condition.available;
        buffer_printf(out, "situ_store_available{store=\"%s\"} %d\n", stores->entries[i].name,
                      condition.available ? 1 : 0);
    }
    buffer_printf(out,
                  "# HELP situ_stores Stores by state\n# TYPE situ_stores gauge\n"
                  "situ_stores{state=\"available\"} %zu\nsitu_stores{state=\"unavailable\"} %zu\n",
                  available, stores->count - available);
}
