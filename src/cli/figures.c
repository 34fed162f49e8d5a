/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures for people.
 */
#include "cli/figures.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

const char *figure_bytes(char buffer[FIGURE_SIZE], uint64_t bytes)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    if (bytes < 1000) {
        (void)snprintf(buffer, FIGURE_SIZE, "%" PRIu64 " B", bytes);
        return buffer;
    }
    double value = (double)bytes / 1000;
    size_t unit = 0;
    /* What one decimal would round up to 1000.0 belongs to the next unit. */
    while (value >= 999.95 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1000;
        unit++;
    }
    (void)snprintf(buffer, FIGURE_SIZE, "%.1f %s", value, units[unit]);
    return buffer;
}

const char *figure_seconds(char buffer[FIGURE_SIZE], double seconds)
{
    if (seconds < 59.95) {
        (void)snprintf(buffer, FIGURE_SIZE, "%.1f s", seconds < 0 ? 0 : seconds);
        return buffer;
    }
    uint64_t whole = seconds < 1e9 ? (uint64_t)(seconds + 0.5) : UINT64_C(1000000000);
    if (whole < 3600) {
        (void)snprintf(buffer, FIGURE_SIZE, "%" PRIu64 " min %" PRIu64 " s", whole / 60,
                       whole % 60);
    } else {
        (void)snprintf(buffer, FIGURE_SIZE, "%" PRIu64 " h %" PRIu64 " min", whole / 3600,
                       whole % 3600 / 60);
    }
    return buffer;
}

/* Appends to text of `used` bytes; returns how much is used then. */
static size_t append(char *buffer, size_t used, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static size_t append(char *buffer, size_t used, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(buffer + used, CLOSING_SIZE - used, format, arguments);
    va_end(arguments);
    size_t now = used + (length > 0 ? (size_t)length : 0);
    return now < CLOSING_SIZE ? now : CLOSING_SIZE - 1;
}

const char *figure_closing(char buffer[CLOSING_SIZE], const struct closing *closing)
{
    char figure[FIGURE_SIZE];
    size_t used = append(buffer, 0, "%" PRIu64 " object%s", closing->objects,
                         closing->objects == 1 ? "" : "s");
    if (closing->failed > 0) {
        used = append(buffer, used, ", %" PRIu64 " failed", closing->failed);
    }
    if (closing->skipped > 0) {
        used = append(buffer, used, ", %" PRIu64 " skipped", closing->skipped);
    }
    if (closing->read_known) {
        used = append(buffer, used, ", %s%s read on the array",
                      closing->read_partly ? "at least " : "",
                      figure_bytes(figure, closing->bytes_read));
    }
    used = append(buffer, used, ", %s over the network", figure_bytes(figure, closing->bytes_wire));
    if (closing->read_known && closing->bytes_read > closing->bytes_wire) {
        double less = 1 - (double)closing->bytes_wire / (double)closing->bytes_read;
        used = append(buffer, used, " (%.2f %% less)", fmin(less * 100, 99.99));
    }
    (void)append(buffer, used, ", %s", figure_seconds(figure, closing->seconds));
    return buffer;
}
