/* SPDX-License-Identifier: Apache-2.0
 *
 * Times searches of an index on one core, and checks their answers against brute force in double
 * precision.
 *
 *   search_bench [--isa NAME] [--rows N] [--dimension D] [--clusters N] [--near N] [--queries N]
 *                [--insert ROWS_A_SECOND] [--keep] DIRECTORY
 *
 * Makes DIRECTORY/index with N random rows (about normal; around --clusters centres where that is
 * not 0), --near of them within a thousandth of one another, and prints one JSON object:
 * milliseconds a query (best and median), what one pass over the int8 bytes takes at the read
 * bandwidth that is measured in the same run, recall@10, and, with --insert, the 50th and 99th of
 * 100 searches without and with rows being put. --keep leaves the index, for search.py. Bind it to
 * a core with taskset.
 */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "index/index.h"

enum { K = 10, QUERIES_MAX = 64, ROUNDS = 3, LATENCIES = 400, INSERTS_A_SECOND = 10 };

struct bench {
    const char *directory;
    size_t rows, dimension, clusters, near, queries, insert;
    bool keep;
    struct index *index;
    float *vectors; /* owned; all rows, as they are stored */
    float *asked;   /* owned */
};

static void fail(const char *what, const struct error *error)
{
    (void)fprintf(stderr, "search_bench: %s: %s\n", what, error ? error->message : "failed");
    exit(1);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

/* Four uniform numbers added: near enough to normal, of variance 1. */
static float next_normal(uint64_t *state)
{
    uint64_t random = next_random(state);
    int sum = (int)(random & 0xffff) + (int)(random >> 16 & 0xffff) + (int)(random >> 32 & 0xffff) +
              (int)(random >> 48);
    return (float)(sum - 131070) / 37837.0f;
}

static void add_noise(const struct bench *bench, float *vector, const float *centre, float noise,
                      uint64_t *seed)
{
    double square = 0.0;
    for (size_t i = 0; i < bench->dimension; i++) {
        vector[i] = (centre ? centre[i] : 0.0f) + noise * next_normal(seed);
        square += (double)vector[i] * (double)vector[i];
    }
    float scale = square > 0.0 ? (float)(1.0 / sqrt(square)) : 0.0f;
    for (size_t i = 0; i < bench->dimension; i++) {
        vector[i] *= scale;
    }
}

/* Centres of clusters, then the one of the near rows, are the first vectors of another series. */
static void make_vectors(struct bench *bench)
{
    uint64_t seed = 1;
    size_t dimension = bench->dimension;
    size_t centres = bench->clusters + 1;
    float *centre = malloc(centres * dimension * sizeof *centre);
    bench->vectors = malloc(bench->rows * dimension * sizeof(float));
    bench->asked = malloc(QUERIES_MAX * dimension * sizeof(float));
    if (!centre || !bench->vectors || !bench->asked) {
        fail("memory", NULL);
    }
    for (size_t i = 0; i < centres; i++) {
        add_noise(bench, centre + i * dimension, NULL, 1.0f, &seed);
    }
    float spread = 0.6f / sqrtf((float)dimension);
    size_t near_step = bench->near ? bench->rows / bench->near : 0;
    for (size_t i = 0; i < bench->rows; i++) {
        const float *around = bench->clusters ? centre + i % bench->clusters * dimension : NULL;
        bool near = near_step && i % near_step == 0 && i / near_step < bench->near;
        float noise = near ? 1e-3f / sqrtf((float)dimension) : around ? spread : 1.0f;
        add_noise(bench, bench->vectors + i * dimension,
                  near ? centre + bench->clusters * dimension : around, noise, &seed);
    }
    for (size_t i = 0; i < bench->queries; i++) {
        bool near = near_step && i % 2 == 1;
        const float *around = near              ? centre + bench->clusters * dimension
                              : bench->clusters ? centre + i % bench->clusters * dimension
                                                : NULL;
        add_noise(bench, bench->asked + i * dimension, around, around ? spread : 1.0f, &seed);
    }
    free(centre);
}

static double build(struct bench *bench)
{
    char path[4096];
    char key[32];
    struct index_shape shape = {.dimension = (uint32_t)bench->dimension, .metric = INDEX_COSINE};
    struct index_batch *batch = NULL;
    struct error error = {.code = ERROR_NONE};
    size_t batch_rows = bench->dimension > 512 ? 8192 : 65536;
    (void)snprintf(path, sizeof path, "%s/index", bench->directory);
    if (index_destroy(path, &error) < 0 || index_create(path, &shape, &error) < 0 ||
        index_open(path, NULL, &bench->index, &error) < 0 ||
        index_batch_new(bench->index, &batch) < 0) {
        fail(path, &error);
    }
    int64_t start = clock_now_ns();
    for (size_t i = 0; i < bench->rows; i++) {
        (void)snprintf(key, sizeof key, "photos/%08zu.jpg", i);
        if (index_batch_put(batch, key, bench->vectors + i * bench->dimension, &error) < 0 ||
            ((i + 1 == bench->rows || index_batch_size(batch) == batch_rows) &&
             index_batch_commit(batch, NULL, 0, &error) < 0)) {
            fail("put", &error);
        }
    }
    index_batch_free(batch);
    return (double)(clock_now_ns() - start) / 1e9;
}

/* Seconds for one pass over as many bytes: the best of several, in large pages, by the C library's
 * search for a byte that is not there, which does nothing but read. */
static double measure_pass(size_t size)
{
    void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    double best = INFINITY;
    if (bytes == MAP_FAILED) {
        fail("memory", NULL);
    }
    (void)madvise(bytes, size, MADV_HUGEPAGE);
    memset(bytes, 1, size);
    for (int round = 0; round < 20; round++) {
        int64_t start = clock_now_ns();
        if (memchr(bytes, 2, size)) {
            fail("pass", NULL);
        }
        best = fmin(best, (double)(clock_now_ns() - start) / 1e9);
    }
    (void)munmap(bytes, size);
    return best;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What this thread had of a core: on a busy machine the wall clock tells of others. */
static int64_t cpu_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static double search_ms(struct bench *bench, const float *query, size_t count,
                        struct index_answer *ret_answer)
{
    struct index_query ask = {.vectors = query, .query_count = count, .k = K};
    struct error error = {.code = ERROR_NONE};
    int64_t start = clock_now_ns();
    if (index_search(bench->index, &ask, ret_answer, &error) < 0) {
        fail("search", &error);
    }
    return (double)(clock_now_ns() - start) / 1e6;
}

/* How many of the k best by brute force are among the hits; ties at the end count as either. */
static double recall_of(const struct bench *bench, const float *query,
                        const struct index_hits *hits)
{
    double *scores = malloc(bench->rows * sizeof *scores);
    double square = 0.0;
    size_t right = 0;
    if (!scores) {
        fail("memory", NULL);
    }
    for (size_t j = 0; j < bench->dimension; j++) {
        square += (double)query[j] * (double)query[j];
    }
    for (size_t i = 0; i < bench->rows; i++) {
        const float *row = bench->vectors + i * bench->dimension;
        double sum = 0.0;
        for (size_t j = 0; j < bench->dimension; j++) {
            sum += (double)row[j] * (double)query[j];
        }
        scores[i] = sum / sqrt(square);
    }
    double of_hits[K];
    for (size_t i = 0; i < hits->count; i++) {
        of_hits[i] = scores[strtoul(hits->hits[i].key + strlen("photos/"), NULL, 10)];
    }
    qsort(scores, bench->rows, sizeof *scores, by_size);
    for (size_t i = 0; i < hits->count; i++) {
        right += of_hits[i] >= scores[bench->rows - K] - 1e-14;
    }
    free(scores);
    return (double)right / K;
}

/* Best and median milliseconds of the even, and of the odd queries, and the worst recall. */
static void measure_searches(struct bench *bench, double pass_s)
{
    double times[2][QUERIES_MAX];
    double recall = 1.0;
    double cpu[2] = {INFINITY, INFINITY};
    size_t counts[2] = {0};
    struct index_answer answer;
    struct index_status before, after;
    index_status(bench->index, &before);
    for (size_t q = 0; q < bench->queries; q++) {
        const float *query = bench->asked + q * bench->dimension;
        size_t kind = bench->near ? q % 2 : 0;
        double best = INFINITY;
        for (int round = 0; round < ROUNDS; round++) {
            int64_t start = cpu_now_ns();
            best = fmin(best, search_ms(bench, query, 1, &answer));
            cpu[kind] = fmin(cpu[kind], (double)(cpu_now_ns() - start) / 1e6);
            if (round == 0 && q < 6) {
                recall = fmin(recall, recall_of(bench, query, &answer.queries[0]));
            }
            index_answer_done(&answer);
        }
        times[kind][counts[kind]++] = best;
    }
    index_status(bench->index, &after);
    size_t together = bench->queries < 16 ? bench->queries : 16;
    double many = INFINITY;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t start = cpu_now_ns();
        (void)search_ms(bench, bench->asked, together, &answer);
        many = fmin(many, (double)(cpu_now_ns() - start) / 1e6 / (double)together);
        index_answer_done(&answer);
    }
    /* Again, at the other end: on a shared machine the bandwidth comes and goes. */
    pass_s = fmin(pass_s, measure_pass(bench->rows * bench->dimension));
    for (int kind = 0; kind < 2; kind++) {
        qsort(times[kind], counts[kind], sizeof times[kind][0], by_size);
    }
    printf("\"ms\": %.3f, \"median_ms\": %.3f, \"pass_ms\": %.3f, \"ratio\": %.3f, "
           "\"median_ratio\": %.3f, \"gb_s\": %.2f, \"recall\": %.3f, \"cpu_ms\": %.3f, "
           "\"cpu_ms_of_16\": %.3f, ",
           times[0][0], times[0][counts[0] / 2], pass_s * 1e3, times[0][0] / (pass_s * 1e3),
           times[0][counts[0] / 2] / (pass_s * 1e3),
           (double)(bench->rows * bench->dimension) / times[0][0] / 1e6, recall, cpu[0], many);
    printf("\"rescored\": %.0f, ",
           (double)(after.rescored - before.rescored) / (double)(bench->queries * ROUNDS));
    if (counts[1] > 0) {
        printf("\"near_ms\": %.3f, \"near_cpu_ms\": %.3f, ", times[1][0], cpu[1]);
    }
}

struct insertion {
    struct bench *bench;
    atomic_bool stop;
    size_t inserted;
};

static void *insert_rows(void *arg)
{
    struct insertion *insertion = arg;
    struct bench *bench = insertion->bench;
    struct index_batch *batch = NULL;
    struct error error = {.code = ERROR_NONE};
    char key[32];
    if (index_batch_new(bench->index, &batch) < 0) {
        fail("batch", NULL);
    }
    while (!atomic_load(&insertion->stop)) {
        struct timespec pause = {.tv_nsec = 1000000000 / INSERTS_A_SECOND};
        for (size_t i = 0; i < bench->insert / INSERTS_A_SECOND; i++) {
            (void)snprintf(key, sizeof key, "new/%08zu.jpg", insertion->inserted++);
            if (index_batch_put(batch, key,
                                bench->vectors + insertion->inserted % 1000 * bench->dimension,
                                &error) < 0) {
                fail("put", &error);
            }
        }
        if (index_batch_commit(batch, NULL, 0, &error) < 0) {
            fail("commit", &error);
        }
        (void)nanosleep(&pause, NULL);
    }
    index_batch_free(batch);
    return NULL;
}

static void measure_latency(struct bench *bench, const char *name)
{
    double times[LATENCIES];
    struct index_answer answer;
    for (size_t i = 0; i < LATENCIES; i++) {
        size_t q = i % bench->queries & ~(size_t)1;
        times[i] = search_ms(bench, bench->asked + q * bench->dimension, 1, &answer);
        index_answer_done(&answer);
    }
    qsort(times, LATENCIES, sizeof times[0], by_size);
    printf("\"%s_p50_ms\": %.3f, \"%s_p99_ms\": %.3f, ", name, times[LATENCIES / 2], name,
           times[LATENCIES * 99 / 100]);
}

static void measure_inserting(struct bench *bench)
{
    struct insertion insertion = {.bench = bench};
    pthread_t thread;
    measure_latency(bench, "idle");
    if (pthread_create(&thread, NULL, insert_rows, &insertion) != 0) {
        fail("thread", NULL);
    }
    int64_t start = clock_now_ns();
    measure_latency(bench, "inserting");
    double seconds = (double)(clock_now_ns() - start) / 1e9;
    atomic_store(&insertion.stop, true);
    (void)pthread_join(thread, NULL);
    printf("\"inserted_a_second\": %.0f, ", (double)insertion.inserted / seconds);
}

static void parse(int argc, char **argv, struct bench *bench)
{
    struct {
        const char *name;
        size_t *value;
        size_t most;
    } numbers[] = {{"--rows", &bench->rows, 100000000},
                   {"--dimension", &bench->dimension, INDEX_DIMENSION_MAX},
                   {"--clusters", &bench->clusters, 1000000},
                   {"--near", &bench->near, 1000000},
                   {"--queries", &bench->queries, QUERIES_MAX},
                   {"--insert", &bench->insert, 100000}};
    for (int i = 1; i < argc; i++) {
        bool taken = strcmp(argv[i], "--keep") == 0;
        bench->keep = bench->keep || taken;
        if (strcmp(argv[i], "--isa") == 0 && i + 1 < argc) {
            taken = index_select_isa(argv[++i]) == 0;
        }
        for (size_t j = 0; !taken && j < sizeof numbers / sizeof numbers[0]; j++) {
            if (strcmp(argv[i], numbers[j].name) == 0 && i + 1 < argc) {
                *numbers[j].value = strtoul(argv[++i], NULL, 10);
                taken = *numbers[j].value <= numbers[j].most;
            }
        }
        if (!taken && argv[i][0] != '-' && !bench->directory) {
            bench->directory = argv[i];
            taken = true;
        }
        if (!taken) {
            (void)fprintf(stderr, "search_bench: what is '%s'?\n", argv[i]);
            exit(2);
        }
    }
    if (!bench->directory || bench->rows < 1000 || bench->dimension < 1 || bench->queries < 1) {
        (void)fprintf(stderr, "search_bench: wants a directory, 1000 rows, a dimension, a query\n");
        exit(2);
    }
}

int main(int argc, char **argv)
{
    struct bench bench = {.rows = 100000, .dimension = 512, .queries = 20};
    char path[4096];
    struct error error = {.code = ERROR_NONE};
    parse(argc, argv, &bench);
    make_vectors(&bench);
    double build_s = build(&bench);
    printf(
        "{\"isa\": \"%s\", \"rows\": %zu, \"dimension\": %zu, \"clusters\": %zu, \"near\": %zu, ",
        index_isa(), bench.rows, bench.dimension, bench.clusters, bench.near);
    double pass_s = measure_pass(bench.rows * bench.dimension);
    measure_searches(&bench, pass_s);
    if (bench.insert > 0) {
        measure_inserting(&bench);
    }
    printf("\"build_s\": %.2f}\n", build_s);
    index_close(bench.index);
    (void)snprintf(path, sizeof path, "%s/index", bench.directory);
    if (!bench.keep && index_destroy(path, &error) < 0) {
        fail(path, &error);
    }
    free(bench.vectors);
    free(bench.asked);
    return 0;
}
