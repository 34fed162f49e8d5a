/* SPDX-License-Identifier: Apache-2.0
 *
 * Items to keys and values of the result cache, and back. Called from lanes, jobs and request
 * threads.
 */
#include "infer/reuse.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "infer/answer_maker.h"
#include "wire/pipeline_json.h"

/* Of our own code between a content's bytes and its answer: decoding, resampling, normalising,
 * choosing the output, softmax, normalising the embedding. Raise it with every change there that
 * changes a number of any answer, or what is refused: older answers are then not found. */
enum { TASK_REVISION = 2 };

struct cache_store {
    const struct store *store; /* borrowed */
    uint64_t id;
};

struct reuse {
    struct cache *cache; /* owned */
    char *engine;        /* owned */
    struct cache_store stores[LIMIT_STORES];
    atomic_size_t store_count; /* stores are added while other threads read; none is removed */
    pthread_mutex_t task_lock; /* guards every model's task while it is made */
};

/* ---- what is asked ---- */

static int write_task(const struct reuse *reuse, const struct model_spec *spec,
                      struct cache_digest *ret_task)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    buffer_printf(&text, "revision=%d\nengine=%s\ntask=%s\nonnx=%s\nsoftmax=%d\nnormalize=%d\n",
                  TASK_REVISION, reuse->engine, model_task_name(spec->task), spec->onnx_path,
                  spec->apply_softmax, spec->normalize_embedding);
    pipeline_put_json(&JSON_WRITER(&text), NULL, &spec->pipeline);
    int r = buffer_ok(&text);
    return r < 0 ? r : cache_task_digest(spec->digest, text.data, text.size, ret_task);
}

/* Made at the first use, and constant then. Whether there is a softmax may depend on what a worker
 * finds out when it loads the model; that depends on the package and the engine alone. */
static int find_task(struct reuse *reuse, struct model *model)
{
    if (atomic_load_explicit(&model->task_known, memory_order_acquire)) {
        return 0;
    }
    HOLD(&reuse->task_lock);
    if (atomic_load(&model->task_known)) {
        return 0;
    }
    int r = write_task(reuse, model->spec, &model->task);
    if (r == 0) {
        atomic_store_explicit(&model->task_known, true, memory_order_release);
    }
    return r;
}

static int task_of(struct reuse *reuse, const struct infer_item *item,
                   struct cache_digest *ret_task)
{
    struct model *model = item->request->model;
    int r = find_task(reuse, model);
    if (r < 0) {
        return r;
    }
    const struct tensor_set *outputs = &item->request->outputs;
    if (tensor_set_is_empty(outputs)) {
        *ret_task = model->task;
        return 0;
    }
    /* Eight digits for the first 32 outputs: the form from when there were no others. */
    char form[32 + TENSOR_SET_WORDS * 17];
    int used = snprintf(form, sizeof form, "outputs=%08" PRIx64, outputs->words[0]);
    for (uint32_t i = 1; i < TENSOR_SET_WORDS; i++) {
        if (outputs->words[i] != 0) {
            used += snprintf(form + used, sizeof form - (size_t)used, ",%" PRIu32 ":%" PRIx64, i,
                             outputs->words[i]);
        }
    }
    return cache_task_digest(model->task.bytes, form, strlen(form), ret_task);
}

static const struct cache_store *find_store(const struct reuse *reuse, const struct store *store)
{
    size_t count = atomic_load_explicit(&reuse->store_count, memory_order_acquire);
    for (size_t i = 0; i < count; i++) {
        if (reuse->stores[i].store == store) {
            return &reuse->stores[i];
        }
    }
    return NULL;
}

static uint64_t store_id(const struct reuse *reuse, const struct infer_item *item)
{
    const struct cache_store *store = find_store(reuse, item->store);
    return store ? store->id : 0;
}

bool reuse_covers(const struct reuse *reuse, const struct infer_item *item)
{
    const struct model *model = item->request->model;
    return reuse && item->kind == ITEM_STORED && !item->request->no_cache && model->spec &&
           model->spec->task != MODEL_TENSOR && !atomic_load(&model->changed) &&
           find_store(reuse, item->store);
}

