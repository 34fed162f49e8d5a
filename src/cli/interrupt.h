/* SPDX-License-Identifier: Apache-2.0
 *
 * Ctrl-C. It ends the program at once, after clearing the progress bar. While a job is followed,
 * the first one is only recorded, so that the user can be asked about the job, and the second one
 * ends the program; the same holds for SIGTERM and SIGHUP, but without a question. Otherwise these
 * two have their default effect. One thread.
 */
#ifndef SITU_CLI_INTERRUPT_H
#define SITU_CLI_INTERRUPT_H

#include <stdbool.h>

/* At the start of the program. */
void interrupt_catch(void);

/* From now on a line on the terminal may have to be cleared before the end. */
void interrupt_clear_line(void);

/* From now on the first Ctrl-C, SIGTERM or SIGHUP is only recorded; and a pipe without a reader is
 * an error of the next write instead of a signal. */
void interrupt_hold(void);

/* Whether one was recorded. */
bool interrupt_seen(void);

/* Whether it was Ctrl-C: a user can be asked. */
bool interrupt_by_hand(void);

/* The exit status for that signal. */
int interrupt_status(void);

#endif
