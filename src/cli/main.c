/* SPDX-License-Identifier: Apache-2.0
 *
 * situ, the command line: the options before the verb, and running the verb. See situ(1).
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/help.h"
#include "cli/interrupt.h"

static int print_version(void)
{
    (void)printf("situ %s\n", situ_version());
    return cli_finish_output(STATUS_GOOD);
}

/* Options before the verb. -1 to continue, or the exit status. */
static int read_options(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"version", no_argument, NULL, 'V'}, COMMON_OPTIONS};
    int option;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((option = getopt_long(argc, argv, "+hV", options, NULL)) != -1) {
        if (option == 'V') {
            return print_version();
        }
        if (option == 'h' || option == OPTION_HELP) {
            return help_print(1, argv);
        }
        if (!cli_common_option(cli, option, NULL)) {
            return cli_misused(NULL, NULL);
        }
    }
    if (optind >= argc) {
        return cli_misused(NULL, "give a verb");
    }
    return -1;
}

int main(int argc, char **argv)
{
    /* Only for the width of characters: numbers keep the format that programs read. */
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    (void)setlocale(LC_CTYPE, "");
    interrupt_catch();

    /* NOLINTBEGIN(concurrency-mt-unsafe): one thread */
    struct cli cli = {.token_file = getenv("SITU_TOKEN_FILE"), .ca_file = getenv("SITU_CA_FILE")};
    /* NOLINTEND(concurrency-mt-unsafe) */
    int status = read_options(&cli, argc, argv);
    if (status >= 0) {
        return status;
    }
    argc -= optind;
    argv += optind;
    optind = 0; /* getopt starts again for the verb */
    if (strcmp(argv[0], "help") == 0) {
        return help_print(argc, argv);
    }
    if (strcmp(argv[0], "version") == 0) {
        return argc > 1 ? cli_misused(NULL, "version takes no names") : print_version();
    }
    const struct verb *verb = verb_find(argv[0]);
    if (!verb) {
        return verb_unknown(argv[0]);
    }
    status = verb_check_action(verb, argc, argv);
    if (status == 0) {
        status = verb->run(&cli, argc, argv);
    }
    situ_close(cli.array);
    return status;
}