/* ---- from answers to outcomes ---- */

/* Makes an answer the item's outcome and takes its memory. False where it is less than the request
 * asks for. */
static bool accept(struct infer_item *item, struct answer *answer)
{
    const struct infer_request *request = item->request;
    item->error = (struct error){0};
    if (answer->kind == &answer_failure) {
        (void)error_set(&item->error, answer->error_code, "%s", answer->error_message);
        answer_done(answer);
        return true;
    }
    bool whole = tensor_set_is_empty(&request->outputs);
    const struct answer_kind *wanted =
        whole ? answer_kinds[request->model->spec->task] : &answer_tensors;
    if (answer->kind != wanted || !answer_suffices(answer, request->top)) {
        return false;
    }
    item->answer = *answer;
    item->outputs = answer->tensors;
    item->output_count = (uint32_t)answer->tensor_count;
    return true;
}

static bool find_answer(struct reuse *reuse, struct infer_item *item,
                        const struct cache_digest *content)
{
    struct cache_digest task;
    struct answer answer;
    if (task_of(reuse, item, &task) < 0 ||
        !cache_find_answer(reuse->cache, content, &task, &answer)) {
        return false;
    }
    if (!accept(item, &answer)) {
        answer_done(&answer);
        return false;
    }
    item->cached = true;
    item->keep = false;
    return true;
}

bool reuse_find(struct reuse *reuse, struct infer_item *item)
{
    item->looked_up = true;
    if (!item->has_identity || !reuse_covers(reuse, item)) {
        return false;
    }
    struct cache_digest content;
    return cache_find_content(reuse->cache, store_id(reuse, item), &item->identity, &content) &&
           find_answer(reuse, item, &content);
}

bool reuse_find_content(struct reuse *reuse, struct infer_item *item, const void *bytes,
                        size_t size, bool trusted)
{
    item->keep = false;
    if (!reuse_covers(reuse, item) || cache_hash(bytes, size, &item->content) < 0) {
        return false;
    }
    cache_put_content(reuse->cache, store_id(reuse, item), &item->identity, &item->content,
                      trusted);
    item->keep = true;
    return find_answer(reuse, item, &item->content);
}

/* ---- from outcomes to answers ---- */

/* Are there all outputs that were asked for? */
static bool has_outputs(const struct infer_item *item)
{
    struct tensor_set missing = item->request->outputs;
    for (uint32_t i = 0; i < item->output_count; i++) {
        tensor_set_remove(&missing, item->outputs[i].index);
    }
    return tensor_set_is_empty(&missing);
}

void reuse_keep(struct reuse *reuse, struct infer_item *item)
{
    if (!reuse || !item->keep) {
        return;
    }
    item->keep = false;
    struct cache_digest task;
    const struct answer *answer = &item->answer;
    struct answer made;
    if (item->error.code != ERROR_NONE) {
        made = (struct answer){.kind = &answer_failure,
                               .error_code = item->error.code,
                               .error_message = item->error.message};
        answer = &made;
    } else if (!tensor_set_is_empty(&item->request->outputs)) {
        made = (struct answer){.kind = has_outputs(item) ? &answer_tensors : NULL,
                               .tensors = item->outputs,
                               .tensor_count = item->output_count};
        answer = &made;
    }
    if (answer->kind && task_of(reuse, item, &task) == 0) {
        /* One that is too large or finds the queue full is not kept; the cache counts it. */
        (void)cache_put_answer(reuse->cache, &item->content, &task, answer);
    }
}

/* ---- life ---- */

