/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of models, and their directories in the state directory: models/NAME/VERSION/, with new
 * packages built up in models/.new-*, synced and renamed into place.
 */
#include "infer/models.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/name.h"
#include "base/nearest.h"
#include "base/tree.h"
#include "base/whole_file.h"

/* Listeners look models up: `lock` is never held over input or output. A thread that adds or
 * removes one holds `changing` during that. */
struct models {
    pthread_mutex_t changing; /* guards the state directory's names and changes of the table */
    pthread_mutex_t lock;     /* guards all below */
    char *directory;          /* owned, constant; NULL: models cannot be added */
    struct model **all;       /* owned, each with a reference; sorted by name and version */
    size_t count;
    size_t capacity;
};

static char *join(const char *directory, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

struct model *model_ref(struct model *model)
{
    atomic_fetch_add(&model->references, 1);
    return model;
}

void model_unref(struct model *model)
{
    if (!model) {
        return;
    }
    /* Read before: with its reference gone, the model may be, too. */
    bool removed = atomic_load(&model->removed);
    void (*released)(void *context) = removed ? model->released : NULL;
    void *context = removed ? model->released_context : NULL;
    unsigned before = atomic_fetch_sub(&model->references, 1);
    if (before == 2 && released) {
        released(context);
    }
    if (before == 1) {
        model_spec_free(model->spec);
        worker_facts_done(&model->runtime.facts);
        free(model->path);
        free(model);
    }
}

static int compare(const struct model *a, const char *name, const char *version)
{
    int order = strcmp(a->name, name);
    if (order == 0) { /* versions are numbers as far as we make them */
        long left = strtol(a->version, NULL, 10);
        long right = strtol(version, NULL, 10);
        order = left != right ? (left > right) - (left < right) : strcmp(a->version, version);
    }
    return order;
}

static size_t place_of(const struct models *models, const char *name, const char *version)
{
    size_t place = 0;
    while (place < models->count && compare(models->all[place], name, version) < 0) {
        place++;
    }
    return place;
}

/* Makes room for one more and checks that it may be added: insert() then cannot fail. */
static int reserve(struct models *models, const char *name, const char *version,
                   struct error *error)
{
    if (models->count == LIMIT_MODELS) {
        return error_set(error, ERROR_TOO_LARGE, "there are %u models already; remove one first",
                         LIMIT_MODELS);
    }
    size_t place = place_of(models, name, version);
    if (place < models->count && compare(models->all[place], name, version) == 0) {
        return error_set(error, ERROR_CONFLICT, "model '%s' version %s is there already", name,
                         version);
    }
    if (models->count == models->capacity) {
        size_t capacity = models->capacity ? models->capacity * 2 : 16;
        struct model **all = realloc(models->all, capacity * sizeof(struct model *));
        if (!all) {
            return error_memory(error, NULL);
        }
        models->all = all;
        models->capacity = capacity;
    }
    return 0;
}

static void insert(struct models *models, struct model *model)
{
    size_t place = place_of(models, model->name, model->version);
    memmove(models->all + place + 1, models->all + place,
            (models->count - place) * sizeof(struct model *));
    models->all[place] = model;
    models->count++;
}

static void take_out(struct models *models, size_t place)
{
    memmove(models->all + place, models->all + place + 1,
            (models->count - place - 1) * sizeof(struct model *));
    models->count--;
}

static struct model *model_new(const char *name, const char *version, const char *path)
{
    struct model *model = calloc(1, sizeof *model);
    if (!model) {
        return NULL;
    }
    model->path = strdup(path);
    if (!model->path) {
        free(model);
        return NULL;
    }
    atomic_store(&model->references, 1);
    (void)snprintf(model->name, sizeof model->name, "%s", name);
    (void)snprintf(model->version, sizeof model->version, "%s", version);
    return model;
}

int models_new(const char *state_directory, struct models **ret_models, struct error *error)
{
    struct models *models = calloc(1, sizeof *models);
    if (!models) {
        return error_memory(error, NULL);
    }
    (void)pthread_mutex_init(&models->changing, NULL);
    (void)pthread_mutex_init(&models->lock, NULL);
    if (state_directory) {
        models->directory = join(state_directory, "models");
        if (!models->directory || (mkdir(models->directory, 0700) < 0 && errno != EEXIST)) {
            char text[64];
            int r = error_set(error, ERROR_IO, "cannot make %s/models: %s", state_directory,
                              error_text(errno, text, sizeof text));
            models_free(models);
            return r;
        }
    }
    *ret_models = models;
    return 0;
}

void models_free(struct models *models)
{
    if (!models) {
        return;
    }
    for (size_t i = 0; i < models->count; i++) {
        model_unref(models->all[i]);
    }
    free(models->all);
    free(models->directory);
    (void)pthread_mutex_destroy(&models->lock);
    (void)pthread_mutex_destroy(&models->changing);
    free(models);
}

/* ---- scanning ---- */

/* Each thread has a stream of its own. */
static struct dirent *next_entry(DIR *stream)
{
    return readdir(stream); // NOLINT(concurrency-mt-unsafe): safe but for one stream in two threads
}

static bool has_onnx(const char *directory)
{
    DIR *stream = opendir(directory);
    bool found = false;
    if (!stream) {
        return false;
    }
    for (struct dirent *entry = NULL; !found && (entry = next_entry(stream));) {
        const char *dot = strrchr(entry->d_name, '.');
        found = dot && strcmp(dot, ".onnx") == 0;
    }
    (void)closedir(stream);
    if (!found) {
        char *inner = join(directory, "onnx/model.onnx");
        found = inner && access(inner, F_OK) == 0;
        free(inner);
    }
    return found;
}

static bool is_full(struct models *models)
{
    HOLD(&models->lock);
    return models->count == LIMIT_MODELS;
}

static int take_in(struct models *models, const char *name, const char *version, const char *path,
                   bool removable, struct error *error)
{
    struct error reason;
    char quoted[ERROR_MESSAGE_SIZE];
    if (name_check(name, "a model name", &reason) <
        0) { /* one bad directory must not stop the others */
        log_event(LOG_LEVEL_ERROR, "model_unusable", "path=%s reason=%s", path,
                  log_quote(quoted, sizeof quoted, reason.message));
        return 0;
    }
    if (is_full(models)) {
        log_event(LOG_LEVEL_ERROR, "model_left_out", "model=%s version=%s path=%s limit=%u", name,
                  version, path, LIMIT_MODELS);
        return 0;
    }
    struct model *model = model_new(name, version, path);
    if (!model) {
        return error_memory(error, NULL);
    }
    model->removable = removable;
    if (model_package_read(path, NULL, &model->spec, &model->broken) < 0) {
        log_event(LOG_LEVEL_ERROR, "model_unusable", "model=%s version=%s path=%s reason=%s", name,
                  version, path, log_quote(quoted, sizeof quoted, model->broken.message));
    }
    HOLD(&models->lock);
    int r = reserve(models, name, version, error);
    if (r == 0) {
        insert(models, model);
    } else if (r == -EEXIST) { /* the one found first stays */
        log_event(LOG_LEVEL_ERROR, "model_twice", "model=%s version=%s path=%s", name, version,
                  path);
        r = 0;
        model_unref(model);
    } else {
        model_unref(model);
    }
    return r;
}

static bool is_hidden(const struct dirent *entry)
{
    return entry->d_name[0] == '.';
}

/* NAME/ is a package, or holds VERSION/ directories. */
static int scan_name(struct models *models, const char *directory, const char *name, bool removable,
                     struct error *error)
{
    cleanup_free char *path = join(directory, name);
    if (!path) {
        return error_memory(error, NULL);
    }
    struct stat status;
    if (stat(path, &status) < 0 || !S_ISDIR(status.st_mode)) {
        return 0;
    }
    if (has_onnx(path)) {
        return take_in(models, name, "1", path, removable, error);
    }
    DIR *stream = opendir(path);
    int r = 0;
    if (!stream) {
        return 0;
    }
    for (struct dirent *entry = NULL; r == 0 && (entry = next_entry(stream));) {
        if (is_hidden(entry) || strlen(entry->d_name) >= MODEL_VERSION_SIZE) {
            continue;
        }
        char *inner = join(path, entry->d_name);
        if (inner && has_onnx(inner)) {
            r = take_in(models, name, entry->d_name, inner, removable, error);
        }
        free(inner);
    }
    (void)closedir(stream);
    return r;
}

/* Left by an addition that was interrupted. */
static void remove_leftover(const char *directory, const char *name)
{
    cleanup_free char *path = join(directory, name);
    if (path) {
        tree_remove(path);
    }
}

int models_scan(struct models *models, const char *directory, bool removable, struct error *error)
{
    cleanup_free char *real = realpath(directory, NULL);
    struct dirent **entries = NULL;
    /* In the order of names: where there are too many, each start leaves the same ones out. */
    int count = real ? scandir(real, &entries, NULL, alphasort) : -1;
    char text[64];
    if (count < 0) {
        return error_set(error, ERROR_NOT_FOUND, "model directory %s: %s", directory,
                         error_text(errno, text, sizeof text));
    }
    int r = 0;
    bool is_package = has_onnx(real);
    if (is_package) {
        r = take_in(models, strrchr(real, '/') + 1, "1", real, removable, error);
    }
    for (int i = 0; i < count; i++) {
        bool wanted = !is_package && r == 0;
        if (wanted && removable && strncmp(entries[i]->d_name, ".new-", 5) == 0) {
            remove_leftover(real, entries[i]->d_name);
        } else if (wanted && !is_hidden(entries[i])) {
            r = scan_name(models, real, entries[i]->d_name, removable, error);
        }
        free(entries[i]);
    }
    free(entries);
    return r;
}

/* ---- looking up ---- */

static bool is_named(const struct model *model, const char *name, const char *version)
{
    return strcmp(model->name, name) == 0 &&
           (!version || !*version || strcmp(model->version, version) == 0);
}

/* Suggests a similar name where there is one. Under the lock. */
static int no_such_model(const struct models *models, const char *name, const char *version,
                         struct error *error)
{
    char hint[NEAREST_HINT_SIZE];
    struct nearest nearest;
    bool other_version = false;
    nearest_init(&nearest, name, strlen(name));
    for (size_t i = 0; i < models->count; i++) {
        other_version |= is_named(models->all[i], name, NULL);
        nearest_offer(&nearest, models->all[i]->name);
    }
    if (version && *version) {
        return error_set(error, ERROR_NOT_FOUND, "no model '%.64s' of version %.16s%s", name,
                         version, other_version ? "" : nearest_hint(&nearest, hint));
    }
    return error_set(error, ERROR_NOT_FOUND,
                     "no model '%.64s'%s; `situ model list` tells which there are", name,
                     nearest_hint(&nearest, hint));
}

struct model *models_get(struct models *models, const char *name, const char *version,
                         struct error *error)
{
    HOLD(&models->lock);
    struct model *found = NULL;
    for (size_t i = 0; i < models->count; i++) {
        struct model *model = models->all[i];
        if (is_named(model, name, version)) {
            found = model; /* the last one is the newest */
        }
    }
    if (!found) {
        (void)no_such_model(models, name, version, error);
        return NULL;
    }
    return model_ref(found);
}

static bool is_package(const struct model *model, const char *digest)
{
    char own[MODEL_DIGEST_HEX];
    if (!model->spec) {
        return false;
    }
    model_digest_hex(model->spec->digest, own);
    return strcmp(own, digest) == 0;
}

struct model *models_get_pinned(struct models *models, const char *name, const char *version,
                                const char *digest, struct error *error)
{
    HOLD(&models->lock);
    struct model *found = NULL;
    for (size_t i = 0; i < models->count; i++) {
        struct model *model = models->all[i];
        if (is_named(model, name, NULL) && is_package(model, digest) &&
            (!found || strcmp(model->version, version) == 0)) {
            found = model;
        }
    }
    if (!found) {
        (void)error_set(error, ERROR_NOT_FOUND,
                        "model '%.64s' version %.16s (digest %.12s...) is gone: add the same "
                        "package again, or go on with another model",
                        name, version, digest);
        return NULL;
    }
    return model_ref(found);
}

int models_list(struct models *models, struct model ***ret_models, size_t *ret_count)
{
    HOLD(&models->lock);
    struct model **list = calloc(models->count + 1, sizeof(struct model *));
    if (!list) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < models->count; i++) {
        list[i] = model_ref(models->all[i]);
    }
    *ret_models = list;
    *ret_count = models->count;
    return 0;
}

