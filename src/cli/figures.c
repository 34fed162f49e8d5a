/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures for people.
 */
#include "cli/figures.h"

#include <inttypes.h>
#include <math.h>
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
    /* A value that rounds up to 1000.0 has the next unit. */
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

const char *figure_count(char buffer[FIGURE_SIZE], uint64_t count)
{
    char digits[FIGURE_SIZE];
    size_t used = 0;
    size_t length = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, count);
    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            buffer[used++] = ',';
        }
        buffer[used++] = digits[i];
    }
    buffer[used] = '\0';
    return buffer;
}

const char *figure_closing(char buffer[CLOSING_SIZE], const struct closing *closing)
{
    char wire[FIGURE_SIZE];
    char read[FIGURE_SIZE];
    char time[FIGURE_SIZE];
    char cached[2 * FIGURE_SIZE] = "";
    char failed[FIGURE_SIZE] = "";
    char skipped[FIGURE_SIZE] = "";
    char gone[FIGURE_SIZE] = "";
    char less[FIGURE_SIZE] = "";
    char array[2 * FIGURE_SIZE] = "";

    if (closing->cached > 0) {
        (void)snprintf(cached, sizeof cached, " (%" PRIu64 " cached)", closing->cached);
    }
    if (closing->failed > 0) {
        (void)snprintf(failed, sizeof failed, ", %" PRIu64 " failed", closing->failed);
    }
    if (closing->skipped > 0) {
        (void)snprintf(skipped, sizeof skipped, ", %" PRIu64 " skipped", closing->skipped);
    }
    if (closing->gone > 0) {
        (void)snprintf(gone, sizeof gone, ", %" PRIu64 " gone", closing->gone);
    }
    if (closing->read_known) {
        (void)snprintf(array, sizeof array, ", %s%s read on the array",
                       closing->read_partly ? "at least " : "",
                       figure_bytes(read, closing->bytes_read));
    }
    if (closing->read_known && closing->bytes_read > closing->bytes_wire) {
        double part = 1 - (double)closing->bytes_wire / (double)closing->bytes_read;
        (void)snprintf(less, sizeof less, " (%.2f %% less)", fmin(part * 100, 99.99));
    }
    (void)snprintf(
        buffer, CLOSING_SIZE, "%" PRIu64 " object%s%s%s%s%s%s, %s over the network%s, %s",
        closing->objects, closing->objects == 1 ? "" : "s", cached, failed, gone, skipped, array,
        figure_bytes(wire, closing->bytes_wire), less, figure_seconds(time, closing->seconds));
    return buffer;
}
