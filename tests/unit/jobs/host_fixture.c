/* SPDX-License-Identifier: Apache-2.0
 *
 * A host for jobs under test, a store that can lose objects, and waiting: see host_fixture.h.
 */
#include "host_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/tree.h"
#include "data/object_name.h"
#include "disk_fixture.h"
#include "store/mem/mem.h"

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
    atomic_fetch_add(&shelf->lists, 1);
    unsigned left = atomic_load(&shelf->readable_lists);
    if (left == 0) {
        return error_set(error, ERROR_UNREADABLE, "directory 'x' cannot be read");
    }
    if (left != HOST_READABLE) {
        atomic_store(&shelf->readable_lists, left - 1); /* only one job lists in such a test */
    }
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
    if (is_hidden(shelf, key) || strstr(key, "vanished")) {
        return error_set(error, ERROR_NOT_FOUND, "object '%s' is not in the store", key);
    }
    return store_stat(shelf->mem, key, ret_state, error);
}

static void shelf_condition(struct store *store, bool look, struct store_condition *ret_condition)
{
    struct shelf *shelf = (struct shelf *)(void *)store;
    (void)look;
    HOLD(&shelf->lock);
    *ret_condition = (struct store_condition){.available = !atomic_load(&shelf->away),
                                              .filled = !atomic_load(&shelf->empty),
                                              .reason = "it is away",
                                              .filesystem = atomic_load(&shelf->filesystem),
                                              .device_only = atomic_load(&shelf->device_only),
                                              .generation = atomic_load(&shelf->generation)};
}

static uint64_t shelf_generation(struct store *store)
{
    return atomic_load(&((struct shelf *)(void *)store)->generation);
}

static void shelf_close(struct store *store)
{
    struct shelf *shelf = (struct shelf *)(void *)store;
    store_close(shelf->mem);
    (void)pthread_mutex_destroy(&shelf->lock);
    free(shelf);
}

static const struct store_backend shelf_backend = {.name = "shelf",
                                                   .list = shelf_list,
                                                   .stat = shelf_stat,
                                                   .condition = shelf_condition,
                                                   .generation = shelf_generation,
                                                   .close = shelf_close};

void fixture_unhide_all(struct fixture *fixture)
{
    HOLD(&fixture->shelf->lock);
    fixture->shelf->hidden_count = 0;
}

void fixture_mount(struct fixture *fixture, unsigned filesystem)
{
    HOLD(&fixture->shelf->lock);
    atomic_store(&fixture->shelf->filesystem, filesystem);
    (void)atomic_fetch_add(&fixture->shelf->generation, 1);
}

void fixture_put(struct fixture *fixture, const char *key, size_t size)
{
    char *bytes = calloc(size + 1, 1);
    assert_non_null(bytes);
    assert_int_equal(store_mem_put(fixture->shelf->mem, key, bytes, size), 0);
    free(bytes);
}

void fixture_fill(struct fixture *fixture, const char *prefix, unsigned count, unsigned bad_every)
{
    for (unsigned i = 0; i < count; i++) {
        char key[128];
        bool bad = bad_every > 0 && i % bad_every == bad_every - 1;
        (void)snprintf(key, sizeof key, "%s%05u%s.jpg", prefix, i, bad ? "bad" : "");
        fixture_put(fixture, key, 3);
    }
}

void fixture_hide(struct fixture *fixture, const char *key)
{
    HOLD(&fixture->shelf->lock);
    assert_true(fixture->shelf->hidden_count < HOST_HIDDEN);
    (void)snprintf(fixture->shelf->hidden[fixture->shelf->hidden_count++], 64, "%s", key);
}

/* ---- the host ---- */

struct jobs_run {
    struct fixture *fixture;
    atomic_bool cancelled;
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
    if (length == 1 && name[0] == 'd' && fixture->directory) {
        return fixture->directory;
    }
    (void)error_set(error, ERROR_NOT_FOUND, "no store '%.*s'", (int)length, name);
    return NULL;
}