void models_write_requests(struct models *models, struct buffer *out)
{
    struct model **all = NULL;
    size_t count = 0;
    if (models_list(models, &all, &count) < 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        char name[LIMIT_MODEL_NAME + MODEL_VERSION_SIZE + 2];
        (void)snprintf(name, sizeof name, "%s@%s", all[i]->name, all[i]->version);
        metrics_write_statuses(&all[i]->requests, name, out);
        model_unref(all[i]);
    }
    free(all);
}

/* ---- adding and removing ---- */

static int state_error(struct error *error, const char *what, const char *path)
{
    return error_io(error, errno, "cannot %s %s", what, error_file(path));
}

int models_add_prepare(struct models *models, const char *name, char **ret_directory,
                       struct error *error)
{
    int r = name_check(name, "a model name", error);
    if (r < 0) {
        return r;
    }
    if (!models->directory) {
        return error_set(error, ERROR_UNAVAILABLE,
                         "models cannot be added: situd runs without a state directory");
    }
    cleanup_free char *path = join(models->directory, ".new-XXXXXX");
    if (!path) {
        return error_memory(error, NULL);
    }
    if (!mkdtemp(path)) {
        return state_error(error, "make", path);
    }
    *ret_directory = take_ptr(path);
    return 0;
}

int models_add_read(struct models *models, const char *name, const char *directory,
                    const char *preset, struct model **ret_model, struct error *error)
{
    (void)models;
    struct model *model = model_new(name, "new", directory);
    if (!model) {
        return error_memory(error, NULL);
    }
    model->removable = true;
    int r = model_package_read(directory, preset, &model->spec, error);
    if (r < 0) {
        model_unref(model);
        return r;
    }
    *ret_model = model;
    return 0;
}

