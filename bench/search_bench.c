/* SPDX-License-Identifier: Apache-2.0
 *
 * Times searches of an index on one core, and checks their answers against brute force in double
 * precision, with each instruction set of the CPU.
 *
 *   search_bench [--isa NAME] [--rows N] [--dimension D] [--data NAME] [--near N] [--queries N]
 *                [--insert ROWS_A_SECOND] [--check] [--keep] DIRECTORY
 *
 * Creates DIRECTORY/index with N rows: `sphere` (unclustered, all directions equally likely),
 * `mixture` (Gaussians around 2,000 centres) or `cone` (unclustered, all rows pointing in nearly
 * the same direction). --near of them are within a thousandth of one another; every other query is
 * close to these. Prints one JSON object: best and median milliseconds of the queries, in wall and
 * CPU time; the CPU time relative to one pass over the int8 bytes, where passes and searches
 * alternate; the same for the queries close to the near rows; the CPU time of searches beneath a
 * prefix that 1 % and 50 % of the rows have, relative to those of all; recall@10 of all queries.
 * With
 * --insert also: the 50th and 99th percentile of 400 searches while idle and while rows are
 * written, the rows written per second, and the number of answers meanwhile that were not exactly
 * those of the rows committed at the start of the search.
 *
 * --check only checks answers. The exit status is 1 if an answer is not exact. --keep keeps the
 * index, for search.py. Bind it to a core with taskset.
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

enum {
    K = 10,
    QUERIES_MAX = 64,
    ROUNDS = 8,
    CENTRES = 2000,
    LATENCIES = 400,
    COMMITS_A_SECOND = 10,
    COMMITS_MAX = 1000
};

/* The best rows by brute force, best first; rows from bench.rows on are written later. */
struct truth {
    size_t count;
    size_t rows[K];
    double scores[K];
};

