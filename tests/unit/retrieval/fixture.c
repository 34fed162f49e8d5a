/* SPDX-License-Identifier: Apache-2.0
 *
 * Indexes under test: see fixture.h. Nothing here starts a thread, so that a closed fixture may be
 * forked.
 */
#include "fixture.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/tree.h"
#include "data/result.h"
#include "store/mem/mem.h"

enum { STEP_MS = 5, VECTOR_ROOM = 2 * FIXTURE_DIMENSION + 1 };

/* ---- the store ---- */

static bool is_hidden(struct shelf *shelf, const char *key)
{
    HOLD(&shelf->lock);
    for (size_t i = 0; i < shelf->hidden_count; i++) {
        if (strcmp(shelf->hidden[i], key) == 0) {
            return true;
        }
    }
    return false;
}

static int shelf_list(struct store *store, const struct store_list_query *query,
                      struct store_page *ret_page, struct error *error)
{
    struct shelf *shelf = (struct shelf *)(void *)store;
    int r = store_list(shelf->mem, query, ret_page, error);
    if (r == 0) {
        size_t kept = 0;
        for (size_t i = 0; i < ret_page->count; i++) {
            if (!is_hidden(shelf, ret_page->entries[i].key)) {
                ret_page->entries[kept++] = ret_page->entries[i];
            }
        }
        ret_page->count = kept;
    }
    return r;
}

static int shelf_stat(struct store *store, const char *key, struct object_state *ret_state,
                      struct error *error)
{
    struct shelf *shelf = (struct shelf *)(void *)store;
    if (is_hidden(shelf, key)) {
        return error_set(error, ERROR_NOT_FOUND, "object '%s' is not in the store", key);
    }
    return store_stat(shelf->mem, key, ret_state, error);
}

static void shelf_close(struct store *store)
{
    struct shelf *shelf = (struct shelf *)(void *)store;
    store_close(shelf->mem);
    (void)pthread_mutex_destroy(&shelf->lock);
    free(shelf);
}

static const struct store_backend shelf_backend = {
    .name = "shelf", .list = shelf_list, .stat = shelf_stat, .close = shelf_close};

void fixture_put(struct fixture *fixture, const char *key, size_t size)
{
    struct shelf *shelf = fixture->shelf;
    char *bytes = calloc(size + 1, 1);
    assert_non_null(bytes);
    assert_int_equal(store_mem_put(shelf->mem, key, bytes, size), 0);
    free(bytes);
    HOLD(&shelf->lock);
    for (size_t i = 0; i < shelf->hidden_count; i++) {
        if (strcmp(shelf->hidden[i], key) == 0) {
            memcpy(shelf->hidden[i], shelf->hidden[--shelf->hidden_count], sizeof shelf->hidden[i]);
        }
    }
}

void fixture_fill(struct fixture *fixture, const char *prefix, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char key[64];
        (void)snprintf(key, sizeof key, "%s%05u%s.jpg", prefix, i, i % 11 == 5 ? "bad" : "");
        fixture_put(fixture, key, 1 + i % 97);
    }
}

void fixture_hide(struct fixture *fixture, const char *key)
{
    HOLD(&fixture->shelf->lock);
    assert_true(fixture->shelf->hidden_count < FIXTURE_HIDDEN);
    (void)snprintf(fixture->shelf->hidden[fixture->shelf->hidden_count++], 48, "%s", key);
}

/* ---- the model ---- */

uint32_t fixture_vector(const char *model, const char *key, size_t size, float *vector)
{
    bool second = strcmp(model, "m2") == 0;
    uint32_t dimension = second ? 2 * FIXTURE_DIMENSION : FIXTURE_DIMENSION;
    uint32_t bits = (uint32_t)size * 2654435761u + (second ? 77 : 7);
    double sum = 0;
    dimension += strstr(key, "wide") != NULL;
    for (const char *at = key; *at != '\0'; at++) {
        bits = (bits ^ (unsigned char)*at) * 16777619u;
    }
    for (uint32_t i = 0; i < dimension; i++) {
        bits = bits * 1664525u + 1013904223u;
        vector[i] = (float)(bits >> 8) / (float)(1 << 24) - 0.5F;
        sum += (double)vector[i] * (double)vector[i];
    }
    for (uint32_t i = 0; i < dimension; i++) {
        vector[i] = (float)((double)vector[i] / sqrt(sum));
    }
    return dimension;
}