static int host_run_new(void *context, const struct job_spec *spec, struct jobs_run **ret_run,
                        struct error *error)
{
    struct fixture *fixture = context;
    if (atomic_load(&fixture->model_gone)) {
        return error_set(error, ERROR_NOT_FOUND, "model '%s' is gone", spec->model);
    }
    struct jobs_run *run = calloc(1, sizeof *run);
    if (!run) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    run->fixture = fixture;
    atomic_fetch_add(&fixture->runs, 1);
    HOLD(&fixture->lock);
    size_t used = strlen(fixture->order);
    (void)snprintf(fixture->order + used, sizeof fixture->order - used, "%s ", spec->id);
    *ret_run = run;
    return 0;
}

static void write_line(struct jobs_object *object, const char *rest)
{
    buffer_append_char(&object->line, '{');
    object_name_put(&JSON_WRITER(&object->line), "object", object->object);
    buffer_append_text(&object->line, rest);
}

static void write_endless_line(struct jobs_object *object)
{
    enum { SIZE = 65 << 20 };
    write_line(object, ",\"embedding\":[");
    char *room = buffer_reserve(&object->line, SIZE);
    if (room) {
        memset(room, '1', SIZE);
        object->line.size += SIZE;
    }
    buffer_append_text(&object->line, "]}");
}

/* What the model says of the object: nothing but its name. */
/* In the identity, as both stores here make it. */
static uint64_t size_of(const struct jobs_object *object)
{
    return identity_word(&object->identity, 2);
}

static void answer(struct jobs_run *run, struct jobs_object *object)
{
    struct fixture *fixture = run->fixture;
    if (atomic_load(&run->cancelled)) {
        object->code = ERROR_CANCELLED;
    } else if (atomic_load(&fixture->unavailable)) {
        object->code = ERROR_UNAVAILABLE;
        (void)snprintf(object->message, sizeof object->message, "the model cannot be loaded");
    } else if (strstr(object->key, "bad")) {
        object->code = ERROR_UNDECODABLE;
        write_line(object, ",\"error\":{\"code\":\"undecodable\",\"message\":\"no\"}}");
    } else if (strstr(object->key, "endless")) {
        write_endless_line(object);
    } else {
        object->bytes_read = size_of(object);
        write_line(object, ",\"classes\":[{\"index\":7,\"score\":1}]}");
    }
    if (object->code != ERROR_CANCELLED && object->code != ERROR_UNAVAILABLE) {
        atomic_fetch_add(&fixture->inferred, 1);
    }
}

static int host_run_start(struct jobs_run *run, struct jobs_object *object)
{
    struct fixture *fixture = run->fixture;
    unsigned busy = atomic_load(&fixture->busy);
    if (busy > 0) {
        atomic_store(&fixture->busy, busy - 1);
        return -EBUSY;
    }
    if (atomic_load(&fixture->instant)) {
        object->cached = true;
        answer(run, object);
        jobs_object_done(object);
        return 0;
    }
    HOLD(&fixture->lock);
    assert_true(fixture->queued < HOST_QUEUE);
    fixture->queue[fixture->queued].object = object;
    fixture->queue[fixture->queued++].run = run;
    fixture->in_flight++;
    fixture->bytes += size_of(object);
    if (fixture->in_flight > fixture->in_flight_most) {
        fixture->in_flight_most = fixture->in_flight;
    }
    if (fixture->bytes > fixture->bytes_most) {
        fixture->bytes_most = fixture->bytes;
    }
    if (size_of(object) > LIMIT_JOB_WINDOW_BYTES && fixture->in_flight > fixture->alone_most) {
        fixture->alone_most = fixture->in_flight;
    }
    (void)pthread_cond_broadcast(&fixture->changed);
    return 0;
}

static void host_run_cancel(struct jobs_run *run)
{
    atomic_store(&run->cancelled, true);
    HOLD(&run->fixture->lock);
    (void)pthread_cond_broadcast(&run->fixture->changed);
}

