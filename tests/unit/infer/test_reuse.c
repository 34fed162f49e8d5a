/* SPDX-License-Identifier: Apache-2.0
 *
 * Lanes and the result cache: what is found without reading, what without a run, what is kept and
 * what is not. The worker is a fake with a given answer; store and cache are real.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "infer/answer_maker.h"
#include "infer/lanes.h"
#include "store/backend.h"
#include "store/mem/mem.h"
#include "store/store.h"

enum { CLASSES = 40, SMALL = 4, INPUT_BYTES = 4096 };

/* ---- the fake worker ---- */

struct worker_process {
    char input[INPUT_BYTES];
    float values[CLASSES];
    struct message_done done; /* what it says */
    bool crashes;
    unsigned runs;
};

void *worker_process_input(struct worker_process *worker, uint32_t lane)
{
    (void)lane;
    return worker->input;
}

int worker_process_run(struct worker_process *worker, uint32_t lane, struct message_run *run,
                       const struct message_done **ret_done, const char **ret_output,
                       struct error *error)
{
    (void)lane;
    (void)run;
    worker->runs++;
    if (worker->crashes) {
        return error_set(error, ERROR_WORKER_CRASHED, "it is gone");
    }
    *ret_done = &worker->done;
    if (worker->done.code != ERROR_NONE) {
        return error_set(error, (enum error_code)worker->done.code, "%s", worker->done.text);
    }
    *ret_output = (const char *)worker->values;
    return 0;
}

bool worker_process_was_killed(const struct worker_process *worker)
{
    (void)worker;
    return false;
}

void worker_process_trim(struct worker_process *worker, uint32_t lane, uint64_t input_used,
                         uint64_t output_used)
{
    (void)worker;
    (void)lane;
    (void)input_used;
    (void)output_used;
}

/* ---- a store that reports where it read to ---- */

struct spy {
    struct store base;
    struct store *inner;
    const void *read_to;
    unsigned stats;
};

static int spy_stat(struct store *store, const char *key, struct object_state *ret_state,
                    struct error *error)
{
    struct spy *spy = (struct spy *)(void *)store;
    spy->stats++;
    return store_stat(spy->inner, key, ret_state, error);
}

static int spy_read(struct store *store, const char *key, const struct store_target *target,
                    size_t *ret_size, struct identity *ret_identity, struct error *error)
{
    struct spy *spy = (struct spy *)(void *)store;
    spy->read_to = target->bytes;
    return store_read(spy->inner, key, target, ret_size, ret_identity, error);
}

static const struct store_backend spy_backend = {.name = "spy", .stat = spy_stat, .read = spy_read};

/* ---- what the tests share ---- */

struct fixture {
    char directory[64];
    struct spy store;
    struct reuse *cache;
    struct metrics metrics;
    void *room;
    struct worker_process worker;
    struct model_spec spec;
    struct model model;
    struct infer_request request;
    struct infer_item item;
};

static void open_cache(struct fixture *fixture, const char *engine)
{
    char path[80];
    struct error error = {0};
    (void)snprintf(path, sizeof path, "%s/results", fixture->directory);
    assert_int_equal(reuse_open(path, CACHE_LIMIT_BYTES_MIN, engine, &fixture->cache, &error), 0);
    assert_int_equal(reuse_add_store(fixture->cache, &fixture->store.base, "photos"), 0);
}

static void put(struct fixture *fixture, const char *key, const char *content)
{
    assert_int_equal(store_mem_put(fixture->store.inner, key, content, strlen(content)), 0);
}

/* The worker returns `count` ascending values as `rows` rows. */
static void give(struct fixture *fixture, size_t count, size_t rows)
{
    struct worker_process *worker = &fixture->worker;
    for (size_t i = 0; i < count; i++) {
        worker->values[i] = (float)i / 8;
    }
    worker->done = (struct message_done){.run_ns = 1, .output_count = 1};
    worker->done.outputs[0] = (struct tensor_ref){
        .datatype = DATATYPE_FP32,
        .shape = {2, {(int64_t)rows, (int64_t)(count / rows)}},
        .size_bytes = count * sizeof(float),
    };
}

