/* SPDX-License-Identifier: Apache-2.0
 *
 * Many objects: POST /v1/infer/MODEL with a selection, answered as a stream of result lines in key
 * order. A task thread lists, keeps a bounded window of objects in flight and writes what is ready;
 * it holds back while the client is slow.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/answer.h"
#include "daemon/call.h"
#include "wire/json.h"
#include "wire/run_request.h"

enum {
    WINDOW = LIMIT_STREAM_WINDOW,
    PENDING_HIGH = 256 << 10, /* unsent bytes at which we stop */
    PENDING_LOW = 64 << 10,
    FLUSH_BYTES = 16 << 10,
};

struct run {
    struct call *call;           /* borrowed: the run is its state */
    struct run_request selected; /* owned; a prefix of a store, or names */
    struct answer_options options;
    struct infer_request request;

    struct store *store; /* NULL: names */
    char *after;         /* owned; last key listed */
    struct store_page page;
    size_t page_next;
    size_t key_next;
    bool exhausted;

    pthread_mutex_t lock; /* guards done flags and progress */
    pthread_cond_t changed;
    struct infer_item items[WINDOW]; /* a ring: item i of the selection in place i % WINDOW */
    char *objects[WINDOW];           /* owned; names of those in flight */
    bool ready[WINDOW];
    uint64_t head; /* next to write */
    uint64_t tail; /* next to submit */

    struct buffer out;
    bool gone;      /* the client is */
    bool cancelled; /* what waits was taken out of the queue */
    uint64_t failed;
    uint64_t skipped;
    uint64_t read_bytes;
};

static void run_free(struct run *run)
{
    for (size_t i = 0; i < WINDOW; i++) {
        infer_item_reset(&run->items[i]);
        free(run->objects[i]);
    }
    store_page_done(&run->page);
    free(run->after);
    run_request_done(&run->selected);
    buffer_done(&run->out);
    (void)pthread_cond_destroy(&run->changed);
    (void)pthread_mutex_destroy(&run->lock);
    free(run);
}

static void run_item_done(struct infer_request *request, struct infer_item *item)
{
    struct run *run = request->owner;
    HOLD(&run->lock);
    run->ready[item - run->items] = true;
    (void)pthread_cond_signal(&run->changed);
}

static void run_drained(void *context)
{
    struct run *run = context;
    HOLD(&run->lock);
    (void)pthread_cond_signal(&run->changed);
}

static bool is_stopping(const struct run *run)
{
    return atomic_load(&run->call->service->stopping);
}

static bool has_gone(struct run *run)
{
    run->gone = run->gone || http_stream_append(run->call->request, "", 0) < 0;
    return run->gone;
}

/* ---- the selection ---- */

static int next_page(struct run *run, struct error *error)
{
    struct store_list_query query = {.prefix = run->selected.prefix,
                                     .after = run->after,
                                     .limit = LIMIT_LIST_PAGE,
                                     .images_only = true};
    store_page_done(&run->page);
    run->page = (struct store_page){0};
    run->page_next = 0;
    int result = store_list(run->store, &query, &run->page, error);
    if (result == 0 && run->page.count > 0) {
        char *after = strdup(run->page.entries[run->page.count - 1].key);
        if (!after) {
            return error_set(error, ERROR_MEMORY, "out of memory");
        }
        free(run->after);
        run->after = after;
    }
    return result;
}

/* How many objects the prefix selects: one pass over the listing, before the first result. */
static int count_selection(struct run *run, uint64_t *ret_count, struct error *error)
{
    if (!run->store) {
        *ret_count = run->selected.key_count;
        return 0;
    }
    cleanup_free char *start = strdup(run->after);
    uint64_t count = 0;
    int result = 0;
    if (!start) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    for (bool more = true; more && result == 0;) {
        result = next_page(run, error);
        count += run->page.count;
        run->skipped += run->page.skipped_suffix + run->page.skipped_name;
        more = run->page.more && run->page.count > 0 && !run->gone && !is_stopping(run);
        (void)has_gone(run);
    }
    bool one_page = result == 0 && !run->page.more && run->page.count == count;
    if (result == 0 && !one_page) { /* one page that was all is used as it is */
        store_page_done(&run->page);
        run->page = (struct store_page){.more = true};
        free(run->after);
        run->after = take_ptr(start);
    }
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup attribute */
    *ret_count = count;
    return result;
}

