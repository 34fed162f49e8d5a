/* SPDX-License-Identifier: Apache-2.0
 *
 * The host of the experiment: has photos classified one after the other by one of the compared
 * systems, and times each request from its arrival to its answer.
 *
 *   experiment_host SYSTEM [--array URL] [--files URL] [--model NAME] [--package DIR] [--cores N]
 *                   [--index NAME] [--rows FILE] [--input NAME] [--output NAME] [--datatype TYPE]
 *                   KEYS < commands
 *
 * SYSTEM: `compact` and `v2` send the photo's name to situd; `search` requests the ten photos most
 * similar to one in the store `new`, which is not in the index; `retrieve` fetches the photo,
 * embeds it here and compares it with all rows of --rows; `host` fetches the photo from a file
 * server and runs the same media and engine code here; `tensor` and `tensor-json` fetch and
 * preprocess it here, and send the tensor to situd. KEYS is a file of keys, one per line. Each
 * command is a line and is answered with a line of JSON:
 *
 *   closed COUNT                    one request after the other
 *   open RATE SECONDS SEED THREADS  Poisson arrivals, RATE per second, up to THREADS in flight
 */
#include <curl/curl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/limits.h"
#include "plain_model.h"

enum { THREADS_MAX = 64, CORES_MAX = 64, REQUESTS_MAX = 200000, KEYS_MAX = 65536, GIVE_UP_S = 60 };

enum system { COMPACT, V2, SEARCH, HOST, RETRIEVE, TENSOR, TENSOR_JSON, SYSTEM_COUNT };
static const char *const system_names[SYSTEM_COUNT] = {
    [COMPACT] = "compact",   [V2] = "v2",         [SEARCH] = "search",          [HOST] = "host",
    [RETRIEVE] = "retrieve", [TENSOR] = "tensor", [TENSOR_JSON] = "tensor-json"};

struct host {
    enum system system;
    const char *array; /* URL of situd */
    const char *files; /* URL of the file server */
    const char *model;
    const char *index;
    const char *input; /* the model's, for tensors */
    const char *output;
    const char *datatype;
    const char *rows_path; /* float32, normalised, row by row */
    float *rows;           /* owned */
    size_t rows_size;      /* values */
    char **keys;           /* owned, each owned */
    size_t key_count;

    pthread_mutex_t lock; /* guards free models */
    pthread_cond_t freed;
    struct plain_model *models[CORES_MAX]; /* owned; one per core */
    bool taken[CORES_MAX];
    unsigned cores;

    /* The round of one command. */
    size_t count;
    int64_t start_ns;
    int64_t *arrivals_ns; /* owned; after the start; NULL: closed loop */
    int64_t *spent_ns;    /* owned */
    int64_t give_up_ns;
    atomic_size_t next;
    atomic_size_t failed;
    char fault[512]; /* of the first failed request */
};

struct client {
    struct host *host;
    CURL *curl; /* owned; kept alive */
    struct buffer answer;
    struct buffer body;
    char url[2048];
    char fault[512];
};

/* ---- HTTP ---- */

static size_t keep_answer(char *bytes, size_t size, size_t count, void *context)
{
    struct buffer *answer = context;
    buffer_append(answer, bytes, size * count);
    return buffer_ok(answer) == 0 ? size * count : 0;
}

static int perform(struct client *client, const char *body, size_t size, struct curl_slist *headers)
{
    CURL *curl = client->curl;
    long status = 0;
    buffer_clear(&client->answer);
    (void)curl_easy_setopt(curl, CURLOPT_URL, client->url);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (body) {
        (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
    } else {
        (void)curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    }
    CURLcode code = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status != 200) {
        (void)snprintf(client->fault, sizeof client->fault, "%.200s: %s, status %ld: %.200s",
                       client->url, curl_easy_strerror(code), status,
                       client->answer.size > 0 ? buffer_text(&client->answer) : "");
        return -1;
    }
    return 0;
}

static int post(struct client *client, const char *type, size_t json_size)
{
    char line[96];
    struct curl_slist *headers = curl_slist_append(NULL, type);
    headers = curl_slist_append(headers, "Expect:");
    if (json_size > 0) {
        (void)snprintf(line, sizeof line, "Inference-Header-Content-Length: %zu", json_size);
        headers = curl_slist_append(headers, line);
    }
    int result = perform(client, client->body.data, client->body.size, headers);
    curl_slist_free_all(headers);
    return result;
}