struct bench {
    const char *directory;
    const char *data;
    size_t rows, dimension, near, queries, insert;
    bool keep, check;
    struct index *index;
    float *vectors; /* owned; all rows, as they are stored */
    float *asked;   /* owned */
    struct truth truths[QUERIES_MAX];
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

/* The sum of four uniform numbers: approximately normal, of variance 1. */
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

static bool is_data(const struct bench *bench, const char *name)
{
    return strcmp(bench->data, name) == 0;
}

static float *make_floats(size_t count)
{
    float *floats = malloc(count * sizeof *floats);
    if (!floats) {
        fail("memory", NULL);
    }
    return floats;
}

/* The first centre is that of the near rows. All rows of a cone are around the next one; each of
 * the others has a part of a mixture. */
static float *make_centres(const struct bench *bench, uint64_t *seed)
{
    float *centres = make_floats((CENTRES + 1) * bench->dimension);
    for (size_t i = 0; i <= CENTRES; i++) {
        add_noise(bench, centres + i * bench->dimension, NULL, 1.0f, seed);
    }
    return centres;
}

static void make_vector(const struct bench *bench, const float *centres, size_t i, float *vector,
                        uint64_t *seed)
{
    float spread = 0.6f / sqrtf((float)bench->dimension);
    size_t centre = is_data(bench, "mixture") ? 1 + i % CENTRES : 1;
    if (is_data(bench, "sphere")) {
        add_noise(bench, vector, NULL, 1.0f, seed);
    } else {
        add_noise(bench, vector, centres + centre * bench->dimension, spread, seed);
    }
}

static void make_vectors(struct bench *bench)
{
    uint64_t seed = 1;
    size_t dimension = bench->dimension;
    float unit = 1.0f / sqrtf((float)dimension);
    float *centres = make_centres(bench, &seed);
    size_t near_step = bench->near ? bench->rows / bench->near : 0;
    bench->vectors = make_floats(bench->rows * dimension);
    bench->asked = make_floats(QUERIES_MAX * dimension);
    for (size_t i = 0; i < bench->rows; i++) {
        float *vector = bench->vectors + i * dimension;
        if (near_step && i % near_step == 0 && i / near_step < bench->near) {
            add_noise(bench, vector, centres, 1e-3f * unit, &seed);
        } else {
            make_vector(bench, centres, i, vector, &seed);
        }
    }
    for (size_t i = 0; i < bench->queries; i++) {
        float *vector = bench->asked + i * dimension;
        if (near_step && i % 2 == 1) {
            add_noise(bench, vector, centres, 0.6f * unit, &seed);
        } else {
            make_vector(bench, centres, i, vector, &seed);
        }
    }
    free(centres);
}

/* ---- brute force ---- */

static double dot(const struct bench *bench, const float *a, const float *b)
{
    double sums[4] = {0.0};
    size_t i = 0;
    for (; i + 4 <= bench->dimension; i += 4) {
        for (size_t j = 0; j < 4; j++) {
            sums[j] += (double)a[i + j] * (double)b[i + j];
        }
    }
    for (; i < bench->dimension; i++) {
        sums[0] += (double)a[i] * (double)b[i];
    }
    return sums[0] + sums[1] + sums[2] + sums[3];
}

static void take(struct truth *truth, size_t row, double score)
{
    size_t at = truth->count;
    while (at > 0 && truth->scores[at - 1] < score) {
        at--;
    }
    if (at == K) {
        return;
    }
    truth->count += truth->count < K;
    for (size_t i = truth->count - 1; i > at; i--) {
        truth->rows[i] = truth->rows[i - 1];
        truth->scores[i] = truth->scores[i - 1];
    }
    truth->rows[at] = row;
    truth->scores[at] = score;
}

static void find_truths(struct bench *bench)
{
    for (size_t q = 0; q < bench->queries; q++) {
        const float *query = bench->asked + q * bench->dimension;
        double length = sqrt(dot(bench, query, query));
        bench->truths[q].count = 0;
        for (size_t i = 0; i < bench->rows; i++) {
            take(&bench->truths[q], i,
                 dot(bench, bench->vectors + i * bench->dimension, query) / length);
        }
    }
}

/* The prefixes of measure_filters lie scattered over the rows, which costs most. */
static const char *place_of(size_t row)
{
    if (row % 100 == 0) {
        return "hundredth";
    }
    return row % 2 == 0 ? "rest" : "half";
}

static double build(struct bench *bench)
{
    char path[4096];
    char key[48];
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
        (void)snprintf(key, sizeof key, "%s/%08zu.jpg", place_of(i), i);
        if (index_batch_put(batch, key, bench->vectors + i * bench->dimension, &error) < 0 ||
            ((i + 1 == bench->rows || index_batch_size(batch) == batch_rows) &&
             index_batch_commit(batch, NULL, 0, &error) < 0)) {
            fail("put", &error);
        }
    }
    index_batch_free(batch);
    return (double)(clock_now_ns() - start) / 1e9;
}

/* A buffer of the size of the int8 copy, in large pages. */
struct passes {
    void *bytes; /* owned */
    size_t size;
    double best_ms;
};

static void passes_init(struct passes *passes, size_t size)
{
    *passes = (struct passes){.size = size, .best_ms = INFINITY};
    passes->bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (passes->bytes == MAP_FAILED) {
        fail("memory", NULL);
    }
    (void)madvise(passes->bytes, size, MADV_HUGEPAGE);
    memset(passes->bytes, 1, size);
}

/* Milliseconds for one pass over the buffer: the C library searches for a byte that does not occur,
 * so it only reads. */
