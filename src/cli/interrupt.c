/* SPDX-License-Identifier: Apache-2.0
 *
 * Handlers for Ctrl-C, SIGTERM and SIGHUP.
 */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "cli/cli.h"

enum { BY_SIGNAL = 128 }; /* added to a signal's number: the exit status */

/* The number of the signal. Global, since a handler has no other access. */
/* NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables) */
static volatile sig_atomic_t seen;

static void handle_with(int number, void (*handler)(int number))
{
    /* Writes are restarted; waits for the array end in any case. */
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

static void end(int number)
{
    _exit(BY_SIGNAL + number);
}

static void clear_and_end(int number)
{
    static const char clear_line[] = "\r\033[K";
    if (isatty(STDERR_FILENO) && write(STDERR_FILENO, clear_line, sizeof clear_line - 1) < 0) {
        _exit(BY_SIGNAL + number);
    }
    _exit(BY_SIGNAL + number);
}

/* A signal that was ignored at the start stays ignored, as for nohup. */
static void handle_all_with(void (*handler)(int number))
{
    static const int others[] = {SIGTERM, SIGHUP};
    handle_with(SIGINT, handler);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct sigaction now;
        if (sigaction(others[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN) {
            handle_with(others[i], handler);
        }
    }
}

static void note(int number)
{
    seen = number;
    handle_all_with(clear_and_end);
}

void interrupt_catch(void)
{
    handle_with(SIGINT, end);
}

void interrupt_clear_line(void)
{
    handle_with(SIGINT, clear_and_end);
}

void interrupt_hold(void)
{
    handle_with(SIGPIPE, SIG_IGN);
    if (!seen) {
        handle_all_with(note);
    }
}

bool interrupt_seen(void)
{
    return seen != 0;
}

bool interrupt_by_hand(void)
{
    return seen == SIGINT;
}

int interrupt_status(void)
{
    return seen ? BY_SIGNAL + seen : STATUS_INTERRUPTED;
}
