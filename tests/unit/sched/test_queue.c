/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue: turns among sources, classes, admission, retries, removal and deadlines, and random
 * operations compared with a simple model.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sched/queue.h"

enum { ENTRIES = 64, SOURCES = 6 };

struct fixture {
    struct queue queue;
    struct queue_source sources[SOURCES];
    struct queue_entry entries[ENTRIES];
};

/* Sources 0, 2, 4 are interactive, 1, 3, 5 are jobs of one priority; no entry has a deadline. */
static void fixture_init(struct fixture *f, size_t limit)
{
    memset(f, 0, sizeof *f);
    queue_init(&f->queue, limit, limit);
    for (unsigned i = 0; i < SOURCES; i++) {
        queue_source_init(&f->sources[i], i % 2 == 0 ? QUEUE_INTERACTIVE : queue_job_class(5));
    }
    for (unsigned i = 0; i < ENTRIES; i++) {
        f->entries[i].deadline_ns = INT64_MAX;
    }
}

static void push(struct fixture *f, unsigned source, unsigned entry)
{
    assert_int_equal(queue_push(&f->queue, &f->sources[source], &f->entries[entry], 1), 0);
}

/* The number of the next entry; -1 for none. */
static int pop(struct fixture *f, enum queue_class max_class)
{
    struct queue_entry *entry = queue_pop(&f->queue, max_class);
    return entry ? (int)(entry - f->entries) : -1;
}

static int expired(struct fixture *f, int64_t now_ns)
{
    struct queue_entry *entry = queue_expired(&f->queue, now_ns);
    return entry ? (int)(entry - f->entries) : -1;
}

static void an_empty_queue_gives_nothing(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 4);
    assert_int_equal(pop(&f, QUEUE_JOB_LAST), -1);
    assert_int_equal(expired(&f, INT64_MAX), -1);
    assert_true(queue_next_deadline(&f.queue) == INT64_MAX);
    assert_int_equal(queue_length(&f.queue), 0);
}

static void one_source_is_served_in_order(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 8);
    for (unsigned i = 0; i < 4; i++) {
        push(&f, 0, i);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pop(&f, QUEUE_JOB_LAST), i);
    }
    assert_int_equal(pop(&f, QUEUE_JOB_LAST), -1);
}

static void sources_take_turns(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, ENTRIES);
    for (unsigned i = 0; i < 10; i++) {
        push(&f, 0, i); /* a long request came first */
    }
    push(&f, 2, 20);
    push(&f, 4, 30);
    push(&f, 4, 31);
    static const int order[] = {0, 20, 30, 1, 31, 2, 3, 4};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        assert_int_equal(pop(&f, QUEUE_JOB_LAST), order[i]);
    }
    push(&f, 2, 21); /* a source that comes later waits for its turn, not for the whole request */
    static const int rest[] = {5, 21, 6, 7, 8, 9, -1};
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++) {
        assert_int_equal(pop(&f, QUEUE_JOB_LAST), rest[i]);
    }
}

static void interactive_goes_before_jobs(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, ENTRIES);
    push(&f, 1, 10);
    push(&f, 3, 11);
    push(&f, 0, 1);
    assert_int_equal(pop(&f, QUEUE_JOB_LAST), 1);
    assert_int_equal(pop(&f, QUEUE_INTERACTIVE), -1); /* jobs stay where they are */
    assert_int_equal(queue_length(&f.queue), 2);
    assert_int_equal(pop(&f, QUEUE_JOB_LAST), 10);
    push(&f, 0, 2);
    assert_int_equal(pop(&f, QUEUE_JOB_LAST), 2);
    assert_int_equal(pop(&f, QUEUE_JOB_LAST), 11);
}

static void a_higher_priority_goes_first_and_equal_ones_take_turns(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, ENTRIES);
    static const unsigned priorities[SOURCES] = {0, 9, 5, 5, 9, 1};
    for (unsigned i = 0; i < SOURCES; i++) {
        queue_source_init(&f.sources[i], queue_job_class(priorities[i]));
        push(&f, i, 2 * i);
        push(&f, i, 2 * i + 1);
    }
    static const int order[] = {2, 8, 3, 9, 4, 6, 5, 7, 10};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        assert_int_equal(pop(&f, QUEUE_JOB_LAST), order[i]);
    }
    push(&f, 1, 20); /* one that comes later is not behind those that wait */
    static const int rest[] = {20, 11, 0, 1, -1};
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++) {
        assert_int_equal(pop(&f, QUEUE_JOB_LAST), rest[i]);
    }
}