static double measure_pass(struct passes *passes)
{
    int64_t start = clock_now_ns();
    if (memchr(passes->bytes, 2, passes->size)) {
        fail("pass", NULL);
    }
    double ms = (double)(clock_now_ns() - start) / 1e6;
    passes->best_ms = fmin(passes->best_ms, ms);
    return ms;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* CPU time of this thread: on a busy machine wall time includes other programs. */
static int64_t cpu_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void search(struct bench *bench, const struct index_query *ask,
                   struct index_answer *ret_answer)
{
    struct error error = {.code = ERROR_NONE};
    if (index_search(bench->index, ask, ret_answer, &error) < 0) {
        fail("search", &error);
    }
}

static double search_ms(struct bench *bench, const float *query, size_t count,
                        struct index_answer *ret_answer)
{
    struct index_query ask = {.vectors = query, .query_count = count, .k = K};
    int64_t start = clock_now_ns();
    search(bench, &ask, ret_answer);
    return (double)(clock_now_ns() - start) / 1e6;
}

/* The row number of a hit, as in `truth`. */
static size_t row_of(const struct bench *bench, const char *key)
{
    bool new = strncmp(key, "new/", 4) == 0;
    size_t number = strtoul(strchr(key, '/') + 1, NULL, 10);
    return new ? bench->rows + number : number;
}

/* How many of the best rows were found at their rank; equal ones may be in any order. */
static size_t count_right(const struct bench *bench, const struct truth *truth,
                          const struct index_hits *hits)
{
    size_t right = 0;
    for (size_t i = 0; i < hits->count && i < truth->count; i++) {
        right += fabs(hits->hits[i].score - truth->scores[i]) <= 1e-12 &&
                 (row_of(bench, hits->hits[i].key) == truth->rows[i] ||
                  (i > 0 && truth->scores[i - 1] - truth->scores[i] <= 1e-14) ||
                  (i + 1 < K && truth->scores[i] - truth->scores[i + 1] <= 1e-14));
    }
    return hits->count == K ? right : 0;
}

/* Recall of all queries, with each instruction set of the CPU. */
static double check_recall(struct bench *bench)
{
    static const char *const isas[] = {"avx512", "avx2", "neon", "c"};
    const char *chosen = index_isa();
    size_t right = 0;
    size_t asked = 0;
    printf("\"isas\": [");
    for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
        if (index_select_isa(isas[i]) < 0) {
            continue;
        }
        printf("%s\"%s\"", asked > 0 ? ", " : "", isas[i]);
        for (size_t q = 0; q < bench->queries; q++) {
            struct index_answer answer;
            (void)search_ms(bench, bench->asked + q * bench->dimension, 1, &answer);
            right += count_right(bench, &bench->truths[q], &answer.queries[0]);
            asked += K;
            index_answer_done(&answer);
        }
    }
    if (index_select_isa(chosen) < 0) {
        fail(chosen, NULL);
    }
    double recall = (double)right / (double)asked;
    printf("], \"answers\": %zu, \"recall\": %.6f, ", asked / K, recall);
    return recall;
}

/* Times of the queries of one kind: the best of ROUNDS of each. */
struct times {
    size_t count;
    double wall[QUERIES_MAX];
    double cpu[QUERIES_MAX];
    double ratio[QUERIES_MAX]; /* CPU time, relative to the best pass alternating with it */
};

static void time_query(struct bench *bench, const float *query, struct passes *passes,
                       struct times *times)
{
    struct index_answer answer;
    double wall = INFINITY;
    double cpu = INFINITY;
    double pass = INFINITY;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t start = cpu_now_ns();
        wall = fmin(wall, search_ms(bench, query, 1, &answer));
        cpu = fmin(cpu, (double)(cpu_now_ns() - start) / 1e6);
        index_answer_done(&answer);
        pass = fmin(pass, measure_pass(passes));
    }
    times->wall[times->count] = wall;
    times->ratio[times->count] = cpu / pass;
    times->cpu[times->count++] = cpu;
}

static double time_together(struct bench *bench)
{
    struct index_answer answer;
    size_t together = bench->queries < 16 ? bench->queries : 16;
    double best = INFINITY;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t start = cpu_now_ns();
        (void)search_ms(bench, bench->asked, together, &answer);
        best = fmin(best, (double)(cpu_now_ns() - start) / 1e6 / (double)together);
        index_answer_done(&answer);
    }
    return best;
}

