/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints the cost of the cache: microseconds for a lookup, puts per second, bytes for an entry, and
 * the duration of the check at the start. usage: cache_speed [ENTRIES]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fixture.h"

enum { LOOKUPS = 200000, PUT_BURST = 4000 };

static double seconds_since(int64_t start_ns)
{
    return (double)(clock_now_ns() - start_ns) / 1e9;
}

static struct cache_digest digest_of(uint64_t number)
{
    struct cache_digest digest;
    memset(&digest, 0, sizeof digest);
    for (size_t i = 0; i < 4; i++) {
        number = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
        number ^= number >> 29;
        memcpy(digest.bytes + 8 * i, &number, 8);
    }
    return digest;
}

static void put_all(struct cache *results, uint64_t entries)
{
    struct cache_digest task = fixture_task();
    struct fixture_value made;
    fixture_value_make(0, &made);
    int64_t start_ns = clock_now_ns();
    for (uint64_t i = 0; i < entries; i++) {
        struct identity identity = fixture_identity(i);
        struct cache_digest content = digest_of(i);
        cache_put_content(results, FIXTURE_STORE, &identity, &content, true);
        (void)cache_put_answer(results, &content, &task, &made.value);
        if (i % PUT_BURST == PUT_BURST - 1) {
            cache_flush(results);
        }
    }
    cache_flush(results);
    printf("objects put: %.0f a second\n", (double)entries / seconds_since(start_ns));
}

static void look_up(struct cache *results, uint64_t entries)
{
    struct cache_digest task = fixture_task();
    uint64_t hits = 0;
    int64_t start_ns = clock_now_ns();
    for (uint64_t i = 0; i < LOOKUPS; i++) {
        struct identity identity = fixture_identity(i * 7919 % entries);
        struct cache_digest content;
        hits += cache_find_content(results, FIXTURE_STORE, &identity, &content);
    }
    double content_us = seconds_since(start_ns) * 1e6 / LOOKUPS;
    start_ns = clock_now_ns();
    for (uint64_t i = 0; i < LOOKUPS; i++) {
        struct cache_digest content = digest_of(i * 7919 % entries);
        struct answer answer;
        if (cache_find_answer(results, &content, &task, &answer)) {
            hits++;
            answer_done(&answer);
        }
    }
    printf("lookup: content %.2f us, answer %.2f us; %.1f %% hits\n", content_us,
           seconds_since(start_ns) * 1e6 / LOOKUPS, 50.0 * (double)hits / LOOKUPS);
}

int main(int argc, char **argv)
{
    void *state = NULL;
    uint64_t entries = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000;
    struct cache_status status;
    (void)fixture_setup(&state);
    struct cache *results = fixture_open(state, 2048 * MIB);
    put_all(results, entries);
    look_up(results, entries);
    cache_status(results, &status);
    printf("an object (identity and 16 classes): %.0f bytes; file %.0f MB; dropped %llu\n",
           (double)status.used_bytes / (double)entries, (double)status.file_bytes / 1e6,
           (unsigned long long)status.dropped);
    cache_close(results);
    int64_t start_ns = clock_now_ns();
    results = fixture_open(state, 2048 * MIB);
    printf("open: %.2f s\n", seconds_since(start_ns));
    cache_close(results);
    return fixture_teardown(&state);
}