static void every_priority_has_a_class_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(queue_job_class(9), QUEUE_JOB_FIRST);
    assert_int_equal(queue_job_class(0), QUEUE_JOB_LAST);
    assert_int_equal(queue_job_class(4000000000u), QUEUE_JOB_FIRST);
    for (unsigned i = 1; i < QUEUE_JOB_PRIORITIES; i++) {
        assert_int_equal(queue_job_class(i), queue_job_class(i - 1) - 1);
    }
}

static void jobs_do_not_fill_the_queue_for_single_requests(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 3);
    for (unsigned i = 0; i < 3; i++) {
        push(&f, 1, i);
    }
    assert_false(queue_admits(&f.queue, queue_job_class(9), 1)); /* all priorities together */
    assert_int_equal(queue_push(&f.queue, &f.sources[3], &f.entries[3], 1), -EBUSY);
    assert_true(queue_admits(&f.queue, QUEUE_INTERACTIVE, 3));
    assert_false(queue_admits(&f.queue, QUEUE_INTERACTIVE, 4));
    push(&f, 0, 4);
    push(&f, 0, 5);
    assert_int_equal(queue_length(&f.queue), 5);
    assert_true(queue_admits(&f.queue, QUEUE_INTERACTIVE, 1));
    assert_int_equal(pop(&f, QUEUE_JOB_LAST), 4);
    assert_false(queue_admits(&f.queue, queue_job_class(0), 1));
}

static void the_limit_holds(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 3);
    assert_true(queue_admits(&f.queue, QUEUE_INTERACTIVE, 3));
    assert_false(queue_admits(&f.queue, QUEUE_INTERACTIVE, 4));
    assert_false(queue_admits(&f.queue, QUEUE_INTERACTIVE, SIZE_MAX));
    push(&f, 0, 0);
    push(&f, 2, 1);
    push(&f, 2, 2);
    assert_false(queue_admits(&f.queue, QUEUE_INTERACTIVE, 1));
    assert_true(queue_admits(&f.queue, QUEUE_INTERACTIVE, 0));
    assert_int_equal(queue_push(&f.queue, &f.sources[4], &f.entries[3], 1), -EBUSY);
    assert_false(f.entries[3].queued);
    assert_false(f.sources[4].linked);
    assert_int_equal(pop(&f, QUEUE_JOB_LAST), 0);
    push(&f, 2, 3);
    assert_int_equal(pop(&f, QUEUE_JOB_LAST), 1);
}

static void a_retry_goes_first_in_its_source_whatever_the_limit(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 2);
    push(&f, 0, 1);
    push(&f, 0, 2);
    queue_push_front(&f.queue, &f.sources[0], &f.entries[0], 77);
    assert_int_equal(f.entries[0].queued_ns, 77);
    queue_push_front(&f.queue, &f.sources[2], &f.entries[9], 77);
    assert_int_equal(queue_length(&f.queue), 4);
    assert_false(queue_admits(&f.queue, QUEUE_INTERACTIVE, 0)); /* above the limit now */
    static const int order[] = {0, 9, 1, 2, -1};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        assert_int_equal(pop(&f, QUEUE_JOB_LAST), order[i]);
    }
}

static void removal_works_wherever_the_entry_stands(void **state)
{
    (void)state;
    for (unsigned removed = 0; removed < 5; removed++) {
        struct fixture f;
        fixture_init(&f, ENTRIES);
        for (unsigned i = 0; i < 5; i++) {
            push(&f, 0, i);
        }
        queue_remove(&f.queue, &f.entries[removed]);
        queue_remove(&f.queue, &f.entries[removed]); /* again: nothing */
        assert_false(f.entries[removed].queued);
        for (int i = 0; i < 5; i++) {
            if (i != (int)removed) {
                assert_int_equal(pop(&f, QUEUE_JOB_LAST), i);
            }
        }
        assert_int_equal(pop(&f, QUEUE_JOB_LAST), -1);
    }
}