static long newest_version(const struct models *models, const char *name)
{
    long newest = 0;
    for (size_t i = 0; i < models->count; i++) {
        long version = strtol(models->all[i]->version, NULL, 10);
        if (strcmp(models->all[i]->name, name) == 0 && version > newest) {
            newest = version;
        }
    }
    return newest;
}

/* The version that comes after the newest one, with room for it in the table. */
static int next_version(struct models *models, const char *name, char version[MODEL_VERSION_SIZE],
                        struct error *error)
{
    HOLD(&models->lock);
    (void)snprintf(version, MODEL_VERSION_SIZE, "%ld", newest_version(models, name) + 1);
    return reserve(models, name, version, error);
}

/* Renames the package into place; back again if that cannot be made durable. */
static int move_in(const struct models *models, const struct model *model, const char *parent,
                   const char *path, struct error *error)
{
    if (mkdir(parent, 0700) < 0 && errno != EEXIST) {
        return state_error(error, "make", parent);
    }
    if (rename(model->path, path) < 0) {
        return state_error(error, "rename into", path);
    }
    if (whole_file_sync_names(parent) < 0 || whole_file_sync_names(models->directory) < 0) {
        int r = state_error(error, "sync", path);
        (void)rename(path, model->path);
        return r;
    }
    return 0;
}

