/* SPDX-License-Identifier: Apache-2.0
 *
 * The options that say what a selection leaves out, and takes in: --exclude, --no-exclude-defaults
 * and
 * --sniff. One thread.
 */
#ifndef SITU_CLI_SELECT_H
#define SITU_CLI_SELECT_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/cli.h"

enum { SELECT_EXCLUDE = 3000, SELECT_NO_DEFAULTS, SELECT_SNIFF, SELECT_PATTERNS_MAX = 64 };

#define SELECT_OPTIONS                                                                             \
    {"exclude", required_argument, NULL, SELECT_EXCLUDE},                                          \
        {"no-exclude-defaults", no_argument, NULL, SELECT_NO_DEFAULTS},                            \
    {                                                                                              \
        "sniff", no_argument, NULL, SELECT_SNIFF                                                   \
    }

struct select_words {
    const char *exclude[SELECT_PATTERNS_MAX]; /* borrowed from the command line */
    size_t count;
    bool no_defaults;
    bool sniff;
};

/* Takes one of them: 1; 0 where it is none; negative after telling what is wrong. */
int select_take(struct select_words *words, int option, const char *verb);

/* Was one of them given? */
bool select_any(const struct select_words *words);

/* Tells the handle. 0, or STATUS_NOTHING after telling why. */
int select_apply(struct cli *cli, const struct select_words *words);

#endif