static void removing_a_sources_last_entry_takes_it_out_of_the_round(void **state)
{
    (void)state;
    for (unsigned removed = 0; removed < 3; removed++) {
        struct fixture f;
        fixture_init(&f, ENTRIES);
        for (unsigned i = 0; i < 3; i++) {
            push(&f, i * 2, i);
        }
        queue_remove(&f.queue, &f.entries[removed]);
        for (int i = 0; i < 3; i++) {
            if (i != (int)removed) {
                assert_int_equal(pop(&f, QUEUE_JOB_LAST), i);
            }
        }
        assert_int_equal(pop(&f, QUEUE_JOB_LAST), -1);
        assert_int_equal(queue_length(&f.queue), 0);
    }
}

static void expired_entries_come_out_and_others_stay(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, ENTRIES);
    static const int64_t deadlines[] = {INT64_MAX, 300, 100, 200};
    for (unsigned i = 0; i < 4; i++) {
        f.entries[i].deadline_ns = deadlines[i];
        push(&f, i % 2, i);
    }
    assert_true(queue_next_deadline(&f.queue) == 100);
    assert_int_equal(expired(&f, 99), -1);
    assert_int_equal(expired(&f, 100), 2); /* the deadline itself is too late */
    assert_int_equal(expired(&f, 100), -1);
    assert_true(queue_next_deadline(&f.queue) == 200);
    int sum = 0;
    sum += expired(&f, 1000);
    sum += expired(&f, 1000);
    assert_int_equal(sum, 1 + 3);
    assert_int_equal(expired(&f, INT64_MAX - 1), -1);
    assert_true(queue_next_deadline(&f.queue) == INT64_MAX);
    assert_int_equal(pop(&f, QUEUE_JOB_LAST), 0);
}

static void a_later_entry_with_an_earlier_deadline_is_seen(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, ENTRIES);
    f.entries[0].deadline_ns = 500;
    f.entries[1].deadline_ns = 50;
    push(&f, 0, 0);
    assert_int_equal(expired(&f, 10), -1);
    push(&f, 0, 1);
    assert_true(queue_next_deadline(&f.queue) == 50);
    assert_int_equal(expired(&f, 60), 1);
    assert_int_equal(expired(&f, 60), -1);
    f.entries[2].deadline_ns = 70;
    queue_push_front(&f.queue, &f.sources[0], &f.entries[2], 60);
    assert_int_equal(expired(&f, 70), 2);
}

static int class_of(int source)
{
    return source % 2 == 0 ? (int)QUEUE_INTERACTIVE : (int)queue_job_class(5);
}

/* The model: for each class the sources in the order of their turns, as numbers in arrays. */
struct naive {
    int turns[QUEUE_CLASS_COUNT][SOURCES];
    int turn_count[QUEUE_CLASS_COUNT];
    int waiting[SOURCES][ENTRIES];
    int waiting_count[SOURCES];
};

static void naive_drop(int *array, int *count, int at)
{
    memmove(array + at, array + at + 1, (size_t)(*count - at - 1) * sizeof *array);
    (*count)--;
}

static void naive_insert(int *array, int *count, int at, int value)
{
    memmove(array + at + 1, array + at, (size_t)(*count - at) * sizeof *array);
    array[at] = value;
    (*count)++;
}

static void naive_push(struct naive *n, int source, int entry, bool front)
{
    if (n->waiting_count[source] == 0) {
        naive_insert(n->turns[class_of(source)], &n->turn_count[class_of(source)],
                     n->turn_count[class_of(source)], source);
    }
    naive_insert(n->waiting[source], &n->waiting_count[source],
                 front ? 0 : n->waiting_count[source], entry);
}

static int naive_pop(struct naive *n, enum queue_class max_class)
{
    for (int level = 0; level <= (int)max_class; level++) {
        if (n->turn_count[level] > 0) {
            int source = n->turns[level][0];
            int entry = n->waiting[source][0];
            naive_drop(n->waiting[source], &n->waiting_count[source], 0);
            naive_drop(n->turns[level], &n->turn_count[level], 0);
            if (n->waiting_count[source] > 0) {
                naive_insert(n->turns[level], &n->turn_count[level], n->turn_count[level], source);
            }
            return entry;
        }
    }
    return -1;
}

