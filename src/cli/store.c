/* SPDX-License-Identifier: Apache-2.0
 *
 * situ store list: the stores of the array.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/table.h"

static int print_stores(const struct situ_stores *stores)
{
    struct table table;
    int result = table_init(&table, stdout, 2);
    if (result == 0) {
        table_cell(&table, "NAME");
        table_cell(&table, "KIND");
    }
    for (size_t i = 0; result == 0 && i < stores->count; i++) {
        table_cell(&table, stores->stores[i]->name);
        table_cell(&table, stores->stores[i]->kind);
    }
    return table_done(&table);
}

int verb_store(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, COMMON_OPTIONS};
    struct situ_stores *stores;
    struct situ_error error;
    bool json = false;
    int option;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        json |= option == 'j';
        if (option != 'j' && !cli_common_option(cli, option, "store")) {
            return cli_misused("store", NULL);
        }
    }
    if (argc - optind != 1 || strcmp(argv[optind], "list") != 0) {
        return cli_misused("store", "give: situ store list");
    }
    if (cli_open(cli)) {
        return STATUS_NOTHING;
    }
    if (situ_store_list(cli->array, &stores, &error)) {
        cli_say_error(cli, &error);
        return STATUS_NOTHING;
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