static int host_embed(void *context, const struct retrieval_embed_request *asked,
                      float **ret_vector, uint32_t *ret_dimension, struct error *error)
{
    struct fixture *fixture = context;
    const char *object = asked->object;
    struct object_state state;
    unsigned fail = atomic_load(&fixture->embed_fail);
    atomic_fetch_add(&fixture->embedded, 1);
    while (atomic_load(&fixture->embed_waits)) {
        if (asked->is_given_up(asked->owner)) {
            return error_set(error, ERROR_CANCELLED, "given up");
        }
        fixture_sleep_ms(STEP_MS);
    }
    if (fail > 0) {
        atomic_store(&fixture->embed_fail, fail - 1);
        return error_set(error, ERROR_UNAVAILABLE, "the worker is gone");
    }
    if (strncmp(object, "s/", 2) != 0) {
        return error_set(error, ERROR_NOT_FOUND, "no store of '%s'", object);
    }
    int r = store_stat(&fixture->shelf->base, object + 2, &state, error);
    if (r < 0) {
        return r;
    }
    float *vector = malloc(VECTOR_ROOM * sizeof *vector);
    assert_non_null(vector);
    *ret_dimension =
        fixture_vector(asked->spec->model, object + 2, (size_t)state.size_bytes, vector);
    *ret_vector = vector;
    return 0;
}

/* ---- jobs ---- */

struct jobs_run {
    struct fixture *fixture;
    char model[LIMIT_MODEL_NAME + 1];
    bool binary;
};

static int host_pin(void *context, const char *model, const char *version,
                    char ret_version[JOB_VERSION_SIZE], char ret_digest[JOB_DIGEST_SIZE],
                    struct error *error)
{
    (void)context;
    if (strcmp(model, "none") == 0) {
        return error_set(error, ERROR_NOT_FOUND, "no model '%s'", model);
    }
    (void)snprintf(ret_version, JOB_VERSION_SIZE, "%s", version[0] != '\0' ? version : "1");
    memset(ret_digest, 'a', JOB_DIGEST_SIZE - 1);
    ret_digest[JOB_DIGEST_SIZE - 1] = '\0';
    return 0;
}

static struct store *host_store(void *context, const char *name, size_t length, struct error *error)
{
    struct fixture *fixture = context;
    if (length == 1 && name[0] == 's') {
        return &fixture->shelf->base;
    }
    (void)error_set(error, ERROR_NOT_FOUND, "no store '%.*s'", (int)length, name);
    return NULL;
}

static int host_run_new(void *context, const struct job_spec *spec, struct jobs_run **ret_run,
                        struct error *error)
{
    struct jobs_run *run = calloc(1, sizeof *run);
    if (!run) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    run->fixture = context;
    run->binary = spec->binary;
    memcpy(run->model, spec->model, sizeof run->model);
    *ret_run = run;
    return 0;
}

static int host_run_start(struct jobs_run *run, struct jobs_object *object)
{
    struct fixture *fixture = run->fixture;
    static const struct answer_class class = {.index = 1, .score = 1};
    float vector[VECTOR_ROOM];
    struct result result = {.object = object->object};
    struct answer *answer = &result.answer;
    const struct answer_form form = {.base64 = run->binary};
    unsigned delay_us = atomic_load(&fixture->delay_us);
    if (delay_us > 0) {
        (void)usleep(delay_us);
    }
    atomic_fetch_add(&fixture->inferred, 1);
    if (strstr(object->key, "bad")) {
        object->code = ERROR_UNDECODABLE;
        answer->kind = &answer_failure;
        answer->error_code = object->code;
    } else if (atomic_load(&fixture->classes)) {
        answer->kind = &answer_classes;
        answer->classes = &class;
        answer->class_count = 1;
    } else {
        answer->kind = &answer_embedding;
        answer->embedding = vector;
        answer->embedding_size = fixture_vector(
            run->model, object->key, (size_t)identity_word(&object->identity, 2), vector);
    }
    result_write_json(&object->line, &result, &form);
    jobs_object_done(object);
    return 0;
}

