/* SPDX-License-Identifier: Apache-2.0
 *
 * What a selection excludes, from the command line.
 */
#include "cli/select.h"

int select_take(struct select_words *words, int option, const char *verb)
{
    switch (option) {
    case SELECT_EXCLUDE:
        if (words->count == SELECT_PATTERNS_MAX || !optarg[0]) {
            (void)cli_misused(verb, "--exclude takes a pattern, and stands at most 64 times");
            return -1;
        }
        words->exclude[words->count++] = optarg;
        return 1;
    case SELECT_NO_DEFAULTS:
        words->no_defaults = true;
        return 1;
    case SELECT_SNIFF:
        words->sniff = true;
        return 1;
    default:
        return 0;
    }
}

bool select_any(const struct select_words *words)
{
    return words->count > 0 || words->no_defaults || words->sniff;
}

int select_apply(struct cli *cli, const struct select_words *words)
{
    struct situ_error error;
    struct situ_select_options options = {.struct_size = sizeof options,
                                          .exclude = words->exclude,
                                          .exclude_count = words->count,
                                          .no_exclude_defaults = words->no_defaults,
                                          .sniff = words->sniff};
    if (situ_select(cli->array, &options, &error)) {
        return cli_say_error(cli, &error);
    }
    return 0;
}
