/* SPDX-License-Identifier: Apache-2.0
 *
 * The event log. The level is the project's only mutable global.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"

/* NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): the log level */
static _Atomic int current_level = LOG_LEVEL_INFO;

static const struct {
    const char *name;
    int journal_priority;
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_WARNING] = {"warning", 4},
    [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};

void log_set_level(enum log_level level)
{
    atomic_store(&current_level, (int)level);
}

/* Whether stderr is the journal, which records the time itself: $JOURNAL_STREAM has the stream's
 * device and inode. */
static bool is_journal(void)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the environment is never changed after start */
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    char name[64];
    if (!stream || fstat(STDERR_FILENO, &status) < 0) {
        return false;
    }
    (void)snprintf(name, sizeof name, "%llu:%llu", (unsigned long long)status.st_dev,
                   (unsigned long long)status.st_ino);
    return strcmp(stream, name) == 0;
}

/* The current time in UTC, in milliseconds. gmtime_r() would open the time zone's file, which a
 * worker may not do. The date is computed from the days since 1970-01-01, in years that begin in
 * March. */
static int write_time(char *line, size_t size)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) < 0) {
        return 0;
    }
    long long days = now.tv_sec / 86400 + 719468;
    int second = (int)(now.tv_sec % 86400);
    long long era = days / 146097;
    int day = (int)(days % 146097);
    int year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int of_year = day - (365 * year + year / 4 - year / 100);
    int month = (5 * of_year + 2) / 153;
    int of_month = of_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    return snprintf(line, size, "time=%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ ",
                    era * 400 + year + (month <= 2), month, of_month, second / 3600,
                    second / 60 % 60, second % 60, (int)(now.tv_nsec / 1000000));
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    if ((int)level > atomic_load(&current_level)) {
        return;
    }
    char line[2048];
    size_t used = 0;
    int written = is_journal() ? snprintf(line, sizeof line, "<%d>", levels[level].journal_priority)
                               : write_time(line, sizeof line);
    used = written > 0 ? (size_t)written : 0;
    written =
        snprintf(line + used, sizeof line - used, "level=%s event=%s ", levels[level].name, event);
    used += written > 0 ? (size_t)written : 0;
    va_list arguments;
    va_start(arguments, format);
    written = vsnprintf(line + used, sizeof line - used, format, arguments);
    va_end(arguments);
    used += written > 0 ? (size_t)written : 0;
    if (used > sizeof line - 2) {
        used = sizeof line - 2;
    }
    if (line[used - 1] == ' ') {
        used--;
    }
    line[used++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, used);
    (void)ignored;
}

const char *log_quote(char *buffer, unsigned size, const char *value)
{
    if (size < 3) {
        return "";
    }
    unsigned used = 0;
    buffer[used++] = '"';
    for (const char *c = value; *c && used + 6 < size; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte == '"' || byte == '\\') {
            buffer[used++] = '\\';
            buffer[used++] = *c;
        } else if (byte < 0x20 || byte == 0x7f || utf8_length(c, strlen(c)) == 0) {
            int n = snprintf(buffer + used, size - used, "\\x%02x", byte);
            used += n > 0 ? (unsigned)n : 0;
        } else {
            size_t length = utf8_length(c, strlen(c));
            memcpy(buffer + used, c, length);
            used += (unsigned)length;
            c += length - 1;
        }
    }
    buffer[used++] = '"';
    buffer[used] = '\0';
    return buffer;
}
