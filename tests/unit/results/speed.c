/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints what the cache costs: microseconds a lookup, puts a second, bytes an entry, and how long
 * the check at the start takes. usage: results_speed [ENTRIES]
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

static struct results_digest digest_of(uint64_t number)
{
    struct results_digest digest;
    memset(&digest, 0, sizeof digest);
    for (size_t i = 0; i < 4; i++) {
        number = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
        number ^= number >> 29;
        memcpy(digest.bytes + 8 * i, &number, 8);
    }
    return digest;
}

static void put_all(struct results *results, uint64_t entries)
{
    struct results_digest task = fixture_task();
    struct fixture_value made;
    fixture_value_make(0, &made);
    int64_t start_ns = clock_now_ns();
    for (uint64_t i = 0; i < entries; i++) {
        struct results_identity identity = fixture_identity(i);
        struct results_digest content = digest_of(i);
        results_put_content(results, &identity, &content, true);
        (void)results_put_answer(results, &content, &task, &made.value);
        if (i % PUT_BURST == PUT_BURST - 1) {
            results_flush(results);
        }
    }
    results_flush(results);
    printf("objects put: %.0f a second\n", (double)entries / seconds_since(start_ns));
}

static void look_up(struct results *results, uint64_t entries)
{
    struct results_digest task = fixture_task();
    uint64_t hits = 0;
    int64_t start_ns = clock_now_ns();
    for (uint64_t i = 0; i < LOOKUPS; i++) {
        struct results_identity identity = fixture_identity(i * 7919 % entries);
        struct results_digest content;
        hits += results_find_content(results, &identity, &content);
    }
    double content_us = seconds_since(start_ns) * 1e6 / LOOKUPS;
    start_ns = clock_now_ns();
    for (uint64_t i = 0; i < LOOKUPS; i++) {
        struct results_digest content = digest_of(i * 7919 % entries);
        struct results_value value;
        if (results_find_answer(results, &content, &task, &value)) {
            hits++;
            results_value_done(&value);
        }
    }
    printf("lookup: content %.2f us, answer %.2f us; %.1f %% hits\n", content_us,
           seconds_since(start_ns) * 1e6 / LOOKUPS, 50.0 * (double)hits / LOOKUPS);
}

int main(int argc, char **argv)
{
    void *state = NULL;
    uint64_t entries = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000;
    struct results_status status;
    (void)fixture_setup(&state);
    struct results *results = fixture_open(state, 2048 * MIB);
    put_all(results, entries);
    look_up(results, entries);
    results_status(results, &status);
    printf("an object (identity and 16 classes): %.0f bytes; file %.0f MB; dropped %llu\n",
           (double)status.used_bytes / (double)entries, (double)status.file_bytes / 1e6,
           (unsigned long long)status.dropped);
    results_close(results);
    int64_t start_ns = clock_now_ns();
    results = fixture_open(state, 2048 * MIB);
    printf("open: %.2f s\n", seconds_since(start_ns));
    results_close(results);
    return fixture_teardown(&state);
}