/* ---- one photo, by system ---- */

static int ask_compact(struct client *client, const char *key)
{
    (void)snprintf(client->url, sizeof client->url, "%s/v1/infer/%s/photos/%s?top=1&labels=0",
                   client->host->array, client->host->model, key);
    return perform(client, NULL, 0, NULL);
}

static int ask_v2(struct client *client, const char *key)
{
    (void)snprintf(client->url, sizeof client->url, "%s/v2/models/%s/infer", client->host->array,
                   client->host->model);
    buffer_clear(&client->body);
    buffer_printf(&client->body,
                  "{\"inputs\":[{\"name\":\"image\",\"datatype\":\"BYTES\",\"shape\":[1],"
                  "\"parameters\":{\"stored_object\":true},\"data\":[\"photos/%s\"]}],"
                  "\"outputs\":[{\"name\":\"%s\",\"parameters\":{\"classification\":1}}]}",
                  key, client->host->output);
    return post(client, "Content-Type: application/json", 0);
}

static int ask_search(struct client *client, const char *key)
{
    (void)snprintf(client->url, sizeof client->url, "%s/v1/indexes/%s/search", client->host->array,
                   client->host->index);
    buffer_clear(&client->body);
    buffer_printf(&client->body, "{\"object\":\"new/%s\",\"k\":10}", key);
    return post(client, "Content-Type: application/json", 0);
}

static unsigned take_model(struct host *host)
{
    (void)pthread_mutex_lock(&host->lock);
    for (;;) {
        for (unsigned i = 0; i < host->cores; i++) {
            if (!host->taken[i]) {
                host->taken[i] = true;
                (void)pthread_mutex_unlock(&host->lock);
                return i;
            }
        }
        (void)pthread_cond_wait(&host->freed, &host->lock);
    }
}

static void give_model(struct host *host, unsigned number)
{
    (void)pthread_mutex_lock(&host->lock);
    host->taken[number] = false;
    (void)pthread_cond_signal(&host->freed);
    (void)pthread_mutex_unlock(&host->lock);
}

/* Writes a model's input as the body of a V2 request; returns the length of its JSON part, 0 if all
 * of it is JSON. FP16 cannot be sent as JSON. */
static size_t write_tensor(struct client *client, const void *tensor, size_t size, bool json)
{
    const struct host *host = client->host;
    const float *values = tensor;
    struct buffer *body = &client->body;
    buffer_clear(body);
    buffer_printf(body,
                  "{\"inputs\":[{\"name\":\"%s\",\"datatype\":\"%s\","
                  "\"shape\":[1,3,224,224],",
                  host->input, host->datatype);
    if (json) {
        buffer_append_text(body, "\"data\":[");
        for (size_t i = 0; i < size / sizeof *values; i++) {
            buffer_printf(body, i > 0 ? ",%.7g" : "%.7g", (double)values[i]);
        }
        buffer_append_text(body, "]");
    } else {
        buffer_printf(body, "\"parameters\":{\"binary_data_size\":%zu}", size);
    }
    buffer_printf(body, "}],\"outputs\":[{\"name\":\"%s\",\"parameters\":{\"classification\":1}}]}",
                  host->output);
    size_t head = body->size;
    if (!json) {
        buffer_append(body, tensor, size);
    }
    return json ? 0 : head;
}

/* The ten rows with the largest inner products, for a host that has the embeddings. */
static int compare_rows(struct host *host, struct plain_model *model, struct error *error)
{
    const float *values = NULL;
    size_t count = 0;
    double best[10] = {0};
    int result = plain_model_values(model, &values, &count, error);
    for (size_t row = 0; result == 0 && row + count <= host->rows_size; row += count) {
        float sum = 0;
        for (size_t i = 0; i < count; i++) {
            sum += host->rows[row + i] * values[i];
        }
        size_t place = 10;
        while (place > 0 && (double)sum > best[place - 1]) {
            if (place < 10) {
                best[place] = best[place - 1];
            }
            place--;
        }
        if (place < 10) {
            best[place] = (double)sum;
        }
    }
    return result;
}