/* Wall time, CPU time, and the latter relative to a pass. */
static void print_times(const char *name, struct times *times)
{
    if (times->count == 0) {
        return;
    }
    qsort(times->wall, times->count, sizeof times->wall[0], by_size);
    qsort(times->cpu, times->count, sizeof times->cpu[0], by_size);
    qsort(times->ratio, times->count, sizeof times->ratio[0], by_size);
    printf("\"%sbest_ms\": %.3f, \"%smedian_ms\": %.3f, \"%smedian_cpu_ms\": %.3f, "
           "\"%sbest_ratio\": %.3f, \"%sratio\": %.3f, ",
           name, times->wall[0], name, times->wall[times->count / 2], name,
           times->cpu[times->count / 2], name, times->ratio[0], name,
           times->ratio[times->count / 2]);
}

/* Times of the even queries, and of the odd ones, which are close to the near rows. */
static void measure_searches(struct bench *bench)
{
    static struct times times[2];
    struct passes passes;
    struct index_status before, after;
    passes_init(&passes, bench->rows * bench->dimension);
    index_status(bench->index, &before);
    for (size_t q = 0; q < bench->queries; q++) {
        time_query(bench, bench->asked + q * bench->dimension, &passes,
                   &times[bench->near ? q % 2 : 0]);
    }
    index_status(bench->index, &after);
    double together_ms = time_together(bench);
    print_times("", &times[0]);
    print_times("near_", &times[1]);
    (void)munmap(passes.bytes, passes.size);
    printf("\"pass_ms\": %.3f, \"gb_s\": %.2f, \"cpu_ms_of_16\": %.3f, \"rescored\": %.0f, ",
           passes.best_ms, (double)passes.size / passes.best_ms / 1e6, together_ms,
           (double)(after.rescored - before.rescored) / (double)(bench->queries * ROUNDS));
}

/* CPU time of a search beneath a prefix. */
static double filtered_ms(struct bench *bench, const float *query, const char *prefix)
{
    struct index_query ask = {.vectors = query, .query_count = 1, .k = K};
    struct index_answer answer;
    ask.prefixes = (struct index_prefixes){.list = &prefix, .count = 1};
    int64_t start = cpu_now_ns();
    search(bench, &ask, &answer);
    double ms = (double)(cpu_now_ns() - start) / 1e6;
    index_answer_done(&answer);
    return ms;
}

/* Searches beneath prefixes, the first of which makes the filter, in turns with those of all. */
static void measure_filters(struct bench *bench)
{
    static const char *const prefixes[] = {"", "hundredth/", "half/"};
    static double ratios[3][QUERIES_MAX];
    double first[3];
    for (size_t i = 0; i < 3; i++) {
        first[i] = filtered_ms(bench, bench->asked, prefixes[i]);
    }
    for (size_t q = 0; q < bench->queries; q++) {
        double best[3] = {INFINITY, INFINITY, INFINITY};
        for (size_t turn = 0; turn < (size_t)3 * ROUNDS; turn++) {
            const float *query = bench->asked + q * bench->dimension;
            best[turn % 3] = fmin(best[turn % 3], filtered_ms(bench, query, prefixes[turn % 3]));
        }
        for (size_t i = 0; i < 3; i++) {
            ratios[i][q] = best[i] / best[0];
        }
    }
    for (size_t i = 1; i < 3; i++) {
        const char *part = i == 1 ? "1" : "50";
        qsort(ratios[i], bench->queries, sizeof ratios[i][0], by_size);
        printf("\"filter_%s_ratio\": %.3f, \"filter_%s_first_ms\": %.3f, ", part,
               ratios[i][bench->queries / 2], part, first[i]);
    }
}