static void host_run_free(struct jobs_run *run)
{
    atomic_fetch_sub(&run->fixture->runs, 1);
    free(run);
}

/* Any one of the queue; one that is held only comes back when it is cancelled. */
static bool pick(struct fixture *fixture, struct jobs_object **ret_object,
                 struct jobs_run **ret_run)
{
    unsigned most = atomic_load(&fixture->most);
    bool held =
        atomic_load(&fixture->held) || (most > 0 && atomic_load(&fixture->inferred) >= most);
    fixture->seed = fixture->seed * 1103515245u + 12345u;
    unsigned start = fixture->queued > 0 ? (fixture->seed >> 8) % fixture->queued : 0;
    for (unsigned i = 0; i < fixture->queued; i++) {
        unsigned at = (start + i) % fixture->queued;
        if (!held || atomic_load(&fixture->queue[at].run->cancelled)) {
            *ret_object = fixture->queue[at].object;
            *ret_run = fixture->queue[at].run;
            fixture->queue[at] = fixture->queue[--fixture->queued];
            return true;
        }
    }
    return false;
}

static void *host_thread(void *context)
{
    struct fixture *fixture = context;
    HOLD(&fixture->lock);
    while (!fixture->ending) {
        struct jobs_object *object = NULL;
        struct jobs_run *run = NULL;
        if (!pick(fixture, &object, &run)) {
            (void)pthread_cond_wait(&fixture->changed, &fixture->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&fixture->lock);
        unsigned delay_us = atomic_load(&fixture->delay_us);
        if (delay_us > 0) {
            (void)usleep(delay_us);
        }
        answer(run, object);
        (void)pthread_mutex_lock(&fixture->lock);
        fixture->in_flight--;
        fixture->bytes -= size_of(object);
        (void)pthread_mutex_unlock(&fixture->lock);
        jobs_object_done(object);
        (void)pthread_mutex_lock(&fixture->lock);
    }
    return NULL;
}

void fixture_hold(struct fixture *fixture, bool held)
{
    atomic_store(&fixture->held, held);
    HOLD(&fixture->lock);
    (void)pthread_cond_broadcast(&fixture->changed);
}

void fixture_hold_behind(struct fixture *fixture, unsigned most)
{
    atomic_store(&fixture->most, most);
    HOLD(&fixture->lock);
    (void)pthread_cond_broadcast(&fixture->changed);
}

void fixture_await_in_flight(struct fixture *fixture, unsigned count)
{
    int64_t until_ns = clock_now_ns() + WAIT_MS * NS_PER_MS;
    unsigned most = 0;
    while (most < count) {
        assert_true(clock_now_ns() < until_ns);
        (void)pthread_mutex_lock(&fixture->lock);
        most = fixture->in_flight_most;
        (void)pthread_mutex_unlock(&fixture->lock);
        fixture_sleep_ms(1);
    }
}

/* ---- setting up ---- */

struct fixture *fixture_new(const char *root)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    (void)snprintf(fixture->root, sizeof fixture->root, "%s",
                   root ? root : "/tmp/situ-jobs-XXXXXX");
    assert_true(root || mkdtemp(fixture->root));
    fixture->shelf = calloc(1, sizeof *fixture->shelf);
    assert_non_null(fixture->shelf);
    fixture->shelf->base.backend = &shelf_backend;
    (void)pthread_mutex_init(&fixture->shelf->lock, NULL);
    assert_int_equal(store_mem_new(&fixture->shelf->mem), 0);
    atomic_store(&fixture->shelf->readable_lists, HOST_READABLE);
    atomic_store(&fixture->shelf->filesystem, 7);
    atomic_store(&fixture->shelf->generation, 1);
    (void)pthread_mutex_init(&fixture->lock, NULL);
    (void)pthread_cond_init(&fixture->changed, NULL);
    fixture->retry_ms = 100;
    fixture->seed = 1;
    for (unsigned i = 0; i < HOST_THREADS; i++) {
        assert_int_equal(pthread_create(&fixture->threads[i], NULL, host_thread, fixture), 0);
    }
    return fixture;
}