/* The next name of the selection, owned by the caller; NULL at the end (or after an error). */
static char *next_object(struct run *run, struct error *error)
{
    char *object = NULL;
    if (!run->store) {
        const char *key = run_request_key(&run->selected, run->key_next);
        if (!key) {
            return NULL;
        }
        run->key_next++;
        object = strdup(key);
    } else {
        if (run->page_next == run->page.count) {
            if (!run->page.more || next_page(run, error) < 0 || run->page.count == 0) {
                return NULL;
            }
        }
        const char *key = run->page.entries[run->page_next++].key;
        if (asprintf(&object, "%s/%s", run->selected.store, key) < 0) {
            object = NULL;
        }
    }
    if (!object) {
        (void)error_set(error, ERROR_MEMORY, "out of memory");
    }
    return object;
}

/* ---- in flight ---- */

/* Waits a moment while the queue is full of others' objects; interactive requests come first. */
static int submit(struct run *run, struct infer_item *item, struct error *error)
{
    for (;;) {
        int result = dispatch_submit(run->call->service->dispatch, &run->request, item, 1, error);
        if (result != -EBUSY || has_gone(run) || is_stopping(run)) {
            return result;
        }
        struct timespec pause = {.tv_nsec = 20 * NS_PER_MS};
        (void)nanosleep(&pause, NULL);
    }
}

static void start_object(struct run *run, char *object)
{
    size_t place = run->tail++ % WINDOW;
    struct infer_item *item = &run->items[place];
    infer_item_reset(item);
    free(run->objects[place]);
    run->objects[place] = object;
    run->ready[place] = false;
    item->request = &run->request;
    item->kind = ITEM_STORED;
    struct error error = {0};
    run->request.deadline_ns =
        clock_now_ns() + (int64_t)run->call->service->config.request_ms * NS_PER_MS;
    int result = service_object_find(run->call->service, object, &item->store, &item->key, &error);
    if (result == 0) {
        result = submit(run, item, &error);
    }
    if (result < 0) {
        item->error = error;
        HOLD(&run->lock);
        run->ready[place] = true;
    }
}

static void flush(struct run *run, bool always)
{
    if (run->out.size == 0 || (!always && run->out.size < FLUSH_BYTES)) {
        return;
    }
    if (buffer_ok(&run->out) < 0 ||
        http_stream_append(run->call->request, run->out.data, run->out.size) < 0) {
        run->gone = true;
    }
    buffer_clear(&run->out);
}

static void write_head(struct run *run)
{
    size_t place = run->head++ % WINDOW;
    struct infer_item *item = &run->items[place];
    run->read_bytes += item->read_bytes;
    answer_write(&run->out, item, run->objects[place], &run->options);
    buffer_append_char(&run->out, '\n');
    run->failed += item->error.code != ERROR_NONE;
    infer_item_reset(item);
}

/* Nobody waits for what is not in a lane yet. */
static void cancel_waiting(struct run *run)
{
    if (!run->cancelled) {
        run->cancelled = true;
        dispatch_cancel(run->call->service->dispatch, &run->request);
    }
}

/* Blocks until the next answer in order is ready. A client that goes wakes us, too. */
static void wait_head(struct run *run)
{
    size_t place = run->head % WINDOW;
    (void)pthread_mutex_lock(&run->lock);
    bool ready = run->ready[place];
    (void)pthread_mutex_unlock(&run->lock);
    if (!ready) {
        flush(run, true); /* nothing to add for now: let the client have what there is */
    }
    (void)pthread_mutex_lock(&run->lock);
    while (!run->ready[place]) {
        if (!run->cancelled && has_gone(run)) {
            (void)pthread_mutex_unlock(&run->lock);
            cancel_waiting(run);
            (void)pthread_mutex_lock(&run->lock);
            continue;
        }
        (void)pthread_cond_wait(&run->changed, &run->lock);
    }
    (void)pthread_mutex_unlock(&run->lock);
}

static void wait_drained(struct run *run)
{
    struct timespec until;
    while (!run->gone && !is_stopping(run) &&
           http_stream_pending(run->call->request) > PENDING_HIGH) {
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 1; /* looks again by itself: a drain may come between the two */
        HOLD(&run->lock);
        if (http_stream_pending(run->call->request) > PENDING_HIGH) {
            (void)pthread_cond_timedwait(&run->changed, &run->lock, &until);
        }
        (void)has_gone(run);
    }
}

