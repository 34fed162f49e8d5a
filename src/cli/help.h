/* SPDX-License-Identifier: Apache-2.0
 *
 * The verbs of the command, by their names. One thread.
 */
#ifndef SITU_CLI_HELP_H
#define SITU_CLI_HELP_H

#include "cli/cli.h"

/* NULL if there is no such verb. */
const struct verb *verb_find(const char *name);

/* Reports that `given` is not a verb, and the most similar one: STATUS_NOTHING. */
int verb_unknown(const char *given);

/* The same for the word after a verb whose usage lists actions (`situ job list`): 0 if the verb has
 * that action, or no actions. */
int verb_check_action(const struct verb *verb, int argc, char **argv);

/* `situ help [VERB]`: the exit status. */
int help_print(int argc, char **argv);

#endif