static void refuse(struct fixture *fixture, enum error_code code, int64_t run_ns)
{
    fixture->worker.done = (struct message_done){.code = code, .run_ns = run_ns};
    (void)snprintf(fixture->worker.done.text, MESSAGE_TEXT_SIZE, "because");
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    (void)snprintf(fixture->directory, sizeof fixture->directory, "/tmp/situ-lanes-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    fixture->store.base.backend = &spy_backend;
    assert_int_equal(store_mem_new(&fixture->store.inner), 0);
    open_cache(fixture, "null");
    fixture->room = lane_room_new();
    fixture->spec = (struct model_spec){.task = MODEL_IMAGE_CLASSIFICATION,
                                        .apply_softmax = 1,
                                        .normalize_embedding = true,
                                        .onnx_path = (char *)(uintptr_t) "model.onnx"};
    fixture->model.spec = &fixture->spec;
    static struct tensor_info outputs[] = {{.name = "logits"}, {.name = "embedding"}};
    fixture->model.runtime.facts.output_count = 2;
    fixture->model.runtime.facts.outputs = outputs;
    fixture->request = (struct infer_request){.model = &fixture->model, .top = 5};
    fixture->item = (struct infer_item){.request = &fixture->request,
                                        .kind = ITEM_STORED,
                                        .key = "a.jpg",
                                        .store = &fixture->store.base};
    put(fixture, "a.jpg", "a photo");
    give(fixture, CLASSES, 1);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[96];
    infer_item_reset(&fixture->item);
    reuse_close(fixture->cache);
    store_close(fixture->store.inner);
    lane_room_free(fixture->room);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", fixture->directory);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

static enum lane_outcome carry(struct fixture *fixture)
{
    struct lane_context context = {
        .cache = fixture->cache, .metrics = &fixture->metrics, .room = fixture->room};
    infer_item_reset(&fixture->item);
    return lane_carry(&context, &fixture->item, &fixture->worker, false);
}

/* Through a lane, and kept as the dispatcher does. */
static void infer(struct fixture *fixture)
{
    assert_int_equal(carry(fixture), LANE_DONE);
    reuse_keep(fixture->cache, &fixture->item);
    reuse_flush(fixture->cache);
}

static unsigned reads(struct fixture *fixture)
{
    return (unsigned)atomic_load(&fixture->metrics.objects_read);
}

static uint64_t answers_kept(struct fixture *fixture)
{
    struct cache_status status;
    reuse_status(fixture->cache, &status);
    return status.answer_entries;
}

static void write_answer(struct fixture *fixture, size_t top, char *ret_text, size_t size)
{
    cleanup_buffer struct buffer out = BUFFER_INIT;
    struct answer_options options = {.top = top};
    answer_write(&out, &fixture->item, "photos/a.jpg", &options);
    (void)snprintf(ret_text, size, "%s", buffer_text(&out));
}

/* ---- what is found ---- */

static void what_was_answered_once_is_neither_read_nor_run(void **state)
{
    struct fixture *fixture = *state;
    char first[4096];
    char second[4096];
    infer(fixture);
    assert_false(fixture->item.cached);
    write_answer(fixture, 5, first, sizeof first);
    infer(fixture);
    assert_true(fixture->item.cached);
    assert_int_equal(fixture->item.read_bytes, 0);
    write_answer(fixture, 5, second, sizeof second);
    assert_string_equal(second, first);
    assert_non_null(strstr(first, "\"index\":39"));
    assert_int_equal(reads(fixture), 1);
    assert_int_equal(fixture->worker.runs, 1);
}

static void equal_content_is_read_and_not_run(void **state)
{
    struct fixture *fixture = *state;
    infer(fixture);
    put(fixture, "b.jpg", "a photo");
    fixture->item.key = "b.jpg";
    infer(fixture);
    assert_true(fixture->item.cached);
    assert_int_equal(fixture->item.read_bytes, strlen("a photo"));
    assert_int_equal(reads(fixture), 2);
    assert_int_equal(fixture->worker.runs, 1);
    put(fixture, "b.jpg", "another photo");
    infer(fixture);
    assert_false(fixture->item.cached);
    assert_int_equal(fixture->worker.runs, 2);
}

static void jobs_find_it_by_an_identity_they_know(void **state)
{
    struct fixture *fixture = *state;
    struct object_state seen;
    struct error error;
    assert_int_equal(store_stat(fixture->store.inner, "a.jpg", &seen, &error), 0);
    struct infer_item *item = &fixture->item;
    item->identity = seen.identity;
    item->has_identity = true;
    assert_false(reuse_find(fixture->cache, item));
    assert_true(item->looked_up);

    struct lane_context context = {
        .cache = fixture->cache, .metrics = &fixture->metrics, .room = fixture->room};
    assert_int_equal(lane_carry(&context, item, &fixture->worker, false), LANE_DONE);
    assert_int_equal(fixture->store.stats, 0); /* the owner has checked */
    reuse_keep(fixture->cache, item);
    reuse_flush(fixture->cache);

    infer_item_reset(item);
    assert_false(item->has_identity || item->looked_up);
    item->identity = seen.identity;
    item->has_identity = true;
    fixture->store.read_to = NULL;
    assert_true(reuse_find(fixture->cache, item));
    assert_true(item->cached && item->answer.kind == &answer_classes);
    assert_int_equal(fixture->store.stats, 0);
    assert_null(fixture->store.read_to);
}

static void more_classes_than_are_kept_are_inferred(void **state)
{
    struct fixture *fixture = *state;
    char first[8192];
    char second[8192];
    infer(fixture);
    fixture->request.top = ANSWER_CLASSES_KEPT;
    infer(fixture);
    assert_true(fixture->item.cached);
    fixture->request.top = 20;
    infer(fixture);
    assert_false(fixture->item.cached);
    assert_int_equal(fixture->worker.runs, 2);
    write_answer(fixture, 20, first, sizeof first);
    fixture->request.no_cache = true;
    infer(fixture);
    write_answer(fixture, 20, second, sizeof second);
    assert_string_equal(first, second);
    assert_non_null(strstr(first, "\"index\":20"));
}

static void a_model_of_few_classes_is_known_whole(void **state)
{
    struct fixture *fixture = *state;
    char text[4096];
    give(fixture, SMALL, 1);
    infer(fixture);
    fixture->request.top = LIMIT_TOP;
    infer(fixture);
    assert_true(fixture->item.cached);
    write_answer(fixture, LIMIT_TOP, text, sizeof text);
    assert_non_null(strstr(text, "\"index\":0"));
}

static void embeddings_are_kept_as_they_are_answered(void **state)
{
    struct fixture *fixture = *state;
    char first[4096];
    char second[4096];
    fixture->spec.task = MODEL_FEATURE_EXTRACTION;
    infer(fixture);
    assert_ptr_equal(fixture->item.answer.kind, &answer_embedding);
    write_answer(fixture, 5, first, sizeof first);
    infer(fixture);
    assert_true(fixture->item.cached);
    assert_int_equal(fixture->item.answer.embedding_size, CLASSES);
    write_answer(fixture, 5, second, sizeof second);
    assert_string_equal(first, second);
}

static void outputs_are_kept_for_themselves(void **state)
{
    struct fixture *fixture = *state;
    infer(fixture);
    fixture->request.outputs = tensor_set_first(1);
    infer(fixture);
    assert_false(fixture->item.cached);
    infer(fixture);
    assert_true(fixture->item.cached);
    assert_int_equal(fixture->item.output_count, 1);
    assert_int_equal(fixture->item.outputs[0].size_bytes, sizeof fixture->worker.values);
    assert_memory_equal(fixture->item.outputs[0].data, fixture->worker.values,
                        sizeof fixture->worker.values);
    assert_int_equal(fixture->item.outputs[0].shape.dims[1], CLASSES);
    fixture->request.outputs = tensor_set_first(2);
    infer(fixture);
    assert_false(fixture->item.cached);
    assert_int_equal(fixture->worker.runs, 3);
}

/* ---- what is not found ---- */

static void another_package_pipeline_or_engine_is_another_task(void **state)
{
    struct fixture *fixture = *state;
    infer(fixture);
    struct model other = {.spec = &fixture->spec, .runtime = fixture->model.runtime};
    fixture->request.model = &other;
    infer(fixture);
    assert_true(fixture->item.cached); /* the same package under another name */

    struct model_spec specs[3] = {fixture->spec, fixture->spec, fixture->spec};
    specs[0].digest[31] ^= 1;
    specs[1].pipeline.exif_transpose = true;
    specs[2].apply_softmax = 0;
    for (size_t i = 0; i < 3; i++) {
        struct model changed = {.spec = &specs[i], .runtime = fixture->model.runtime};
        fixture->request.model = &changed;
        infer(fixture);
        assert_false(fixture->item.cached);
    }
    reuse_close(fixture->cache);
    open_cache(fixture, "onnxruntime");
    struct model fresh = {.spec = &fixture->spec, .runtime = fixture->model.runtime};
    fixture->request.model = &fresh;
    infer(fixture);
    assert_false(fixture->item.cached);
    infer_item_reset(&fixture->item);
    fixture->request.model = &fixture->model;
}

static void what_takes_no_part_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    fixture->request.no_cache = true;
    infer(fixture);
    fixture->request.no_cache = false;
    atomic_store(&fixture->model.changed, true);
    infer(fixture);
    atomic_store(&fixture->model.changed, false);
    fixture->item.store = fixture->store.inner; /* was not added */
    infer(fixture);
    fixture->item.store = &fixture->store.base;
    assert_int_equal(fixture->worker.runs, 3);
    assert_int_equal(answers_kept(fixture), 0);
    assert_int_equal(fixture->store.stats, 0);

    struct reuse *cache = fixture->cache;
    fixture->cache = NULL;
    infer(fixture);
    infer_item_reset(&fixture->item);
    assert_false(reuse_find(NULL, &fixture->item));
    assert_true(fixture->item.looked_up);
    fixture->cache = cache;
}

/* ---- what is kept of failures ---- */

static void content_that_is_at_fault_is_told_again(void **state)
{
    struct fixture *fixture = *state;
    refuse(fixture, ERROR_UNDECODABLE, 0);
    infer(fixture);
    infer(fixture);
    assert_true(fixture->item.cached);
    assert_int_equal(fixture->item.error.code, ERROR_UNDECODABLE);
    assert_string_equal(fixture->item.error.message, "because");
    assert_int_equal(fixture->worker.runs, 1);
    put(fixture, "a.jpg", "too narrow to be resized");
    refuse(fixture, ERROR_UNFIT, 0);
    infer(fixture);
    infer(fixture);
    assert_true(fixture->item.cached);
    assert_int_equal(fixture->item.error.code, ERROR_UNFIT);
}

static void faults_of_the_run_are_not_kept(void **state)
{
    struct fixture *fixture = *state;
    refuse(fixture, ERROR_UNFIT,
           1000); /* the model ran and failed, perhaps because memory ran out */
    infer(fixture);
    assert_int_equal(fixture->item.error.code, ERROR_UNFIT);
    static const enum error_code codes[] = {ERROR_TOO_LARGE, ERROR_MALFORMED, ERROR_INTERNAL};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        refuse(fixture, codes[i], 0);
        infer(fixture);
    }
    give(fixture, SMALL, 1);
    fixture->worker.done.output_count = 0;
    infer(fixture);
    assert_int_equal(answers_kept(fixture), 0);
}

