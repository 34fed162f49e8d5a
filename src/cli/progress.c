/* SPDX-License-Identifier: Apache-2.0
 *
 * The progress bar.
 */
#include "cli/progress.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/figures.h"

enum { REDRAW_MS = 100, FIRST_MS = 300, BAR_MAX = 40, TEXT_SIZE = 128 };

static const char clear_line[] = "\r\033[K";

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    if (write(STDERR_FILENO, clear_line, sizeof clear_line - 1) < 0) {
        _exit(STATUS_INTERRUPTED);
    }
    _exit(STATUS_INTERRUPTED);
}

void progress_init(struct progress *progress, bool wanted, bool bytes)
{
    *progress = (struct progress){
        .enabled = wanted && isatty(STDERR_FILENO), .bytes = bytes, .start_ms = now_ms()};
    if (progress->enabled) {
        struct sigaction action = {.sa_handler = on_interrupt};
        (void)sigemptyset(&action.sa_mask);
        (void)sigaction(SIGINT, &action, NULL);
    }
}

double progress_seconds(const struct progress *progress)
{
    return (double)(now_ms() - progress->start_ms) / 1000;
}

/* "57/128 objects  31.2/s  2.3 s left" */
static void describe(const struct progress *progress, uint64_t done, uint64_t total,
                     char text[TEXT_SIZE])
{
    char figures[3][FIGURE_SIZE];
    double seconds = progress_seconds(progress);
    double rate = seconds > 0 ? (double)done / seconds : 0;
    int used;
    if (progress->bytes) {
        used = snprintf(text, TEXT_SIZE, "%s of %s  %s/s", figure_bytes(figures[0], done),
                        figure_bytes(figures[1], total), figure_bytes(figures[2], (uint64_t)rate));
    } else if (total > 0) {
        used =
            snprintf(text, TEXT_SIZE, "%" PRIu64 "/%" PRIu64 " objects  %.1f/s", done, total, rate);
    } else {
        used = snprintf(text, TEXT_SIZE, "%" PRIu64 " objects  %.1f/s", done, rate);
    }
    if (used > 0 && used < TEXT_SIZE && total > done && rate > 0) {
        (void)snprintf(text + used, (size_t)(TEXT_SIZE - used), "  %s left",
                       figure_seconds(figures[0], (double)(total - done) / rate));
    }
}

static void draw(const struct progress *progress, uint64_t done, uint64_t total)
{
    char text[TEXT_SIZE] = "";
    char bar[BAR_MAX + 1];
    struct winsize size = {.ws_col = 80};

    describe(progress, done, total, text);
    (void)ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
    int columns = size.ws_col > 0 ? size.ws_col : 80;
    int room = columns - (int)strlen(text) - 5;
    int width = room < BAR_MAX ? room : BAR_MAX;
    if (width < 5 || total == 0) {
        (void)fprintf(stderr, "%s%.*s", clear_line, columns - 1, text);
        return;
    }
    uint64_t part = done < total ? done : total;
    int full = (int)((double)part / (double)total * width);
    memset(bar, '#', (size_t)full);
    memset(bar + full, '.', (size_t)(width - full));
    bar[width] = '\0';
    (void)fprintf(stderr, "%s[%s] %s", clear_line, bar, text);
}

void progress_update(struct progress *progress, uint64_t done, uint64_t total)
{
    if (!progress->enabled) {
        return;
    }
    int64_t now = now_ms();
    if (now - progress->start_ms < FIRST_MS || now - progress->drawn_ms < REDRAW_MS) {
        return;
    }
    draw(progress, done, total);
    (void)fflush(stderr);
    progress->drawn = true;
    progress->drawn_ms = now;
}

void progress_clear(struct progress *progress)
{
    if (progress->drawn) {
        (void)fputs(clear_line, stderr);
        (void)fflush(stderr);
        progress->drawn = false;
        progress->drawn_ms = 0;
    }
}
