/* SPDX-License-Identifier: Apache-2.0
 *
 * situ cache: the array's result cache.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/figures.h"

static void print_counts(const char *name, uint64_t hits, uint64_t misses)
{
    uint64_t all = hits + misses;
    (void)printf("%-10s %" PRIu64 " hits, %" PRIu64 " misses", name, hits, misses);
    if (all > 0) {
        (void)printf(" (%.1f %%)", 100 * (double)hits / (double)all);
    }
    (void)putchar('\n');
}

static void print_cache(const struct situ_cache *cache)
{
    char figures[3][FIGURE_SIZE];
    const char *state = cache->paused ? "on, but writes nothing for now" : "on";
    (void)printf("%-10s %s\n", "state", cache->on ? state : "off");
    (void)printf("%-10s %" PRIu64 " contents, %" PRIu64 " answers\n", "entries", cache->contents,
                 cache->answers);
    (void)printf("%-10s %s used, %s on disk, limit %s\n", "size",
                 figure_bytes(figures[0], cache->used_bytes),
                 figure_bytes(figures[1], cache->file_bytes),
                 figure_bytes(figures[2], cache->limit_bytes));
    print_counts("contents", cache->content_hits, cache->content_misses);
    print_counts("answers", cache->answer_hits, cache->answer_misses);
    (void)printf("%-10s %" PRIu64 " evicted, %" PRIu64 " dropped, %" PRIu64 " damaged\n", "writes",
                 cache->evictions, cache->dropped, cache->damaged);
}

static int cache_status(struct cli *cli, bool json)
{
    struct situ_cache *cache;
    struct situ_error error;
    if (situ_cache_status(cli->array, &cache, &error)) {
        return cli_say_error(cli, &error);
    }
    if (json) {
        (void)puts(cache->json);
    } else {
        print_cache(cache);
    }
    situ_cache_free(cache);
    return cli_finish_output(STATUS_GOOD);
}

static int cache_clear(struct cli *cli)
{
    struct situ_error error;
    if (situ_cache_clear(cli->array, &error)) {
        return cli_say_error(cli, &error);
    }
    return STATUS_GOOD;
}

static int verb_run(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, COMMON_OPTIONS};
    bool json = false;
    int option;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        json |= option == 'j';
        if (option != 'j' && !cli_common_option(cli, option, &verb_cache)) {
            return cli_misused("cache", NULL);
        }
    }
    bool status = argc - optind == 1 && strcmp(argv[optind], "status") == 0;
    bool clear = argc - optind == 1 && strcmp(argv[optind], "clear") == 0;
    if (!status && !clear) {
        return cli_misused("cache", "give: cache status or cache clear");
    }
    if (cli_open(cli)) {
        return STATUS_NOTHING;
    }
    return status ? cache_status(cli, json) : cache_clear(cli);
}

const struct verb verb_cache = {
    .name = "cache",
    .usage = "situ cache status [--json]\n"
             "situ cache clear\n"
             "\n"
             "Shows what the array's result cache holds and how often it was used, or clears it.\n",
    .run = verb_run,
};