/* Others may have used the memory: the dispatcher tries the item alone. */
static void want_of_memory_is_no_outcome(void **state)
{
    struct fixture *fixture = *state;
    refuse(fixture, ERROR_MEMORY, 0);
    assert_int_equal(carry(fixture), LANE_STARVED);
    assert_false(fixture->item.keep);
    assert_int_equal(fixture->item.error.code, ERROR_MEMORY);
    give(fixture, SMALL, 1);
    assert_int_equal(carry(fixture), LANE_DONE);
    assert_int_equal(fixture->item.error.code, ERROR_NONE);
}

static void outcomes_of_a_worker_that_is_gone_are_not_kept(void **state)
{
    struct fixture *fixture = *state;
    fixture->worker.crashes = true;
    assert_int_equal(carry(fixture), LANE_CRASHED);
    fixture->worker.crashes = false;
    assert_int_equal(carry(fixture), LANE_DONE);
    assert_true(fixture->item.keep);
    fixture->item.keep = false; /* the dispatcher knows that it is dying */
    reuse_keep(fixture->cache, &fixture->item);
    reuse_flush(fixture->cache);
    assert_int_equal(answers_kept(fixture), 0);
}

static void outputs_of_an_odd_form_are_not_kept(void **state)
{
    struct fixture *fixture = *state;
    give(fixture, SMALL, 2); /* two rows: /v2 would return both */
    infer(fixture);
    assert_int_equal(fixture->item.answer.kind, 0);
    fixture->request.outputs = tensor_set_first(2); /* one of them is missing */
    infer(fixture);
    assert_int_equal(answers_kept(fixture), 0);
}

