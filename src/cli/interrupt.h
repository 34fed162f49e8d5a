/* SPDX-License-Identifier: Apache-2.0
 *
 * Ctrl-C. It ends the program at once, with the progress bar cleared; while a job is followed, the
 * first one is only noted, so that the job can be asked about, and the second one ends at once. So
 * are SIGTERM and SIGHUP then, after which nobody is asked; else they do what they do to any
 * program. One thread.
 */
#ifndef SITU_CLI_INTERRUPT_H
#define SITU_CLI_INTERRUPT_H

#include <stdbool.h>

/* From the program's start on. */
void interrupt_catch(void);

/* From now on a line may stand on the terminal that is to be cleared before the end. */
void interrupt_clear_line(void);

/* From now on the first Ctrl-C, SIGTERM or SIGHUP is only noted; and a pipe whose reader has left
 * is an error of the next write, no end. */
void interrupt_hold(void);

/* Whether one was noted. */
bool interrupt_seen(void);

/* Whether it was Ctrl-C: somebody is there to be asked. */
bool interrupt_by_hand(void);

/* The exit status that tells which it was. */
int interrupt_status(void);

#endif
