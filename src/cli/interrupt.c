/* SPDX-License-Identifier: Apache-2.0
 *
 * Ctrl-C, at once or noted.
 */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "cli/cli.h"

/* A signal handler can reach nothing else. */
/* NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables) */
static volatile sig_atomic_t seen;

static void handle_with(int number, void (*handler)(int number))
{
    /* Output under way goes on; waits for the array end in any case. */
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

static void end(int number)
{
    (void)number;
    _exit(STATUS_INTERRUPTED);
}

static void clear_and_end(int number)
{
    static const char clear_line[] = "\r\033[K";
    (void)number;
    if (isatty(STDERR_FILENO) && write(STDERR_FILENO, clear_line, sizeof clear_line - 1) < 0) {
        _exit(STATUS_INTERRUPTED);
    }
    _exit(STATUS_INTERRUPTED);
}

static void note(int number)
{
    seen = 1;
    handle_with(number, clear_and_end);
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
        handle_with(SIGINT, note);
    }
}

bool interrupt_seen(void)
{
    return seen != 0;
}