static void naive_remove(struct naive *n, int entry)
{
    for (int source = 0; source < SOURCES; source++) {
        for (int i = 0; i < n->waiting_count[source]; i++) {
            if (n->waiting[source][i] != entry) {
                continue;
            }
            naive_drop(n->waiting[source], &n->waiting_count[source], i);
            for (int t = 0; n->waiting_count[source] == 0 && t < n->turn_count[class_of(source)];
                 t++) {
                if (n->turns[class_of(source)][t] == source) {
                    naive_drop(n->turns[class_of(source)], &n->turn_count[class_of(source)], t);
                }
            }
            return;
        }
    }
}

static int64_t naive_earliest(const struct fixture *f)
{
    int64_t earliest = INT64_MAX;
    for (unsigned i = 0; i < ENTRIES; i++) {
        if (f->entries[i].queued && f->entries[i].deadline_ns < earliest) {
            earliest = f->entries[i].deadline_ns;
        }
    }
    return earliest;
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void random_push(struct fixture *f, struct naive *n, uint32_t *seed, int64_t now)
{
    unsigned entry = next_random(seed) % ENTRIES;
    unsigned source = next_random(seed) % SOURCES;
    if (f->entries[entry].queued) {
        return;
    }
    uint32_t after = next_random(seed) % 200;
    f->entries[entry].deadline_ns = after < 50 ? INT64_MAX : now + (int64_t)after;
    if (next_random(seed) % 4 == 0) {
        queue_push_front(&f->queue, &f->sources[source], &f->entries[entry], now);
        naive_push(n, (int)source, (int)entry, true);
    } else {
        enum queue_group group = queue_group_of(f->sources[source].class);
        bool room = f->queue.lengths[group] < f->queue.limits[group];
        int r = queue_push(&f->queue, &f->sources[source], &f->entries[entry], now);
        assert_int_equal(r, room ? 0 : -EBUSY);
        if (room) {
            naive_push(n, (int)source, (int)entry, false);
        }
    }
}

static void random_expire(struct fixture *f, struct naive *n, int64_t now)
{
    int64_t earliest = naive_earliest(f);
    assert_true(queue_next_deadline(&f->queue) == earliest);
    int entry = expired(f, now);
    assert_true((entry >= 0) == (earliest <= now));
    if (entry >= 0) {
        assert_true(f->entries[entry].deadline_ns <= now);
        naive_remove(n, entry);
    }
}

static void random_operations_agree_with_the_model(void **state)
{
    (void)state;
    struct fixture f;
    static struct naive n;
    uint32_t seed = 7;
    fixture_init(&f, 20);
    memset(&n, 0, sizeof n);
    for (int64_t now = 0; now < 50000; now++) {
        uint32_t what = next_random(&seed) % 16;
        if (what < 7) {
            random_push(&f, &n, &seed, now);
        } else if (what < 11) {
            enum queue_class class = next_random(&seed) % QUEUE_CLASS_COUNT;
            assert_int_equal(pop(&f, class), naive_pop(&n, class));
        } else if (what < 13) {
            unsigned entry = next_random(&seed) % ENTRIES;
            queue_remove(&f.queue, &f.entries[entry]);
            naive_remove(&n, (int)entry);
        } else {
            random_expire(&f, &n, now);
        }
        size_t length = 0;
        for (unsigned i = 0; i < SOURCES; i++) {
            length += (size_t)n.waiting_count[i];
        }
        assert_int_equal(queue_length(&f.queue), length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_queue_gives_nothing),
        cmocka_unit_test(one_source_is_served_in_order),
        cmocka_unit_test(sources_take_turns),
        cmocka_unit_test(interactive_goes_before_jobs),
        cmocka_unit_test(a_higher_priority_goes_first_and_equal_ones_take_turns),
        cmocka_unit_test(every_priority_has_a_class_of_its_own),
        cmocka_unit_test(jobs_do_not_fill_the_queue_for_single_requests),
        cmocka_unit_test(the_limit_holds),
        cmocka_unit_test(a_retry_goes_first_in_its_source_whatever_the_limit),
        cmocka_unit_test(removal_works_wherever_the_entry_stands),
        cmocka_unit_test(removing_a_sources_last_entry_takes_it_out_of_the_round),
        cmocka_unit_test(expired_entries_come_out_and_others_stay),
        cmocka_unit_test(a_later_entry_with_an_earlier_deadline_is_seen),
        cmocka_unit_test(random_operations_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
