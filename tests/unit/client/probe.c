/* SPDX-License-Identifier: Apache-2.0
 *
 * A program on libsitu for tests of functions that the CLI does not offer: runs with few retries
 * and a labels mode, one handle in many threads, a run that is abandoned, a long list, and misused
 * calls. The address is $SITU_ADDRESS, the mode $PROBE_MODE, the selection argv[1].
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <situ.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { THREADS = 8, ROUNDS = 80 };

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "line %d: %s is false\n", __LINE__, #condition);                 \
            exit(3);                                                                               \
        }                                                                                          \
    } while (0)

static struct situ *open_array(void)
{
    struct situ_options options = {
        .struct_size = sizeof options, .retries = 3, .retry_wait_ms = 10};
    struct situ *array;
    CHECK(situ_open(NULL, &options, &array, NULL) == 0);
    return array;
}

static int run_prefix(const char *selection)
{
    const char *labels = getenv("PROBE_LABELS");
    struct situ_run_options options = {
        .struct_size = sizeof options, .top = 1, .labels = labels ? (uint32_t)atoi(labels) : 0};
    struct situ *array = open_array();
    struct situ_results *results;
    const struct situ_result *r;
    struct situ_error error = {.message = ""};
    struct situ_progress progress = {.struct_size = sizeof progress};
    uint64_t sent;
    uint64_t received;

    int more = situ_run(array, "cnn", selection, &options, &results, &error);
    CHECK((more == 0) == (results != NULL));
    while (more >= 0 && (more = situ_next(results, &r, &error)) > 0) {
        (void)printf("%s\t%s\t%.3f\n", r->object, r->classes[0].label, (double)r->classes[0].score);
    }
    if (more < 0) {
        CHECK(error.message[0] && error.code);
        (void)fprintf(stderr, "%s: %s\n", situ_code_name(error.code), error.message);
        /* A run that has ended returns the same reason again. */
        struct situ_error again;
        CHECK(!results || (situ_next(results, &r, &again) == more && again.code == error.code));
    } else {
        CHECK(situ_next(results, &r, &error) == 0);
    }
    situ_traffic(array, &sent, &received);
    if (results) {
        CHECK(situ_results_progress(results, &progress) == 0);
        CHECK(progress.bytes_sent == sent && progress.bytes_received == received);
        CHECK(more < 0 || progress.done == progress.selected);
    }
    (void)printf("traffic %" PRIu64 " %" PRIu64 "\n", sent, received);
    situ_results_free(results);
    situ_close(array);
    return more < 0 ? 1 : 0;
}

struct worker {
    pthread_t thread;
    struct situ *array;
    int answers;
};

static void *infer_many(void *context)
{
    struct worker *worker = context;
    for (int i = 0; i < ROUNDS; i++) {
        struct situ_result *result;
        struct situ_error error;
        char name[64];
        (void)snprintf(name, sizeof name, "photos/2024/%06d.jpg", i % 40);
        if (situ_infer(worker->array, "cnn", name, NULL, &result, &error)) {
            (void)fprintf(stderr, "%s\n", error.message);
            continue;
        }
        worker->answers += strcmp(result->object, name) == 0 && result->class_count == 5;
        situ_result_free(result);
    }
    return NULL;
}