/* ---- false claims that it rejects ---- */

static void what_is_hashed_no_worker_sees_before(void **state)
{
    struct fixture *fixture = *state;
    infer(fixture);
    assert_ptr_equal(fixture->store.read_to, fixture->room);
    assert_memory_equal(fixture->worker.input, "a photo", strlen("a photo"));
    fixture->request.no_cache = true;
    infer(fixture);
    assert_ptr_equal(fixture->store.read_to, fixture->worker.input);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_was_answered_once_is_neither_read_nor_run),
        TEST(equal_content_is_read_and_not_run),
        TEST(jobs_find_it_by_an_identity_they_know),
        TEST(more_classes_than_are_kept_are_inferred),
        TEST(a_model_of_few_classes_is_known_whole),
        TEST(embeddings_are_kept_as_they_are_answered),
        TEST(outputs_are_kept_for_themselves),
        TEST(another_package_pipeline_or_engine_is_another_task),
        TEST(what_takes_no_part_is_left_alone),
        TEST(content_that_is_at_fault_is_told_again),
        TEST(faults_of_the_run_are_not_kept),
        TEST(want_of_memory_is_no_outcome),
        TEST(outcomes_of_a_worker_that_is_gone_are_not_kept),
        TEST(outputs_of_an_odd_form_are_not_kept),
        TEST(what_is_hashed_no_worker_sees_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