static int ask_by_fetching(struct client *client, const char *key)
{
    struct host *host = client->host;
    struct error error = {0};
    const void *tensor = NULL;
    size_t size = 0;
    size_t best = 0;
    size_t head = 0;
    (void)snprintf(client->url, sizeof client->url, "%s/%s", host->files, key);
    if (perform(client, NULL, 0, NULL) < 0) {
        return -1;
    }
    unsigned number = take_model(host);
    int result = plain_model_decode(host->models[number], client->answer.data, client->answer.size,
                                    &tensor, &size, &error);
    if (result == 0 && host->system == HOST) {
        result = plain_model_run(host->models[number], &best, &error);
    } else if (result == 0 && host->system == RETRIEVE) {
        result = compare_rows(host, host->models[number], &error);
    } else if (result == 0) {
        head = write_tensor(client, tensor, size, host->system == TENSOR_JSON);
    }
    give_model(host, number);
    if (result < 0) {
        (void)snprintf(client->fault, sizeof client->fault, "%s: %.400s", key, error.message);
        return -1;
    }
    if (host->system == HOST || host->system == RETRIEVE) {
        return 0;
    }
    (void)snprintf(client->url, sizeof client->url, "%s/v2/models/%s/infer", host->array,
                   host->model);
    return post(client,
                head > 0 ? "Content-Type: application/octet-stream"
                         : "Content-Type: application/json",
                head);
}

static int ask(struct client *client, const char *key)
{
    switch (client->host->system) {
    case COMPACT:
        return ask_compact(client, key);
    case V2:
        return ask_v2(client, key);
    case SEARCH:
        return ask_search(client, key);
    default:
        return ask_by_fetching(client, key);
    }
}

/* ---- rounds ---- */

static void sleep_until(int64_t when_ns)
{
    struct timespec until = {when_ns / NS_PER_S, when_ns % NS_PER_S};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0) {
    }
}

/* Takes requests in order until none are left. A request that arrives while every client is busy
 * waits, and its waiting time counts. */
static void *client_main(void *argument)
{
    struct client *client = argument;
    struct host *host = client->host;
    for (;;) {
        size_t i = atomic_fetch_add(&host->next, 1);
        if (i >= host->count) {
            return NULL;
        }
        int64_t arrived_ns = clock_now_ns();
        if (host->arrivals_ns) {
            arrived_ns = host->start_ns + host->arrivals_ns[i];
            sleep_until(arrived_ns);
        }
        if (clock_now_ns() > host->give_up_ns) {
            host->spent_ns[i] = -1; /* not started in time */
            continue;
        }
        int result = ask(client, host->keys[i % host->key_count]);
        host->spent_ns[i] = result < 0 ? -1 : clock_now_ns() - arrived_ns;
        if (result < 0 && atomic_fetch_add(&host->failed, 1) == 0) {
            memcpy(host->fault, client->fault, sizeof host->fault);
        }
    }
}

static int64_t cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void tell_round(const struct host *host, int64_t wall_ns, int64_t spent_cpu_ns)
{
    printf("{\"requests\":%zu,\"failed\":%zu,\"wall_s\":%.6f,\"cpu_s\":%.6f,\"latencies_ms\":[",
           host->count, (size_t)atomic_load(&host->failed), (double)wall_ns / 1e9,
           (double)spent_cpu_ns / 1e9);
    for (size_t i = 0; i < host->count; i++) {
        if (host->spent_ns[i] < 0) {
            printf("%snull", i > 0 ? "," : "");
        } else {
            printf("%s%.4f", i > 0 ? "," : "", (double)host->spent_ns[i] / 1e6);
        }
    }
    printf("]}\n");
    (void)fflush(stdout);
    if (atomic_load(&host->failed) > 0) {
        (void)fprintf(stderr, "experiment_host: %s\n", host->fault);
    }
}