struct insertion {
    struct bench *bench;
    uint64_t first;  /* generation before the first commit */
    size_t a_commit; /* rows */
    float *vectors;  /* of all rows that can be written; generated in advance */
    atomic_bool stop;
    size_t commits;
    double seconds;
};

/* Each new row is a little closer to the queries than those before it, so that answers change with
 * each commit. */
static void make_new_rows(struct insertion *insertion, size_t count)
{
    const struct bench *bench = insertion->bench;
    uint64_t seed = 77;
    insertion->vectors = make_floats(count * bench->dimension);
    for (size_t i = 0; i < count; i++) {
        float noise = (0.6f - 0.5f * (float)i / (float)count) / sqrtf((float)bench->dimension);
        add_noise(bench, insertion->vectors + i * bench->dimension,
                  bench->asked + i % bench->queries * bench->dimension, noise, &seed);
    }
}

/* Commits have fixed times, so that a late one does not lower the rate. */
static void await_turn(int64_t start_ns, size_t commit)
{
    int64_t due_ns = start_ns + (int64_t)commit * NS_PER_S / COMMITS_A_SECOND;
    struct timespec due = {.tv_sec = due_ns / NS_PER_S, .tv_nsec = due_ns % NS_PER_S};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
}

static void *insert_rows(void *arg)
{
    struct insertion *insertion = arg;
    struct bench *bench = insertion->bench;
    struct index_batch *batch = NULL;
    struct error error = {.code = ERROR_NONE};
    char key[32];
    int64_t start_ns = clock_now_ns();
    if (index_batch_new(bench->index, &batch) < 0) {
        fail("batch", NULL);
    }
    while (!atomic_load(&insertion->stop) && insertion->commits < COMMITS_MAX) {
        for (size_t i = 0; i < insertion->a_commit; i++) {
            size_t row = insertion->commits * insertion->a_commit + i;
            (void)snprintf(key, sizeof key, "new/%08zu.jpg", row);
            if (index_batch_put(batch, key, insertion->vectors + row * bench->dimension, &error) <
                0) {
                fail("put", &error);
            }
        }
        if (index_batch_commit(batch, NULL, 0, &error) < 0) {
            fail("commit", &error);
        }
        await_turn(start_ns, ++insertion->commits);
    }
    insertion->seconds = (double)(clock_now_ns() - start_ns) / 1e9;
    index_batch_free(batch);
    return NULL;
}

/* The generation of the answer determines the rows it must be based on. */
static bool is_right(const struct insertion *insertion, size_t q, const struct index_answer *answer)
{
    const struct bench *bench = insertion->bench;
    const float *query = bench->asked + q * bench->dimension;
    double length = sqrt(dot(bench, query, query));
    struct truth truth = bench->truths[q];
    size_t put = (size_t)(answer->generation - insertion->first) * insertion->a_commit;
    for (size_t i = 0; i < put; i++) {
        take(&truth, bench->rows + i,
             dot(bench, insertion->vectors + i * bench->dimension, query) / length);
    }
    return answer->damaged == 0 && count_right(bench, &truth, &answer->queries[0]) == K;
}

/* Answers are checked after the timing: checks would take CPU time from the writer. */
static size_t measure_latency(struct insertion *insertion, const char *name)
{
    struct bench *bench = insertion->bench;
    double times[LATENCIES];
    static struct index_answer answers[LATENCIES];
    size_t wrong = 0;
    for (size_t i = 0; i < LATENCIES; i++) {
        size_t q = i % bench->queries & ~(size_t)1;
        times[i] = search_ms(bench, bench->asked + q * bench->dimension, 1, &answers[i]);
    }
    atomic_store(&insertion->stop, true);
    for (size_t i = 0; i < LATENCIES; i++) {
        wrong += !is_right(insertion, i % bench->queries & ~(size_t)1, &answers[i]);
        index_answer_done(&answers[i]);
    }
    qsort(times, LATENCIES, sizeof times[0], by_size);
    printf("\"%s_p50_ms\": %.3f, \"%s_p99_ms\": %.3f, ", name, times[LATENCIES / 2], name,
           times[LATENCIES * 99 / 100]);
    return wrong;
}