int models_add_publish(struct models *models, struct model *model, struct error *error)
{
    HOLD(&models->changing);
    char version[MODEL_VERSION_SIZE];
    int r = next_version(models, model->name, version, error);
    if (r < 0) {
        return r;
    }
    cleanup_free char *parent = join(models->directory, model->name);
    cleanup_free char *path = parent ? join(parent, version) : NULL;
    if (!path) {
        return error_memory(error, NULL);
    }
    r = move_in(models, model, parent, path, error);
    if (r < 0) {
        (void)rmdir(parent);
        return r;
    }
    HOLD(&models->lock);
    memcpy(model->version, version, sizeof version);
    free(model->path);
    model->path = take_ptr(path);
    insert(models, model); /* there is room: no other thread changes the table meanwhile */
    return 0;
}

void models_add_discard(const char *directory)
{
    tree_remove(directory);
}

/* Takes every version that is named out of the table, or none. The caller has their references, and
 * frees the array. */
static int take_named(struct models *models, const char *name, const char *version,
                      struct model ***ret_taken, size_t *ret_count, struct error *error)
{
    HOLD(&models->lock);
    for (size_t i = 0; i < models->count; i++) {
        if (is_named(models->all[i], name, version) && !models->all[i]->removable) {
            return error_set(error, ERROR_CONFLICT,
                             "model '%s' lies in a directory given by --models: remove it there",
                             name);
        }
    }
    struct model **taken = calloc(models->count + 1, sizeof(struct model *));
    if (!taken) {
        return error_memory(error, NULL);
    }
    size_t count = 0;
    for (size_t i = models->count; i-- > 0;) {
        if (is_named(models->all[i], name, version)) {
            taken[count++] = models->all[i];
            take_out(models, i);
        }
    }
    *ret_taken = taken;
    *ret_count = count;
    return 0;
}

int models_remove(struct models *models, const char *name, const char *version,
                  struct model ***ret_removed, size_t *ret_count, struct error *error)
{
    HOLD(&models->changing);
    cleanup_free struct model **taken = NULL;
    size_t count = 0;
    int r = take_named(models, name, version, &taken, &count, error);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < count; i++) {
        tree_remove(taken[i]->path); /* which a load may be reading: the path stays as it is */
        cleanup_free char *parent = join(models->directory, name);
        if (parent) { /* the name's directory, if that was its last version */
            (void)rmdir(parent);
        }
    }
    if (count == 0) {
        HOLD(&models->lock);
        return no_such_model(models, name, version, error);
    }
    *ret_removed = take_ptr(taken);
    *ret_count = count;
    return 0;
}