static void run_round(struct host *host, struct client *clients, size_t threads)
{
    pthread_t ids[THREADS_MAX];
    size_t started = 0;
    atomic_store(&host->next, 0);
    atomic_store(&host->failed, 0);
    int64_t cpu_before = cpu_ns();
    host->start_ns = clock_now_ns();
    host->give_up_ns = host->start_ns + (int64_t)GIVE_UP_S * NS_PER_S;
    if (threads == 1) {
        (void)client_main(&clients[0]);
    } else {
        while (started < threads &&
               pthread_create(&ids[started], NULL, client_main, &clients[started]) == 0) {
            started++;
        }
        for (size_t i = 0; i < started; i++) {
            (void)pthread_join(ids[i], NULL);
        }
    }
    tell_round(host, clock_now_ns() - host->start_ns, cpu_ns() - cpu_before);
}

/* Exponential intervals, from splitmix64, so that they are the same on every machine. */
static double draw(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static void plan_arrivals(struct host *host, double rate, double seconds, uint64_t seed)
{
    double at = 0;
    host->count = 0;
    while (host->count < REQUESTS_MAX) {
        at -= log(1 - draw(&seed)) / rate;
        if (at >= seconds) {
            return;
        }
        host->arrivals_ns[host->count++] = (int64_t)(at * 1e9);
    }
}

static int serve_line(struct host *host, struct client *clients, const char *line)
{
    size_t count = 0;
    double rate = 0;
    double seconds = 0;
    unsigned long long seed = 0;
    size_t threads = 0;
    /* NOLINTBEGIN(cert-err34-c): the bounds below are checked for any input */
    if (sscanf(line, "closed %zu", &count) == 1 && count >= 1 && count <= REQUESTS_MAX) {
        int64_t *arrivals = host->arrivals_ns;
        host->arrivals_ns = NULL;
        host->count = count;
        run_round(host, clients, 1);
        host->arrivals_ns = arrivals;
        return 0;
    }
    if (sscanf(line, "open %lf %lf %llu %zu", &rate, &seconds, &seed, &threads) == 4 && rate > 0 &&
        rate < 1e6 && seconds > 0 && seconds <= GIVE_UP_S && threads >= 1 &&
        threads <= THREADS_MAX) {
        plan_arrivals(host, rate, seconds, seed);
        run_round(host, clients, threads);
        return 0;
    }
    /* NOLINTEND(cert-err34-c) */
    (void)fprintf(stderr, "experiment_host: no such command: %s", line);
    return 2;
}

/* ---- preparing ---- */

static int read_keys(struct host *host, const char *path)
{
    char line[LIMIT_KEY_BYTES + 2];
    FILE *file = fopen(path, "re");
    host->keys = calloc(KEYS_MAX, sizeof *host->keys);
    while (file && host->keys && host->key_count < KEYS_MAX && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        host->keys[host->key_count] = strdup(line);
        host->key_count += host->keys[host->key_count] != NULL;
    }
    if (file) {
        (void)fclose(file);
    }
    return host->key_count > 0 ? 0 : -1;
}

static int read_rows(struct host *host)
{
    FILE *file = fopen(host->rows_path, "re");
    size_t room = (size_t)64 << 20;
    host->rows = malloc(room * sizeof *host->rows);
    if (file && host->rows) {
        host->rows_size = fread(host->rows, sizeof *host->rows, room, file);
    }
    if (file) {
        (void)fclose(file);
    }
    return host->rows_size > 0 ? 0 : -1;
}

static int prepare(struct host *host, struct client *clients, const char *package)
{
    struct error error = {0};
    host->arrivals_ns = calloc(REQUESTS_MAX, sizeof *host->arrivals_ns);
    host->spent_ns = calloc(REQUESTS_MAX, sizeof *host->spent_ns);
    if (!host->arrivals_ns || !host->spent_ns ||
        (host->system == RETRIEVE && read_rows(host) < 0)) {
        return -1;
    }
    for (size_t i = 0; i < THREADS_MAX; i++) {
        clients[i] = (struct client){.host = host, .curl = curl_easy_init()};
        if (!clients[i].curl) {
            return -1;
        }
        (void)curl_easy_setopt(clients[i].curl, CURLOPT_NOSIGNAL, 1L);
        (void)curl_easy_setopt(clients[i].curl, CURLOPT_PROXY, "");
        (void)curl_easy_setopt(clients[i].curl, CURLOPT_TIMEOUT, (long)GIVE_UP_S);
        (void)curl_easy_setopt(clients[i].curl, CURLOPT_WRITEFUNCTION, keep_answer);
        (void)curl_easy_setopt(clients[i].curl, CURLOPT_WRITEDATA, &clients[i].answer);
    }
    for (unsigned i = 0; host->system >= HOST && i < host->cores; i++) {
        if (plain_model_new(package, 1, &host->models[i], &error) < 0) {
            (void)fprintf(stderr, "experiment_host: %s\n", error.message);
            return -1;
        }
    }
    return 0;
}

static int serve(struct host *host, struct client *clients, const char *package)
{
    char line[256];
    int status = 1;
    if (prepare(host, clients, package) == 0) {
        status = 0;
        while (status == 0 && fgets(line, sizeof line, stdin)) {
            status = serve_line(host, clients, line);
        }
    }
    for (size_t i = 0; i < THREADS_MAX; i++) {
        curl_easy_cleanup(clients[i].curl);
        buffer_done(&clients[i].answer);
        buffer_done(&clients[i].body);
    }
    for (unsigned i = 0; i < host->cores; i++) {
        plain_model_free(host->models[i]);
    }
    free(host->arrivals_ns);
    free(host->spent_ns);
    free(host->rows);
    return status;
}

struct arguments {
    const char *package;
    const char *keys;
    const char *cores;
};

static bool read_arguments(struct host *host, int argc, char **argv, struct arguments *arguments)
{
    const struct {
        const char *name;
        const char **place;
    } options[] = {{"--array", &host->array},          {"--files", &host->files},
                   {"--model", &host->model},          {"--index", &host->index},
                   {"--rows", &host->rows_path},       {"--input", &host->input},
                   {"--output", &host->output},        {"--datatype", &host->datatype},
                   {"--package", &arguments->package}, {"--cores", &arguments->cores}};
    host->system = SYSTEM_COUNT;
    for (unsigned i = 0; argc > 1 && i < SYSTEM_COUNT; i++) {
        if (strcmp(argv[1], system_names[i]) == 0) {
            host->system = (enum system)i;
        }
    }
    for (int i = 2; i < argc; i++) {
        size_t option = 0;
        while (option < sizeof options / sizeof options[0] &&
               strcmp(argv[i], options[option].name) != 0) {
            option++;
        }
        if (option < sizeof options / sizeof options[0] && i + 1 < argc) {
            *options[option].place = argv[++i];
        } else if (strncmp(argv[i], "--", 2) == 0) {
            return false;
        } else {
            arguments->keys = argv[i];
        }
    }
    unsigned long cores = arguments->cores ? strtoul(arguments->cores, NULL, 10) : 1;
    host->cores = cores >= 1 && cores <= CORES_MAX ? (unsigned)cores : 0;
    return host->system < SYSTEM_COUNT && host->cores > 0 && arguments->keys &&
           (host->system < HOST || arguments->package);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct host host = {.array = "",
                        .files = "",
                        .model = "",
                        .index = "",
                        .rows_path = "",
                        .input = "pixel_values",
                        .output = "logits",
                        .datatype = "FP32",
                        .lock = PTHREAD_MUTEX_INITIALIZER,
                        .freed = PTHREAD_COND_INITIALIZER};
    struct client *clients = calloc(THREADS_MAX, sizeof *clients);
    int status = 2;
    if (!clients || !read_arguments(&host, argc, argv, &arguments)) {
        (void)fprintf(stderr, "usage: experiment_host SYSTEM [--array URL] [--files URL] "
                              "[--model NAME] [--package DIR] [--cores N] [--index NAME] "
                              "[--input NAME] [--output NAME] [--datatype TYPE] KEYS\n");
    } else if (read_keys(&host, arguments.keys) < 0) {
        (void)fprintf(stderr, "experiment_host: %s: no keys\n", arguments.keys);
    } else if (curl_global_init(CURL_GLOBAL_DEFAULT) == 0) {
        status = serve(&host, clients, arguments.package);
        curl_global_cleanup();
    }
    for (size_t i = 0; i < host.key_count; i++) {
        free(host.keys[i]);
    }
    free(host.keys);
    free(clients);
    return status;
}
