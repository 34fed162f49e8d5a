/* SPDX-License-Identifier: Apache-2.0
 *
 * situ store: list, detach and attach stores of the array.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/columns.h"

static int print_stores(const struct situ_stores *stores)
{
    static const char *const heads[] = {"NAME", "KIND", "STATE", "SINCE", "REASON"};
    struct columns table;
    int r = columns_begin(&table, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; r == 0 && i < stores->count; i++) {
        const char *reason = "";
        const char *since = "";
        int available = situ_stores_available(stores, i, &reason, &since);
        columns_cell(&table, stores->stores[i]->name);
        columns_cell(&table, stores->stores[i]->kind);
        columns_cell(&table, available ? "available" : "unavailable");
        columns_cell(&table, since);
        columns_cell(&table, available || reason[0] ? reason : "-"); /* not for this caller */
    }
    return columns_done(&table);
}

static int list(struct cli *cli, bool json)
{
    struct situ_stores *stores;
    struct situ_error error;
    if (situ_store_list(cli->array, &stores, &error)) {
        return cli_say_error(cli, &error);
    }
    int failed = 0;
    if (json) {
        (void)puts(stores->json);
    } else {
        failed = print_stores(stores);
    }
    situ_stores_free(stores);
    return cli_finish_output(failed ? STATUS_NOTHING : STATUS_GOOD);
}

static int control(struct cli *cli, const char *action, const char *store, bool empty)
{
    struct situ_error error;
    int failed = strcmp(action, "detach") == 0
                     ? situ_store_detach(cli->array, store, &error)
                     : situ_store_attach(cli->array, store, empty, &error);
    if (failed) {
        return cli_say_error(cli, &error);
    }
    return STATUS_GOOD;
}

static int verb_run(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"empty", no_argument, NULL, 'e'}, COMMON_OPTIONS};
    bool json = false;
    bool empty = false;
    int option;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        json |= option == 'j';
        empty |= option == 'e';
        if (option != 'j' && option != 'e' && !cli_common_option(cli, option, &verb_store)) {
            return cli_misused("store", NULL);
        }
    }
    int count = argc - optind;
    const char *action = count > 0 ? argv[optind] : "";
    bool lists = strcmp(action, "list") == 0 && count == 1;
    bool attaches = strcmp(action, "attach") == 0 && count == 2;
    bool detaches = strcmp(action, "detach") == 0 && count == 2;
    if (!lists && !attaches && !detaches) {
        return cli_misused("store", "give: situ store list, store detach NAME, or store attach "
                                    "[--empty] NAME");
    }
    if (cli_open(cli)) {
        return STATUS_NOTHING;
    }
    return lists ? list(cli, json) : control(cli, action, argv[optind + 1], empty);
}

const struct verb verb_store = {
    .name = "store",
    .usage = "situ store list [--json]\n"
             "situ store detach NAME\n"
             "situ store attach [--empty] NAME\n"
             "\n"
             "Lists the stores of the array. 'detach' closes everything in one, so that its file\n"
             "system can be unmounted; 'attach' uses it again (--empty: even if it is empty).\n",
    .run = verb_run,
};