/* Returns the number of wrong answers. */
static size_t measure_inserting(struct bench *bench)
{
    struct insertion insertion = {
        .bench = bench, .a_commit = (bench->insert + COMMITS_A_SECOND - 1) / COMMITS_A_SECOND};
    struct index_status status;
    pthread_t thread;
    index_status(bench->index, &status);
    insertion.first = status.generation;
    make_new_rows(&insertion, COMMITS_MAX * insertion.a_commit);
    size_t wrong = measure_latency(&insertion, "idle");
    atomic_store(&insertion.stop, false);
    if (pthread_create(&thread, NULL, insert_rows, &insertion) != 0) {
        fail("thread", NULL);
    }
    wrong += measure_latency(&insertion, "inserting");
    (void)pthread_join(thread, NULL);
    printf("\"inserted_a_second\": %.1f, \"inserted\": %zu, \"wrong\": %zu, ",
           (double)(insertion.commits * insertion.a_commit) / insertion.seconds,
           insertion.commits * insertion.a_commit, wrong);
    free(insertion.vectors);
    return wrong;
}

static void parse(int argc, char **argv, struct bench *bench)
{
    struct {
        const char *name;
        size_t *value;
        size_t most;
    } numbers[] = {{"--rows", &bench->rows, 100000000},
                   {"--dimension", &bench->dimension, INDEX_DIMENSION_MAX},
                   {"--near", &bench->near, 1000000},
                   {"--queries", &bench->queries, QUERIES_MAX},
                   {"--insert", &bench->insert, 100000}};
    for (int i = 1; i < argc; i++) {
        bool taken = strcmp(argv[i], "--keep") == 0;
        bench->keep = bench->keep || taken;
        if (strcmp(argv[i], "--check") == 0) {
            bench->check = taken = true;
        }
        if (strcmp(argv[i], "--data") == 0 && i + 1 < argc) {
            bench->data = argv[++i];
            taken = is_data(bench, "sphere") || is_data(bench, "mixture") || is_data(bench, "cone");
        }
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
            (void)fprintf(stderr, "search_bench: unknown argument '%s'\n", argv[i]);
            exit(2);
        }
    }
    if (!bench->directory || bench->rows < 1000 || bench->dimension < 1 || bench->queries < 1) {
        (void)fprintf(
            stderr,
            "search_bench: needs a directory, at least 1000 rows, a dimension and a query\n");
        exit(2);
    }
}

int main(int argc, char **argv)
{
    static struct bench bench = {.data = "sphere", .rows = 100000, .dimension = 512, .queries = 20};
    char path[4096];
    struct error error = {.code = ERROR_NONE};
    parse(argc, argv, &bench);
    make_vectors(&bench);
    double build_s = build(&bench);
    printf("{\"isa\": \"%s\", \"rows\": %zu, \"dimension\": %zu, \"data\": \"%s\", "
           "\"near\": %zu, ",
           index_isa(), bench.rows, bench.dimension, bench.data, bench.near);
    find_truths(&bench);
    bool right = check_recall(&bench) == 1.0;
    if (!bench.check) {
        measure_searches(&bench);
        measure_filters(&bench);
    }
    if (bench.insert > 0) {
        right = measure_inserting(&bench) == 0 && right;
    }
    printf("\"build_s\": %.2f}\n", build_s);
    index_close(bench.index);
    (void)snprintf(path, sizeof path, "%s/index", bench.directory);
    if (!bench.keep && index_destroy(path, &error) < 0) {
        fail(path, &error);
    }
    free(bench.vectors);
    free(bench.asked);
    if (!right) {
        (void)fprintf(stderr, "search_bench: answers differ from those of brute force\n");
    }
    return right ? 0 : 1;
}
