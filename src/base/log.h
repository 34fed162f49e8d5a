/* SPDX-License-Identifier: Apache-2.0
 *
 * One line for each event on stderr: `level=info event=worker_started model=resnet50 pid=4711`. If
 * stderr is the journal ($JOURNAL_STREAM), each line begins with the <N> priority prefix that
 * journald reads; otherwise with the time, `time=2026-03-01T12:00:00.123Z`. Used by situd and
 * situ-worker; libraries log at debug only. Any thread; a line is one write().
 */
#ifndef SITU_BASE_LOG_H
#define SITU_BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level);

/* `event` is a word; `format` makes the key=value pairs ("" for none). Values that may contain
 * spaces, quotes or control bytes go through log_quote(). */
void log_event(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The value in double quotes, with control bytes, quotes and backslashes escaped, cut to fit;
 * returns `buffer`. */
const char *log_quote(char *buffer, unsigned size, const char *value);

#endif