static int run_threads(void)
{
    struct worker workers[THREADS] = {0};
    struct situ *array = open_array();
    int answers = 0;
    for (int i = 0; i < THREADS; i++) {
        workers[i].array = array;
        CHECK(pthread_create(&workers[i].thread, NULL, infer_many, &workers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(workers[i].thread, NULL) == 0);
        answers += workers[i].answers;
    }
    (void)printf("%d answers\n", answers);
    situ_close(array);
    return 0;
}

static int run_misuse(const char *selection)
{
    struct situ_error error = {.code = 77};
    struct situ_results *results = (struct situ_results *)&error;
    struct situ_result *result;
    struct situ_models *models;
    struct situ_job *job = (struct situ_job *)&error;
    struct situ_cache *cache = (struct situ_cache *)&error;
    const struct situ_result *r;
    struct situ *array = (struct situ *)&error;

    /* A sequence of calls with NULL: each one fails, none changes the first error. */
    CHECK(situ_open("ftp://x", NULL, &array, &error) == -EINVAL && error.code == SITU_USAGE);
    error.code = 77;
    CHECK(array == NULL);
    CHECK(situ_run(array, "cnn", selection, NULL, &results, &error) == -EINVAL && !results);
    CHECK(situ_next(results, &r, &error) == -EINVAL);
    CHECK(situ_infer(array, "cnn", "a/b", NULL, &result, &error) == -EINVAL && !result);
    CHECK(situ_model_list(array, &models, &error) == -EINVAL && !models);
    CHECK(situ_job_start(array, "cnn", selection, NULL, &job, &error) == -EINVAL && !job);
    CHECK(situ_job_follow(array, "x", 0, NULL, &results, &error) == -EINVAL && !results);
    CHECK(situ_job_show(array, "x", &job, &error) == -EINVAL && !job);
    CHECK(situ_job_remove(array, "x", &error) == -EINVAL);
    CHECK(situ_cache_status(array, &cache, &error) == -EINVAL && !cache);
    CHECK(situ_cache_clear(array, &error) == -EINVAL);
    CHECK(error.code == 77 && strcmp(situ_results_job(results), "") == 0);
    situ_job_free(job);
    situ_jobs_free(NULL);
    situ_cache_free(cache);
    situ_results_free(results);
    situ_result_free(result);
    situ_models_free(models);
    situ_close(array);

    array = open_array();
    struct situ_run_options options = {.struct_size = 3};
    CHECK(situ_run(array, "cnn", selection, &options, &results, &error) == -EINVAL);
    options = (struct situ_run_options){.struct_size = sizeof options, .top = 1001};
    CHECK(situ_run(array, "cnn", selection, &options, &results, &error) == -EINVAL);
    struct {
        struct situ_run_options known;
        uint64_t unknown;
    } newer = {.known = {.struct_size = sizeof newer, .top = 1}};
    CHECK(situ_infer(array, "cnn", "photos/x", &newer.known, &result, &error) == -ENOENT);
    newer.unknown = 1;
    CHECK(situ_infer(array, "cnn", "photos/x", &newer.known, &result, &error) == -EINVAL);
    CHECK(situ_run(array, "", selection, NULL, &results, &error) == -EINVAL);
    CHECK(situ_run(array, "cnn", NULL, NULL, &results, &error) == -EINVAL);
    CHECK(situ_infer(array, "cnn", "nokey", NULL, &result, &error) == -EINVAL);
    CHECK(situ_run_objects(array, "cnn", NULL, 3, NULL, &results, &error) == -EINVAL);
    const char *const bad_ids[] = {"", "a/b", "../x", "a b", "x?y", NULL};
    for (size_t i = 0; i < sizeof bad_ids / sizeof bad_ids[0]; i++) {
        CHECK(situ_job_show(array, bad_ids[i], &job, &error) == -EINVAL && !job);
        CHECK(situ_job_remove(array, bad_ids[i], &error) == -EINVAL);
    }
    char endless[1200];
    memset(endless, 'k', sizeof endless - 1);
    endless[0] = '\xff';
    endless[sizeof endless - 1] = '\0';
    const char *refused[] = {"", endless};
    CHECK(situ_run_objects(array, "cnn", refused, 2, NULL, &results, &error) == 0);
    CHECK(strcmp(situ_results_job(results), "") == 0);
    CHECK(situ_next(results, &r, &error) == 1 && r->code == SITU_MALFORMED);
    CHECK(situ_result_raw_name(r) == r->object);
    CHECK(situ_next(results, &r, &error) == 1 && r->code == SITU_MALFORMED);
    CHECK(memcmp(r->object, "%FFk", 4) == 0 && strcmp(situ_result_raw_name(r), endless) == 0);
    const struct situ_result copy = *r;
    char *json = NULL;
    CHECK(situ_result_json(&copy, &json) == 0 && strstr(json, "kkk\",\"encoded\":true,\"error\""));
    free(json);
    CHECK(situ_next(results, &r, &error) == 0);
    situ_results_free(results);
    CHECK(situ_run_objects(array, "cnn", NULL, 0, NULL, &results, &error) == 0);
    CHECK(situ_next(results, &r, &error) == 0);
    situ_results_free(results);
    CHECK(strcmp(situ_code_name(SITU_NOT_FOUND), "not_found") == 0);
    CHECK(strcmp(situ_code_name(-5), "unknown") == 0);
    situ_close(array);
    return 0;
}

/* A million names in the caller's memory, sent without a copy. */
static int start_many(void)
{
    enum { COUNT = 1000000, NAME_SIZE = 32 };
    char *text = malloc((size_t)COUNT * NAME_SIZE);
    const char **names = malloc(COUNT * sizeof *names);
    struct situ_job *job = NULL;
    struct rusage before;
    struct rusage after;
    struct situ *array = open_array();
    CHECK(text && names);
    for (size_t i = 0; i < COUNT; i++) {
        names[i] = text + i * NAME_SIZE;
        (void)snprintf(text + i * NAME_SIZE, NAME_SIZE, "photos/2024/%07zu.jpg", i);
    }
    CHECK(getrusage(RUSAGE_SELF, &before) == 0);
    CHECK(situ_job_start_objects(array, "cnn", names, COUNT, NULL, &job, NULL) == 0);
    CHECK(getrusage(RUSAGE_SELF, &after) == 0);
    (void)printf("%s %ld\n", job->id, after.ru_maxrss - before.ru_maxrss);
    situ_job_free(job);
    CHECK(situ_job_start_objects(array, "cnn", names, 0, NULL, &job, NULL) == -EINVAL && !job);
    names[3] = "";
    CHECK(situ_job_start_objects(array, "cnn", names, 5, NULL, &job, NULL) == -EINVAL && !job);
    situ_close(array);
    free(names);
    free(text);
    return 0;
}

struct patience {
    int waits; /* until it ends */
};

static int lose_patience(void *context)
{
    struct patience *patience = context;
    return --patience->waits <= 0;
}

/* Stops a wait, continues, and ends the run early. */
static int leave(const char *selection)
{
    struct patience patience = {.waits = 1000};
    struct situ_run_options options = {
        .struct_size = sizeof options, .on_wait = lose_patience, .context = &patience};
    struct situ *array = open_array();
    struct situ_results *results;
    const struct situ_result *r;
    struct situ_error error;
    int given = 0;

    CHECK(situ_run(array, "cnn", selection, &options, &results, &error) == 0);
    patience.waits = 2;
    for (int stops = 0; stops < 3; stops++) {
        int more;
        while ((more = situ_next(results, &r, &error)) > 0) {
            given++;
        }
        CHECK(more == -ECANCELED && error.code == SITU_CANCELLED);
        CHECK(strcmp(error.message, "stopped by the caller") == 0);
    }
    struct situ_progress progress = {.struct_size = sizeof progress};
    CHECK(situ_results_progress(results, &progress) == 0);
    (void)printf("%s %d %" PRIu64 " %s\n", situ_results_job(results), given, progress.cursor,
                 progress.state);
    situ_results_free(results);
    situ_close(array);
    return 0;
}

/* Hits of a stored object, of many vectors, and an index of rows in memory. */
static int search(const char *object)
{
    enum { COUNT = 130, ROWS = 3 };
    struct situ *array = open_array();
    struct situ_search_options options = {.struct_size = sizeof options, .k = 3};
    struct situ_hits *hits;
    struct situ_batch *batch;
    struct situ_index *index;
    struct situ_error error;
    float vectors[2 * COUNT];
    int misplaced = 0;

    CHECK(situ_search(array, "like", object, &options, &hits, &error) == 0);
    for (size_t i = 0; i < hits->count; i++) {
        (void)printf("%s %.4f\n", hits->hits[i].object, hits->hits[i].score);
    }
    situ_hits_free(hits);
    for (int i = 0; i < COUNT; i++) {
        vectors[2 * i] = (float)i;
        vectors[2 * i + 1] = 0;
    }
    options.k = 1;
    CHECK(situ_search_vectors(array, "like", vectors, COUNT, 2, &options, &batch, &error) == 0);
    CHECK(batch->count == COUNT);
    for (int i = 0; i < COUNT; i++) {
        const struct situ_hits *found = &batch->queries[i];
        double each = i > 0 ? batch->queries[1].hits[0].score * i : 0;
        CHECK(found->count == 1);
        misplaced += found->hits[0].score > each + 1e-3 || found->hits[0].score < each - 1e-3;
    }
    (void)printf("%d queries, %d out of place\n", COUNT, misplaced);
    situ_batch_free(batch);
    const char *const names[ROWS] = {"a/0", "a/1", "a/2"};
    const float rows[2 * ROWS] = {0, 0.5F, 1, 1.5F, 2, 2.5F};
    CHECK(situ_index_import_rows(array, "made", names, rows, ROWS, 2, NULL, &index, &error) == 0);
    (void)printf("import %" PRIu64 " rows of %" PRIu32 "\n", index->rows, index->dimension);
    situ_index_free(index);
    situ_close(array);
    return 0;
}

static void misuse_search(void)
{
    struct situ *array = open_array();
    struct situ_search_options options = {.struct_size = sizeof options, .k = 1001};
    const float broken[2] = {0, (float)(1e308 * 10)};
    struct situ_hits *hits = (struct situ_hits *)&options;
    struct situ_batch *batch = NULL;
    struct situ_groups *groups = NULL;
    struct situ_index *index = NULL;
    void *bytes = &options;
    size_t size = 0;

    CHECK(situ_search(NULL, "like", "a/b", NULL, &hits, NULL) == -EINVAL && !hits);
    CHECK(situ_search(array, "like", "a/b", &options, &hits, NULL) == -EINVAL);
    options = (struct situ_search_options){
        .struct_size = sizeof options, .has_min_score = 1, .min_score = (double)broken[1]};
    CHECK(situ_search(array, "like", "a/b", &options, &hits, NULL) == -EINVAL);
    CHECK(situ_search(array, "a/b", "a/b", NULL, &hits, NULL) == -EINVAL);
    CHECK(situ_search(array, "like", "nokey", NULL, &hits, NULL) == -EINVAL);
    CHECK(situ_search_bytes(array, "like", NULL, 0, NULL, &hits, NULL) == -EINVAL);
    CHECK(situ_search_vectors(array, "like", broken, 1, 2, NULL, &batch, NULL) == -EINVAL);
    CHECK(situ_search_vectors(array, "like", broken, 0, 2, NULL, &batch, NULL) == -EINVAL);
    CHECK(situ_search_vectors(array, "like", broken, 1, 4097, NULL, &batch, NULL) == -EINVAL);
    CHECK(situ_duplicates(array, "like", (double)broken[1], NULL, &groups, NULL) == -EINVAL);
    CHECK(situ_group_next(groups, NULL, NULL) == -EINVAL && situ_groups_looked_at(groups) == 0);
    CHECK(situ_groups_damaged(groups) == 0 && situ_vectors_damaged(NULL) == 0);
    CHECK(situ_vector_next(NULL, NULL, NULL) == -EINVAL);
    CHECK(situ_index_create(array, ".x", "clip", "photos", NULL, &index, NULL) == -EINVAL);
    CHECK(situ_index_create(array, "x", "clip", "", NULL, &index, NULL) == -EINVAL);
    CHECK(situ_index_import_rows(array, "x", NULL, NULL, 3, 2, NULL, &index, NULL) == -EINVAL);
    CHECK(situ_thumbnail(array, "photos/x", 8, &bytes, &size, NULL) == -EINVAL && !bytes);
    CHECK(situ_thumbnail(NULL, "photos/x", 0, &bytes, &size, NULL) == -EINVAL);
    situ_hits_free(hits);
    situ_batch_free(batch);
    situ_groups_free(groups);
    situ_vectors_free(NULL);
    situ_index_free(index);
    situ_indexes_free(NULL);
    situ_close(array);
}

int main(int argc, char **argv)
{
    const char *mode = getenv("PROBE_MODE");
    if (argc < 2 || !mode) {
        return 2;
    }
    if (strcmp(mode, "threads") == 0) {
        return run_threads();
    }
    if (strcmp(mode, "many") == 0) {
        return start_many();
    }
    if (strcmp(mode, "leave") == 0) {
        return leave(argv[1]);
    }
    if (strcmp(mode, "search") == 0) {
        return search(argv[1]);
    }
    if (strcmp(mode, "misuse") == 0) {
        misuse_search();
        return run_misuse(argv[1]);
    }
    return run_prefix(argv[1]);
}