static void host_run_cancel(struct jobs_run *run)
{
    (void)run;
}

static void host_run_free(struct jobs_run *run)
{
    free(run);
}

/* ---- setting up ---- */

void fixture_open(struct fixture *fixture)
{
    char directory[80];
    struct error error = {.message = ""};
    (void)snprintf(directory, sizeof directory, "%s/jobs", fixture->root);
    struct jobs_options options = {.directory = directory,
                                   .sync_ms = 20,
                                   .retry_ms = 100,
                                   .host = {.context = fixture,
                                            .model_pin = host_pin,
                                            .store_find = host_store,
                                            .run_new = host_run_new,
                                            .run_start = host_run_start,
                                            .run_cancel = host_run_cancel,
                                            .run_free = host_run_free}};
    assert_int_equal(jobs_open(&options, &fixture->jobs, &error), 0);
    (void)snprintf(directory, sizeof directory, "%s/indexes", fixture->root);
    struct retrieval_options indexes = {.directory = directory,
                                        .jobs = fixture->jobs,
                                        .host = {.context = fixture, .embed = host_embed},
                                        .verify_ms = fixture->verify_ms};
    int r = retrieval_open(&indexes, &fixture->retrieval, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(r, 0);
}

void fixture_close(struct fixture *fixture)
{
    retrieval_stop(fixture->retrieval);
    jobs_stop(fixture->jobs);
    retrieval_close(take_ptr(fixture->retrieval));
    jobs_close(take_ptr(fixture->jobs));
}

void fixture_restart(struct fixture *fixture)
{
    fixture_close(fixture);
    fixture_open(fixture);
}

int fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    (void)snprintf(fixture->root, sizeof fixture->root, "/tmp/situ-retrieval-XXXXXX");
    assert_non_null(mkdtemp(fixture->root));
    fixture->verify_ms = 20;
    fixture->shelf = calloc(1, sizeof *fixture->shelf);
    assert_non_null(fixture->shelf);
    fixture->shelf->base.backend = &shelf_backend;
    (void)pthread_mutex_init(&fixture->shelf->lock, NULL);
    assert_int_equal(store_mem_new(&fixture->shelf->mem), 0);
    fixture_open(fixture);
    *state = fixture;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->jobs) {
        fixture_close(fixture);
    }
    tree_remove(fixture->root);
    store_close(&fixture->shelf->base);
    free(fixture);
    return 0;
}

/* ---- indexes ---- */

struct retrieval_spec fixture_spec(const char *name)
{
    static char store[] = "s";
    static char prefix[] = "a/";
    struct retrieval_spec spec = {.model = "m",
                                  .select.store = store,
                                  .select.prefix = prefix,
                                  .metric = INDEX_COSINE,
                                  .interval_s = 1};
    (void)snprintf(spec.name, sizeof spec.name, "%s", name);
    return spec;
}

