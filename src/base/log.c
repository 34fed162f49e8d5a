/* SPDX-License-Identifier: Apache-2.0
 *
 * The event log. The level is the one mutable global of the project.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    if ((int)level > atomic_load(&current_level)) {
        return;
    }
    char line[2048];
    size_t used = 0;
    int written = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the environment is never changed after start */
    if (getenv("JOURNAL_STREAM")) {
        written = snprintf(line, sizeof line, "<%d>", levels[level].journal_priority);
        used = written > 0 ? (size_t)written : 0;
    }
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