void fixture_open(struct fixture *fixture)
{
    char directory[80];
    struct error error;
    (void)snprintf(directory, sizeof directory, "%s/jobs", fixture->root);
    struct jobs_options options = {.directory = directory,
                                   .sync_ms = 20,
                                   .retry_ms = fixture->retry_ms,
                                   .turn_ms = fixture->turn_ms,
                                   .keep_s = fixture->keep_s,
                                   .delivered_ms = fixture->delivered_ms,
                                   .host = {.context = fixture,
                                            .model_pin = host_pin,
                                            .store_find = host_store,
                                            .run_new = host_run_new,
                                            .run_start = host_run_start,
                                            .run_cancel = host_run_cancel,
                                            .run_free = host_run_free}};
    assert_int_equal(jobs_open(&options, &fixture->jobs, &error), 0);
}

void fixture_stop(struct fixture *fixture)
{
    jobs_stop(fixture->jobs);
    jobs_close(take_ptr(fixture->jobs));
    assert_int_equal(atomic_load(&fixture->runs), 0);
}

void fixture_restart(struct fixture *fixture)
{
    fixture_stop(fixture);
    fixture_open(fixture);
}

void fixture_free(struct fixture *fixture, bool remove_root)
{
    (void)pthread_mutex_lock(&fixture->lock);
    fixture->ending = true;
    (void)pthread_cond_broadcast(&fixture->changed);
    (void)pthread_mutex_unlock(&fixture->lock);
    for (unsigned i = 0; i < HOST_THREADS; i++) {
        (void)pthread_join(fixture->threads[i], NULL);
    }
    if (remove_root) {
        tree_remove(fixture->root);
    }
    store_close(&fixture->shelf->base);
    store_close(fixture->directory);
    (void)pthread_cond_destroy(&fixture->changed);
    (void)pthread_mutex_destroy(&fixture->lock);
    free(fixture);
}

int fixture_setup(void **state)
{
    struct fixture *fixture = fixture_new(NULL);
    fixture_open(fixture);
    *state = fixture;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    disk_limit(0);
    if (fixture->jobs) {
        fixture_stop(fixture);
    }
    fixture_free(fixture, true);
    return 0;
}

/* ---- jobs ---- */

struct job_spec fixture_spec(char *prefix)
{
    static char store[] = "s";
    struct job_spec spec = {.select.store = store,
                            .select.prefix = prefix,
                            .top = 5,
                            .labels = true,
                            .priority = 5,
                            .max_failures = UINT64_MAX,
                            .cache = true,
                            .keep = true,
                            .interval_s = 60};
    (void)snprintf(spec.model, sizeof spec.model, "m");
    return spec;
}

static void create(struct fixture *fixture, const struct job_spec *spec, struct jobs_keys *keys,
                   char *id)
{
    struct job_info info;
    struct error error = {.code = ERROR_NONE};
    bool existing = true;
    assert_int_equal(jobs_create(fixture->jobs, spec, keys, &info, &existing, &error), 0);
    assert_false(existing);
    (void)snprintf(id, JOB_ID_SIZE, "%s", info.spec.id);
    job_info_done(&info);
}

void fixture_create(struct fixture *fixture, const struct job_spec *spec, char *id)
{
    create(fixture, spec, NULL, id);
}

void fixture_create_list(struct fixture *fixture, const struct job_spec *spec, const char *names,
                         char *id)
{
    struct jobs_keys *keys = NULL;
    struct error error;
    assert_int_equal(jobs_keys_new(fixture->jobs, &keys, &error), 0);
    assert_int_equal(jobs_keys_append(keys, names, strlen(names), &error), 0);
    create(fixture, spec, keys, id);
}