static void pump(struct run *run, struct error *error)
{
    while (!run->gone && !is_stopping(run)) {
        while (!run->exhausted && run->tail - run->head < WINDOW) {
            char *object = next_object(run, error);
            if (!object) {
                run->exhausted = true;
                break;
            }
            start_object(run, object);
        }
        if (run->head == run->tail) {
            return;
        }
        wait_head(run);
        write_head(run);
        flush(run, false);
        wait_drained(run);
    }
}

static void finish_run(struct run *run, const struct error *error)
{
    bool stopping = is_stopping(run);
    cancel_waiting(run);
    while (run->head != run->tail) { /* what is in a lane ends by itself */
        wait_head(run);
        infer_item_reset(&run->items[run->head++ % WINDOW]);
    }
    if (error->code != ERROR_NONE && !run->gone) {
        buffer_append_text(&run->out, "{\"error\":{\"code\":");
        json_write_string(&run->out, error_code_name(error->code));
        buffer_append_text(&run->out, ",\"message\":");
        json_write_string(&run->out, error->message);
        buffer_append_text(&run->out, "}}\n");
    } else if (!run->gone && !stopping && run->exhausted) {
        buffer_printf(&run->out,
                      "{\"done\":{\"objects\":%" PRIu64 ",\"failed\":%" PRIu64
                      ",\"bytes_read\":%" PRIu64 "}}\n",
                      run->head, run->failed, run->read_bytes);
    }
    flush(run, true);
    http_stream_end(run->call->request, stopping || run->gone);
}

static void run_task(void *argument)
{
    struct run *run = argument;
    struct call *call = run->call;
    struct error error = {0};
    uint64_t count = 0;
    (void)atomic_exchange(&call->answered, true);
    metrics_count_status(&call->model->requests, 200);
    http_stream_begin(call->request, "application/x-ndjson", NULL, PENDING_LOW, run_drained, run);
    if (count_selection(run, &count, &error) == 0) {
        buffer_printf(&run->out,
                      "{\"selected\":{\"objects\":%" PRIu64 ",\"skipped\":%" PRIu64 "}}\n", count,
                      run->skipped);
        pump(run, &error);
    }
    finish_run(run, &error);
    call_unref(call); /* frees the run, when HTTP is through with it too */
}

/* ---- the request ---- */

static int read_body(struct run *run, struct error *error)
{
    size_t size = 0;
    const void *body = http_request_body(run->call->request, &size);
    int result = run_request_parse(body, size, &run->selected, error);
    if (result < 0) {
        return result;
    }
    const char *store = run->selected.store;
    run->options =
        (struct answer_options){.top = run->selected.top, .labels = run->selected.labels};
    if (store) {
        run->store = service_store_find(run->call->service, store, strlen(store), error);
        run->after = strdup(run->selected.after);
        result = run->store ? 0 : error_code_errno(error->code);
    }
    return store && !run->after ? error_set(error, ERROR_MEMORY, "out of memory") : result;
}

static void free_state(void *state)
{
    run_free(state);
}

void route_run(struct call *call)
{
    struct error error = {0};
    if (!call_find_model(call, 0, -1)) {
        return;
    }
    struct run *run = calloc(1, sizeof *run);
    if (!run) {
        call_respond_status(call, 503, "out of memory");
        return;
    }
    (void)pthread_mutex_init(&run->lock, NULL);
    (void)pthread_cond_init(&run->changed, NULL);
    call->state = run;
    call->free_state = free_state;
    run->call = call;
    queue_source_init(&run->request.source, queue_job_class(5));
    run->request.model = call->model;
    run->request.items = run->items;
    run->request.item_count = WINDOW;
    run->request.done = run_item_done;
    run->request.owner = run;
    if (read_body(run, &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    if (!call->model->spec || call->model->spec->task == MODEL_TENSOR) {
        call_respond_status(call, 422, "this model takes tensors, not images: use /v2");
        return;
    }
    (void)call_ref(call);
    if (tasks_start(call->service->tasks, run_task, run) < 0) {
        call_respond_status(call, 429, "too many runs at once; try again");
        call_unref(call);
        return;
    }
}