static void report(void *context, enum cache_event event, const char *message)
{
    static const char *const words[] = {
        [CACHE_EVENT_SET_ASIDE] = "cache_set_aside",
        [CACHE_EVENT_CLEARED] = "cache_cleared",
        [CACHE_EVENT_PAUSED] = "cache_paused",
        [CACHE_EVENT_RESUMED] = "cache_resumed",
        [CACHE_EVENT_OFF] = "cache_off",
    };
    (void)context;
    char quoted[ERROR_MESSAGE_SIZE];
    bool good = event == CACHE_EVENT_RESUMED;
    log_event(good ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, words[event], "reason=%s",
              log_quote(quoted, sizeof quoted, message));
}

int reuse_open(const char *directory, uint64_t limit_bytes, const char *engine,
               struct reuse **ret_reuse, struct error *error)
{
    struct cache_options options = {
        .directory = directory, .limit_bytes = limit_bytes, .report = report};
    struct reuse *reuse = calloc(1, sizeof *reuse);
    if (!reuse) {
        return error_memory(error, NULL);
    }
    (void)pthread_mutex_init(&reuse->task_lock, NULL);
    int64_t start = clock_now_ns();
    reuse->engine = strdup(engine);
    int r = reuse->engine ? cache_open(&options, &reuse->cache, error) : error_memory(error, NULL);
    if (r < 0) {
        reuse_close(reuse);
        return r;
    }
    struct cache_status status;
    cache_status(reuse->cache, &status);
    log_event(LOG_LEVEL_INFO, "cache_opened",
              "on=%d answers=%" PRIu64 " file_bytes=%" PRIu64 " limit_bytes=%" PRIu64 " ms=%lld",
              status.on, status.answer_entries, status.file_bytes, status.limit_bytes,
              (long long)((clock_now_ns() - start) / NS_PER_MS));
    *ret_reuse = reuse;
    return 0;
}

int reuse_add_store(struct reuse *reuse, const struct store *store, const char *name)
{
    if (reuse->store_count == LIMIT_STORES) {
        return -E2BIG;
    }
    struct cache_store *added = &reuse->stores[reuse->store_count];
    int r = cache_store_id(name, &added->id);
    if (r == 0) {
        added->store = store;
        reuse->store_count++;
    }
    return r;
}

void reuse_close(struct reuse *reuse)
{
    if (reuse) {
        cache_close(reuse->cache);
        (void)pthread_mutex_destroy(&reuse->task_lock);
        free(reuse->engine);
        free(reuse);
    }
}

void reuse_status(struct reuse *reuse, struct cache_status *ret_status)
{
    *ret_status = (struct cache_status){0};
    if (reuse) {
        cache_status(reuse->cache, ret_status);
    }
}

static void write_kinds(struct buffer *out, const char *name, const char *help, uint64_t contents,
                        uint64_t answers)
{
    metric_begin(out, name, "counter", help);
    buffer_printf(out, "%s{kind=\"content\"} %" PRIu64 "\n", name, contents);
    buffer_printf(out, "%s{kind=\"answer\"} %" PRIu64 "\n", name, answers);
}

void reuse_write_metrics(void *reuse, struct buffer *out)
{
    struct cache_status status;
    reuse_status(reuse, &status);
    write_kinds(out, "situ_cache_hits_total", "Contents known by identity, answers by content",
                status.content_hits, status.answer_hits);
    write_kinds(out, "situ_cache_misses_total", "The same, not known", status.content_misses,
                status.answer_misses);
    metric_write(out, "situ_cache_contents", "gauge", "Identities whose content is known",
                 status.content_entries);
    metric_write(out, "situ_cache_answers", "gauge", "Answers that are kept",
                 status.answer_entries);
    metric_write(out, "situ_cache_bytes", "gauge", "Size of the cache's file", status.file_bytes);
    metric_write(out, "situ_cache_evictions_total", "counter", "Entries that made room",
                 status.evictions);
    metric_write(out, "situ_cache_dropped_total", "counter", "Entries that were not written",
                 status.dropped);
}

int reuse_clear(struct reuse *reuse, struct error *error)
{
    return reuse ? cache_clear(reuse->cache, error) : 0;
}

void reuse_flush(struct reuse *reuse)
{
    if (reuse) {
        cache_flush(reuse->cache);
    }
}