struct job_info fixture_info(struct fixture *fixture, const char *id)
{
    struct job_info info;
    struct error error;
    assert_int_equal(jobs_get(fixture->jobs, id, &info, &error), 0);
    return info;
}

enum job_state fixture_state(struct fixture *fixture, const char *id)
{
    struct job_info info = fixture_info(fixture, id);
    enum job_state state = info.state;
    job_info_done(&info);
    return state;
}

uint64_t fixture_results(struct fixture *fixture, const char *id)
{
    struct job_info info = fixture_info(fixture, id);
    uint64_t results = info.results;
    job_info_done(&info);
    return results;
}

void fixture_sleep_ms(unsigned ms)
{
    (void)usleep(ms * 1000);
}

/* Asks every millisecond until `is_so`, and fails the test after WAIT_MS. */
static void await(struct fixture *fixture, const char *id,
                  bool (*is_so)(const struct job_info *info, uint64_t value), uint64_t value)
{
    int64_t until_ns = clock_now_ns() + WAIT_MS * NS_PER_MS;
    while (true) {
        struct job_info info = fixture_info(fixture, id);
        if (is_so(&info, value)) {
            job_info_done(&info);
            return;
        }
        if (clock_now_ns() > until_ns) {
            fail_msg("job %s is %s with %llu results, pass %llu, reason %s", id,
                     job_state_name(info.state), (unsigned long long)info.results,
                     (unsigned long long)info.pass, info.reason.message);
        }
        job_info_done(&info);
        fixture_sleep_ms(1);
    }
}

static bool state_is(const struct job_info *info, uint64_t value)
{
    return info->state == (enum job_state)value;
}

static bool reason_is(const struct job_info *info, uint64_t value)
{
    return info->state == JOB_PAUSED && info->reason.code == (enum error_code)value;
}

static bool results_are(const struct job_info *info, uint64_t value)
{
    return info->results >= value;
}

static bool rests_after(const struct job_info *info, uint64_t value)
{
    return info->between_passes && info->pass >= value;
}

void fixture_await(struct fixture *fixture, const char *id, enum job_state state)
{
    await(fixture, id, state_is, state);
}

void fixture_await_reason(struct fixture *fixture, const char *id, enum error_code code)
{
    await(fixture, id, reason_is, code);
}

void fixture_await_results(struct fixture *fixture, const char *id, uint64_t count)
{
    await(fixture, id, results_are, count);
}

void fixture_await_rest(struct fixture *fixture, const char *id, uint64_t pass)
{
    await(fixture, id, rests_after, pass);
}

char *fixture_lines(struct fixture *fixture, const char *id)
{
    struct buffer lines = BUFFER_INIT;
    struct jobs_reader *reader = NULL;
    struct error error;
    enum jobs_read read = JOBS_READ_MORE;
    assert_int_equal(jobs_reader_new(fixture->jobs, id, 0, NULL, NULL, &reader, &error), 0);
    while (read == JOBS_READ_MORE) {
        assert_int_equal(jobs_reader_read(reader, &lines, 4096, &read, &error), 0);
    }
    jobs_reader_free(reader);
    assert_non_null(buffer_text(&lines));
    return lines.data;
}

void fixture_check_exact(struct fixture *fixture, const char *id, const char *prefix,
                         unsigned count)
{
    char *lines = fixture_lines(fixture, id);
    const char *at = lines;
    for (unsigned i = 0; i < count; i++) {
        char wanted[128];
        int length = snprintf(wanted, sizeof wanted, "{\"object\":\"s/%s%05u", prefix, i);
        assert_true(length > 0 && (size_t)length < sizeof wanted);
        if (strncmp(at, wanted, (size_t)length) != 0) {
            fail_msg("line %u is not of %s but: %.80s", i, wanted, at);
        }
        at = strchr(at, '\n');
        assert_non_null(at);
        at++;
    }
    assert_string_equal(at, "");
    free(lines);
}
