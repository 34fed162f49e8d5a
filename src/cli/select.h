/* SPDX-License-Identifier: Apache-2.0
 *
 * The options that set what a selection excludes and includes: --exclude, --no-exclude-defaults and
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

/* Handles one of them: 1; 0 if it is another; negative after a message. */
int select_take(struct select_words *words, int option, const char *verb);

/* Whether one of them was given. */
bool select_any(const struct select_words *words);

/* Sets them on the handle. 0, or STATUS_NOTHING after a message. */
int select_apply(struct cli *cli, const struct select_words *words);

#endif
