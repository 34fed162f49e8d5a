/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log: see audit.h. A thread of its own writes; any thread adds lines.
 */
#include "api/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "base/log.h"

void audit_init(struct audit *audit)
{
    *audit = (struct audit){.fd = -1, .next_fd = -1};
    (void)pthread_mutex_init(&audit->lock, NULL);
    (void)pthread_cond_init(&audit->changed, NULL);
}

/* ---- the writer ---- */

static void close_file(int fd)
{
    if (fd >= 0 && fd != STDERR_FILENO) {
        (void)close(fd);
    }
}

static int write_all(int fd, const char *bytes, size_t size, bool *ret_torn)
{
    size_t done = 0;
    while (done < size) {
        ssize_t written = write(fd, bytes + done, size - done);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            *ret_torn = *ret_torn || done > 0;
            return written < 0 ? -errno : -EIO;
        }
        done += (size_t)written;
    }
    *ret_torn = false;
    return 0;
}

/* A failure is logged once, until it is over; the lines are lost. */
static void write_lines(struct audit *audit, const struct buffer *lines)
{
    char text[64];
    int r = audit->torn ? write_all(audit->fd, "\n", 1, &audit->torn) : 0;
    if (r == 0) {
        r = write_all(audit->fd, lines->data, lines->size, &audit->torn);
    }
    if (r < 0 && !audit->failing) {
        log_event(LOG_LEVEL_ERROR, "audit_failed", "reason=\"%s\"",
                  error_text(-r, text, sizeof text));
    }
    audit->failing = r < 0;
}

static void put_lost(struct buffer *lines, uint64_t lost)
{
    struct json_writer w = JSON_WRITER(lines);
    json_begin_object(&w, NULL);
    json_put_time(&w, "time", clock_day_s());
    json_put_string(&w, "event", "lost");
    json_put_unsigned(&w, "lines", lost);
    json_end_object(&w);
    buffer_append_char(lines, '\n');
}

/* Writes what waits, then takes over a new file. Called with the lock, which is released while it
 * writes. */
static void serve_once(struct audit *audit)
{
    struct buffer lines = audit->waiting;
    uint64_t lost = audit->lost;
    bool replaced = audit->replaced;
    int next_fd = audit->next_fd;
    audit->waiting = BUFFER_INIT;
    audit->lost = 0;
    audit->replaced = false;
    audit->next_fd = -1;
    (void)pthread_mutex_unlock(&audit->lock);
    if (replaced && audit->fd < 0) { /* there was none */
        audit->fd = next_fd;
        replaced = false;
    }
    if (lost > 0) {
        put_lost(&lines, lost);
    }
    if (lines.size > 0 && audit->fd >= 0) {
        write_lines(audit, &lines);
    }
    buffer_done(&lines);
    if (replaced) {
        close_file(audit->fd);
        audit->fd = next_fd;
        audit->torn = false;
        audit->failing = false;
    }
    (void)pthread_mutex_lock(&audit->lock);
}

static bool has_work(const struct audit *audit)
{
    return audit->waiting.size > 0 || audit->lost > 0 || audit->replaced;
}

static void *serve(void *argument)
{
    struct audit *audit = argument;
    (void)pthread_mutex_lock(&audit->lock);
    while (!audit->stopping || has_work(audit)) {
        if (has_work(audit)) {
            serve_once(audit);
        } else {
            (void)pthread_cond_wait(&audit->changed, &audit->lock);
        }
    }
    (void)pthread_mutex_unlock(&audit->lock);
    return NULL;
}

/* ---- opening ---- */

static int open_file(const char *file, int *ret_fd, struct error *error)
{
    char text[64];
    *ret_fd = -1;
    if (!file || strcmp(file, "journal") == 0) {
        *ret_fd = file ? STDERR_FILENO : -1;
        return 0;
    }
    *ret_fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    return *ret_fd >= 0 ? 0
                        : error_set(error, ERROR_IO, "audit file %.300s: %s", file,
                                    error_text(errno, text, sizeof text));
}

static int start_thread(struct audit *audit, struct error *error)
{
    if (audit->started) {
        return 0;
    }
    if (pthread_create(&audit->thread, NULL, serve, audit) != 0) {
        return error_set(error, ERROR_MEMORY, "cannot start the thread of the audit log");
    }
    audit->started = true;
    return 0;
}

int audit_open(struct audit *audit, const char *file, struct error *error)
{
    int fd = -1;
    int r = open_file(file, &fd, error);
    if (r < 0 || (!file && !audit->started)) {
        return r;
    }
    r = start_thread(audit, error);
    if (r < 0) {
        close_file(fd);
        return r;
    }
    HOLD(&audit->lock);
    close_file(audit->next_fd);
    audit->next_fd = fd;
    audit->replaced = true;
    audit->on = file != NULL;
    (void)pthread_cond_signal(&audit->changed);
    return 0;
}

void audit_done(struct audit *audit)
{
    if (audit->started) {
        {
            HOLD(&audit->lock);
            audit->stopping = true;
            (void)pthread_cond_signal(&audit->changed);
        }
        (void)pthread_join(audit->thread, NULL);
    }
    close_file(audit->fd);
    buffer_done(&audit->waiting);
    (void)pthread_cond_destroy(&audit->changed);
    (void)pthread_mutex_destroy(&audit->lock);
}

/* ---- lines ---- */

bool audit_is_on(struct audit *audit)
{
    HOLD(&audit->lock);
    return audit->on;
}

static void put_text(struct json_writer *w, const char *key, const char *text)
{
    json_put_string(w, key, text && *text ? text : NULL);
}

static void put_line(struct buffer *line, const struct audit_event *event)
{
    struct json_writer w = JSON_WRITER(line);
    json_begin_object(&w, NULL);
    json_put_time(&w, "time", clock_day_s());
    json_put_string(&w, "event", event->event);
    put_text(&w, "request", event->request);
    put_text(&w, "name", event->name);
    put_text(&w, "address", event->address);
    put_text(&w, "verb", event->verb);
    put_text(&w, "target", event->target);
    json_put_string(&w, "outcome", event->outcome);
    if (event->status > 0) {
        json_put_unsigned(&w, "status", event->status);
    } else {
        json_put_null(&w, "status");
    }
    json_end_object(&w);
    buffer_append_char(line, '\n');
}

void audit_write(struct audit *audit, const struct audit_event *event)
{
    cleanup_buffer struct buffer line = BUFFER_INIT;
    put_line(&line, event);
    HOLD(&audit->lock);
    if (!audit->on) {
        return;
    }
    if (buffer_ok(&line) < 0 || audit->waiting.size + line.size > LIMIT_AUDIT_BYTES ||
        !buffer_reserve(&audit->waiting, line.size)) {
        audit->lost++;
    } else {
        buffer_append(&audit->waiting, line.data, line.size);
    }
    (void)pthread_cond_signal(&audit->changed);
}
