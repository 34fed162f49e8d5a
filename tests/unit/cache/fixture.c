/* SPDX-License-Identifier: Apache-2.0
 *
 * The fixture of the cache's tests.
 */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void report(void *context, enum cache_event event, const char *message)
{
    struct fixture *fixture = context;
    fixture->events[event]++;
    (void)snprintf(fixture->message, sizeof fixture->message, "%s", message);
}

int fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    (void)snprintf(fixture->root, sizeof fixture->root, "/tmp/situ-results-XXXXXX");
    assert_non_null(mkdtemp(fixture->root));
    (void)snprintf(fixture->directory, sizeof fixture->directory, "%s/results", fixture->root);
    (void)snprintf(fixture->data, sizeof fixture->data, "%s/data.mdb", fixture->directory);
    *state = fixture;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", fixture->root);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

struct cache_options fixture_options(struct fixture *fixture, uint64_t limit_bytes)
{
    return (struct cache_options){
        .directory = fixture->directory,
        .limit_bytes = limit_bytes ? limit_bytes : CACHE_LIMIT_BYTES_MIN,
        .delay_ms = 1,
        .retry_ms = 100,
        .report = report,
        .report_context = fixture,
    };
}

struct cache *fixture_open(struct fixture *fixture, uint64_t limit_bytes)
{
    struct cache_options options = fixture_options(fixture, limit_bytes);
    struct cache *results = NULL;
    struct error error = {.code = ERROR_NONE};
    int r = cache_open(&options, &results, &error);
    if (r < 0) {
        print_error("%s\n", error.message);
    }
    assert_int_equal(r, 0);
    return results;
}

struct identity fixture_identity(uint64_t number)
{
    return identity_of_words((const uint64_t[]){11, number, 1000 + number, number * 3, number * 5});
}

struct cache_digest fixture_content(uint64_t number)
{
    struct cache_digest digest;
    assert_int_equal(cache_hash(&number, sizeof number, &digest), 0);
    return digest;
}

struct cache_digest fixture_task(void)
{
    static const uint8_t model[32] = {1, 2, 3};
    struct cache_digest task;
    assert_int_equal(cache_task_digest(model, "top", 3, &task), 0);
    return task;
}

static void make_embedding(uint64_t number, struct fixture_value *made)
{
    for (size_t i = 0; i < 700; i++) {
        made->embedding[i] = (float)(number * 31 + i) / 1024.0F;
    }
    made->value.kind = &answer_embedding;
    made->value.embedding = made->embedding;
    made->value.embedding_size = 700;
}

static void make_tensor(uint64_t number, struct fixture_value *made)
{
    for (size_t i = 0; i < sizeof made->bytes; i++) {
        made->bytes[i] = (uint8_t)((number * 131 + i * 7) >> 3);
    }
    made->tensor = (struct tensor){.index = 3,
                                   .datatype = DATATYPE_FP32,
                                   .shape = {.rank = 2, .dims = {100, 100}},
                                   .data = made->bytes,
                                   .size_bytes = sizeof made->bytes};
    made->value.kind = &answer_tensors;
    made->value.tensors = &made->tensor;
    made->value.tensor_count = 1;
}

void fixture_value_make(uint64_t number, struct fixture_value *ret_value)
{
    memset(&ret_value->value, 0, sizeof ret_value->value);
    if (number % 100 == 99) {
        make_tensor(number, ret_value);
    } else if (number % 16 == 15) {
        make_embedding(number, ret_value);
    } else if (number % 17 == 16) {
        (void)snprintf(ret_value->message, sizeof ret_value->message, "not an image: %llu",
                       (unsigned long long)number);
        ret_value->value.kind = &answer_failure;
        ret_value->value.error_code = ERROR_UNDECODABLE;
        ret_value->value.error_message = ret_value->message;
    } else {
        ret_value->value.kind = &answer_classes;
        ret_value->value.class_count = 16;
        for (uint32_t i = 0; i < 16; i++) {
            ret_value->value.few[i].index = (uint32_t)number * 16 + i;
            ret_value->value.few[i].score = 1.0F / (float)(number + i + 1);
        }
    }
}

void fixture_put(struct cache *results, uint64_t number)
{
    struct fixture_value made;
    struct identity identity = fixture_identity(number);
    struct cache_digest content = fixture_content(number);
    struct cache_digest task = fixture_task();
    fixture_value_make(number, &made);
    cache_put_content(results, FIXTURE_STORE, &identity, &content, true);
    (void)cache_put_answer(results, &content, &task, &made.value);
}

static bool same(const struct answer *a, const struct answer *b)
{
    if (a->kind != b->kind || a->class_count != b->class_count ||
        a->embedding_size != b->embedding_size || a->tensor_count != b->tensor_count) {
        return false;
    }
    if (a->kind == &answer_classes) {
        return memcmp(a->few, b->few, a->class_count * sizeof a->few[0]) == 0;
    }
    if (a->kind == &answer_embedding) {
        return memcmp(a->embedding, b->embedding, a->embedding_size * sizeof(float)) == 0;
    }
    if (a->kind == &answer_tensors) {
        return a->tensors[0].index == b->tensors[0].index &&
               a->tensors[0].datatype == b->tensors[0].datatype &&
               a->tensors[0].shape.rank == b->tensors[0].shape.rank &&
               a->tensors[0].shape.dims[0] == b->tensors[0].shape.dims[0] &&
               a->tensors[0].shape.dims[1] == b->tensors[0].shape.dims[1] &&
               a->tensors[0].size_bytes == b->tensors[0].size_bytes &&
               memcmp(a->tensors[0].data, b->tensors[0].data, a->tensors[0].size_bytes) == 0;
    }
    return a->error_code == b->error_code && strcmp(a->error_message, b->error_message) == 0;
}

int fixture_look(struct cache *results, uint64_t number)
{
    struct fixture_value wanted;
    struct answer found;
    struct identity identity = fixture_identity(number);
    struct cache_digest right = fixture_content(number);
    struct cache_digest content;
    struct cache_digest task = fixture_task();
    bool known = cache_find_content(results, FIXTURE_STORE, &identity, &content);
    if (known && memcmp(&content, &right, sizeof content) != 0) {
        return -1;
    }
    if (!cache_find_answer(results, &right, &task, &found)) {
        return 0;
    }
    fixture_value_make(number, &wanted);
    bool good = same(&found, &wanted.value);
    answer_done(&found);
    return good ? known : -1;
}