void fixture_create(struct fixture *fixture, const char *name)
{
    struct retrieval_spec spec = fixture_spec(name);
    struct retrieval_info info;
    struct error error = {.message = ""};
    int r = retrieval_create(fixture->retrieval, &spec, &info, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(r, 0);
    retrieval_info_done(&info);
}

int fixture_rebuild(struct fixture *fixture, const char *name, const char *model,
                    const char *version, struct error *error)
{
    const struct retrieval_change change = {.model = model, .version = version};
    return retrieval_rebuild(fixture->retrieval, &ACCESS_ALL, name, &change, error);
}

struct retrieval_info fixture_info(struct fixture *fixture, const char *name)
{
    struct retrieval_info info;
    assert_int_equal(retrieval_get(fixture->retrieval, &ACCESS_ALL, name, &info, NULL), 0);
    return info;
}

void fixture_sleep_ms(unsigned ms)
{
    (void)usleep(ms * 1000);
}

int64_t fixture_deadline(void)
{
    return clock_now_ns() + AWAIT_MS * NS_PER_MS;
}

bool fixture_is_late(int64_t deadline_ns)
{
    fixture_sleep_ms(STEP_MS);
    return clock_now_ns() > deadline_ns;
}

void fixture_await(struct fixture *fixture, const char *name, enum retrieval_state state)
{
    int64_t deadline_ns = fixture_deadline();
    while (true) {
        struct retrieval_info info = fixture_info(fixture, name);
        bool there = info.state == state;
        if (!there && fixture_is_late(deadline_ns)) {
            fail_msg("'%s' is in state %d: %s", name, info.state, info.reason.message);
        }
        retrieval_info_done(&info);
        if (there) {
            return;
        }
    }
}

/* The next of the index is this object. */
static bool next_is(struct index_walk *walk, const char *model, const struct store_entry *entry,
                    float *row)
{
    float wanted[VECTOR_ROOM];
    const char *key = NULL;
    if (index_walk_next(walk, &key, row, NULL) != 1 || strcmp(key, entry->key) != 0) {
        return false;
    }
    uint32_t dimension = fixture_vector(model, key, (size_t)entry->size_bytes, wanted);
    for (uint32_t i = 0; i < dimension; i++) {
        if (fabsf(row[i] - wanted[i]) > 1e-6F) {
            return false;
        }
    }
    return true;
}

static bool walk_is_exact(struct fixture *fixture, struct index_walk *walk, const char *model,
                          float *row)
{
    struct store_page page;
    const char *key = NULL;
    char after[LIMIT_KEY_BYTES + 1] = "";
    bool same = true;
    bool more = true;
    while (same && more) {
        struct store_list_query query = {
            .prefix = "a/", .after = after, .limit = 100, .sizes = true};
        assert_int_equal(store_list(&fixture->shelf->base, &query, &page, NULL), 0);
        for (size_t i = 0; same && i < page.count; i++) {
            (void)snprintf(after, sizeof after, "%s", page.entries[i].key);
            same = strstr(after, "bad") || next_is(walk, model, &page.entries[i], row);
        }
        more = page.more && page.count > 0;
        store_page_done(&page);
    }
    return same && index_walk_next(walk, &key, row, NULL) == 0;
}

bool fixture_is_exact(struct fixture *fixture, const char *name, const char *model)
{
    struct retrieval_use *use = NULL;
    struct index_walk *walk = NULL;
    float row[INDEX_DIMENSION_MAX];
    if (retrieval_use(fixture->retrieval, &ACCESS_ALL, RIGHT_SEARCH, name, &use, NULL) < 0) {
        return false;
    }
    bool exact = false;
    if (strcmp(retrieval_use_spec(use)->model, model) == 0) {
        assert_int_equal(index_walk_new(retrieval_use_index(use), "", "", &walk, NULL), 0);
        exact = walk_is_exact(fixture, walk, model, row);
        index_walk_free(walk);
    }
    retrieval_use_free(use);
    return exact;
}

void fixture_await_exact(struct fixture *fixture, const char *name, const char *model)
{
    int64_t deadline_ns = fixture_deadline();
    while (!fixture_is_exact(fixture, name, model)) {
        if (fixture_is_late(deadline_ns)) {
            struct retrieval_info info = fixture_info(fixture, name);
            fail_msg("'%s' has %llu rows, not the right ones; state %d: %s", name,
                     (unsigned long long)info.index.rows, info.state, info.reason.message);
        }
    }
}

void fixture_await_ready(struct fixture *fixture, const char *name)
{
    fixture_await(fixture, name, RETRIEVAL_READY);
    fixture_await_exact(fixture, name, "m");
}
