/* SPDX-License-Identifier: Apache-2.0
 *
 * The progress bar.
 */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/escape.h"
#include "cli/figures.h"
#include "cli/interrupt.h"

enum { REDRAW_MS = 100, FIRST_MS = 300, BAR_MAX = 40, TEXT_SIZE = 256 };

static const char clear_line[] = "\r\033[K";

static int64_t now_ms(void)
{
    return clock_now_ns() / NS_PER_MS;
}

void progress_init(struct progress *progress, bool wanted, bool bytes)
{
    *progress = (struct progress){
        .enabled = wanted && isatty(STDERR_FILENO), .bytes = bytes, .start_ms = now_ms()};
    if (progress->enabled) {
        interrupt_clear_line();
    }
}

double progress_seconds(const struct progress *progress)
{
    return (double)(now_ms() - progress->start_ms) / 1000;
}

/* Appends as much as fits. */
static void add(char text[TEXT_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void add(char text[TEXT_SIZE], const char *format, ...)
{
    size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text + used, TEXT_SIZE - used, format, arguments);
    va_end(arguments);
}

/* "57/128 objects  31.2/s  12 % cached  1 failed  2.3 s left" */
static void describe(const struct progress *progress, const struct progress_figures *figures,
                     char text[TEXT_SIZE])
{
    char figure[3][FIGURE_SIZE];
    uint64_t done = figures->done;
    uint64_t total = figures->total;
    double seconds = progress_seconds(progress);
    double rate = seconds > 0 && done > figures->before ? (double)(done - figures->before) / seconds
                                                        : 0; /* none while old results arrive */
    text[0] = '\0';
    if (progress->bytes) {
        add(text, "%s of %s  %s/s", figure_bytes(figure[0], done), figure_bytes(figure[1], total),
            figure_bytes(figure[2], (uint64_t)rate));
    } else if (total > 0) {
        add(text, "%" PRIu64 "/%" PRIu64 " objects  %.1f/s", done, total, rate);
    } else {
        add(text, "%" PRIu64 " objects  %.1f/s", done, rate);
    }
    if (figures->cached > 0 && figures->reported > 0) {
        add(text, "  %.0f %% cached", 100 * (double)figures->cached / (double)figures->reported);
    }
    if (figures->failed > 0) {
        add(text, "  %" PRIu64 " failed", figures->failed);
    }
    if (figures->note) {
        add(text, "  %s", figures->note);
    } else if (total > done && rate > 0) {
        add(text, "  %s left", figure_seconds(figure[0], (double)(total - done) / rate));
    }
}

static void draw(const struct progress *progress, const struct progress_figures *figures)
{
    char text[TEXT_SIZE];
    char bar[BAR_MAX + 1];
    struct winsize size = {.ws_col = 80};
    uint64_t total = figures->total;

    describe(progress, figures, text);
    (void)ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
    int columns = size.ws_col > 0 ? size.ws_col : 80;
    int room = columns - (int)strlen(text) - 5;
    int width = room < BAR_MAX ? room : BAR_MAX;
    (void)fputs(clear_line, stderr);
    if (width < 5 || total == 0) {
        text[columns - 1 < TEXT_SIZE ? columns - 1 : TEXT_SIZE - 1] = '\0';
        escape_print(stderr, text);
        return;
    }
    uint64_t part = figures->done < total ? figures->done : total;
    int full = (int)((double)part / (double)total * width);
    memset(bar, '#', (size_t)full);
    memset(bar + full, '.', (size_t)(width - full));
    bar[width] = '\0';
    (void)fprintf(stderr, "[%s] ", bar);
    escape_print(stderr, text);
}

void progress_show(struct progress *progress, const struct progress_figures *figures)
{
    if (!progress->enabled) {
        return;
    }
    int64_t now = now_ms();
    if (now - progress->start_ms < FIRST_MS || now - progress->drawn_ms < REDRAW_MS) {
        return;
    }
    draw(progress, figures);
    (void)fflush(stderr);
    progress->drawn = true;
    progress->drawn_ms = now;
}

void progress_update(struct progress *progress, uint64_t done, uint64_t total)
{
    const struct progress_figures figures = {.done = done, .total = total};
    progress_show(progress, &figures);
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
