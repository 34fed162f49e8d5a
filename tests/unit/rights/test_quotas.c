/* SPDX-License-Identifier: Apache-2.0
 *
 * Quotas of sections, with a clock of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "rights/quotas.h"

struct world {
    struct quotas quotas;
    struct rights *rights;
    struct access access;
    const struct grant *refused;
};

static struct rights *parse(const char *text)
{
    struct rights *rights = NULL;
    struct error error;
    assert_int_equal(rights_parse(text, strlen(text), &rights, &error), 0);
    return rights;
}

/* The caller has all sections of users of the text. */
static void take_rights(struct world *world, const char *text)
{
    access_done(&world->access);
    rights_unref(world->rights);
    world->rights = parse(text);
    access_init(&world->access, world->rights, "user:x");
    for (size_t i = 0; rights_at(world->rights, i); i++) {
        assert_true(access_add(&world->access, rights_at(world->rights, i)));
    }
}

static void end(struct world *world)
{
    access_done(&world->access);
    rights_unref(world->rights);
    quotas_done(&world->quotas);
}

static unsigned count_taken(struct world *world, int64_t from_ns, int64_t to_ns, int64_t step_ns)
{
    unsigned taken = 0;
    for (int64_t now = from_ns; now < to_ns; now += step_ns) {
        struct quota_hold hold;
        if (quotas_take(&world->quotas, &world->access, now, &hold, &world->refused) ==
            QUOTA_TAKEN) {
            quotas_release(&world->quotas, &hold);
            taken++;
        }
    }
    return taken;
}

static void a_rate_lets_through_its_requests_and_a_burst_of_one_second(void **state)
{
    (void)state;
    struct world world = {.rights = NULL};
    quotas_init(&world.quotas);
    take_rights(&world, "[user x]\nrights = list\nrequests_per_second = 50\n");
    assert_int_equal(count_taken(&world, 0, 1, 1), 1);
    assert_int_equal(count_taken(&world, 1, 1000, 1), 49);
    assert_in_range(count_taken(&world, NS_PER_S, 11 * NS_PER_S, NS_PER_MS), 540, 550);
    /* After a pause there is one second's worth again, no more. */
    assert_in_range(count_taken(&world, 100 * NS_PER_S, 101 * NS_PER_S, NS_PER_MS), 99, 100);
    end(&world);
}

static void counts_go_on_in_the_next_generation(void **state)
{
    (void)state;
    struct world world = {.rights = NULL};
    struct quota_hold holds[3];
    quotas_init(&world.quotas);
    take_rights(&world, "[user x]\nrights = list\nrequests_per_second = 5\nconcurrent = 2\n");
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(quotas_take(&world.quotas, &world.access, 0, &holds[i], &world.refused),
                         QUOTA_TAKEN);
    }
    take_rights(&world, "[user y]\nrights = list\n");
    quotas_trim(&world.quotas, world.rights);
    take_rights(&world, "[user x]\nrights = list\nrequests_per_second = 6\nconcurrent = 2\n");
    assert_int_equal(quotas_take(&world.quotas, &world.access, 0, &holds[2], &world.refused),
                     QUOTA_CONCURRENT);
    assert_string_equal(world.refused->name, "x");
    quotas_release(&world.quotas, &holds[0]);
    quotas_release(&world.quotas, &holds[0]);
    quotas_release(&world.quotas, &holds[1]);
    assert_int_equal(count_taken(&world, 1, 100, 1), 3);
    end(&world);
}

static void a_request_that_one_section_refuses_counts_in_none(void **state)
{
    (void)state;
    struct world world = {.rights = NULL};
    struct quota_hold hold;
    quotas_init(&world.quotas);
    take_rights(&world,
                "[user x]\nrights = list\nrequests_per_second = 3\n"
                "[user y]\nrights = list\nrequests_per_second = 1\n[user z]\nrights = list\n");
    assert_int_equal(count_taken(&world, 0, 100, 1), 1);
    assert_string_equal(world.refused->name, "y");
    take_rights(&world, "[user x]\nrights = list\nrequests_per_second = 3\n");
    assert_int_equal(count_taken(&world, 100, 200, 1), 2);
    world.access.grant_count = 0;
    assert_int_equal(quotas_take(&world.quotas, &world.access, 0, &hold, &world.refused),
                     QUOTA_TAKEN);
    quotas_trim(&world.quotas, world.rights);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_lets_through_its_requests_and_a_burst_of_one_second),
        cmocka_unit_test(counts_go_on_in_the_next_generation),
        cmocka_unit_test(a_request_that_one_section_refuses_counts_in_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
