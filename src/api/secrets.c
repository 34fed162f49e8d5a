/* SPDX-License-Identifier: Apache-2.0
 *
 * The main thread reads the files; requests are checked on the listeners' threads.
 */
#include "api/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/peer_names.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"

enum { READ_TRIES = 50 };

void secrets_init(struct secrets *secrets)
{
    *secrets = (struct secrets){.rights = NULL};
    (void)pthread_mutex_init(&secrets->lock, NULL);
}

void secrets_done(struct secrets *secrets)
{
    rights_unref(secrets->rights);
    (void)pthread_mutex_destroy(&secrets->lock);
}

/* False if the file is a pipe without a writer or data. */
static bool gives_something(int fd)
{
    struct pollfd from = {.fd = fd, .events = POLLIN};
    int count = 0;
    do {
        count = poll(&from, 1, LIMIT_SECRET_WAIT_MS);
    } while (count < 0 && errno == EINTR);
    return count != 0;
}

static int unreadable(const char *path, struct error *error)
{
    char text[64];
    return error_set(error, ERROR_NOT_FOUND, "%s: %s", path, error_text(errno, text, sizeof text));
}

static int read_all(int fd, const char *path, bool again, struct buffer *out, struct error *error)
{
    ssize_t got = 1;
    while (got > 0 && out->size <= LIMIT_TOKEN_FILE_BYTES) {
        if (again && !gives_something(fd)) {
            return error_set(error, ERROR_DEADLINE, "%s: it is a pipe that nobody writes to", path);
        }
        char *room = buffer_reserve(out, 4096);
        if (!room) {
            return error_set(error, ERROR_MEMORY, "%s: out of memory", path);
        }
        got = read(fd, room, 4096);
        if (got < 0 && errno == EINTR) {
            got = 1;
            continue;
        }
        out->size += got > 0 ? (size_t)got : 0;
    }
    if (got < 0) {
        return unreadable(path, error);
    }
    return out->size <= LIMIT_TOKEN_FILE_BYTES
               ? 0
               : error_set(error, ERROR_TOO_LARGE, "%s: it has more than %llu bytes", path,
                           (unsigned long long)LIMIT_TOKEN_FILE_BYTES);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Whether the file was written before it was read, and not since. The clock of file systems ticks
 * coarsely: a file that was written just now may be written again without a new time. */
static bool is_settled(int fd, const struct stat *before)
{
    struct stat after;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    int64_t age_ns = (int64_t)(now.tv_sec - before->st_mtim.tv_sec) * NS_PER_S + now.tv_nsec -
                     before->st_mtim.tv_nsec;
    if (age_ns < LIMIT_SECRET_SETTLE_MS * NS_PER_MS) {
        clock_sleep_ms(LIMIT_SECRET_SETTLE_MS);
    }
    return fstat(fd, &after) == 0 && after.st_size == before->st_size &&
           same_time(&after.st_mtim, &before->st_mtim) &&
           same_time(&after.st_ctim, &before->st_ctim);
}

/* Reads the file; *ret_settled: nobody wrote to it meanwhile, or it is a pipe. */
static int read_once(const char *path, bool again, struct buffer *out, bool *ret_settled,
                     struct error *error)
{
    struct stat before;
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | (again ? O_NONBLOCK : 0));
    if (fd < 0 || fstat(fd, &before) < 0) {
        return unreadable(path, error);
    }
    int r = read_all(fd, path, again, out, error);
    *ret_settled = r < 0 || !S_ISREG(before.st_mode) ||
                   (is_settled(fd, &before) && out->size == (size_t)before.st_size);
    return r;
}

static void wipe(struct buffer *text)
{
    if (text->data) {
        explicit_bzero(text->data, text->size);
    }
    buffer_clear(text);
}

/* Symbolic links and pipes are allowed: secrets are passed in both. At the start it waits for a
 * pipe; at a reload only for a short time, since the thread also handles signals. A file that is
 * being written is read again, and refused if that does not end: half of it may look whole. */
static int read_file(const char *path, bool again, struct buffer *out, struct error *error)
{
    bool settled = false;
    for (unsigned i = 0; i < READ_TRIES; i++) {
        wipe(out);
        int r = read_once(path, again, out, &settled, error);
        if (r < 0 || settled) {
            return r;
        }
    }
    return error_set(error, ERROR_CHANGED,
                     "%s: it is being written all the time: write another file, and rename it",
                     path);
}

static bool have_rights(struct secrets *secrets)
{
    HOLD(&secrets->lock);
    return secrets->rights != NULL;
}

static void log_rights(const struct rights *rights, const char *path)
{
    char quoted[512];
    log_event(LOG_LEVEL_INFO, "tokens_read", "file=%s tokens=%zu users=%zu groups=%zu",
              log_quote(quoted, sizeof quoted, path), rights_count(rights, GRANT_TOKEN),
              rights_count(rights, GRANT_USER), rights_count(rights, GRANT_GROUP));
    if (rights_plain_line(rights) > 0) {
        log_event(LOG_LEVEL_WARNING, "token_plain",
                  "file=%s line=%zu note=\"it has all rights: give it a section with its hash\"",
                  quoted, rights_plain_line(rights));
    }
    if (rights_short_line(rights) > 0) {
        log_event(LOG_LEVEL_WARNING, "token_short",
                  "file=%s line=%zu note=\"under %u bytes: it could be guessed\"", quoted,
                  rights_short_line(rights), LIMIT_TOKEN_LEAST_BYTES);
    }
}

/* Reads, parses and looks up the names. */
static int read_rights(const char *path, bool again, struct rights **ret_rights,
                       struct error *error)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    struct rights *rights = NULL;
    struct error cause = {0};
    int r = read_file(path, again, &text, error);
    if (r < 0) {
        return r;
    }
    r = rights_parse(text.data ? text.data : "", text.size, &rights, &cause);
    wipe(&text);
    if (r == 0) {
        r = peer_names_identify(rights, path, &cause);
    }
    if (r < 0) {
        rights_unref(rights);
        return error_set(error, cause.code, "token file %.300s: %s", path, cause.message);
    }
    *ret_rights = rights;
    return 0;
}

int secrets_load_tokens(struct secrets *secrets, const struct config *config, struct error *error)
{
    const char *path = config->token_file;
    if (!path) {
        return have_rights(secrets)
                   ? error_set(error, ERROR_MALFORMED,
                               "token_file was taken out of the configuration: addresses lose "
                               "their guard at a restart only")
                   : 0;
    }
    struct rights *fresh = NULL;
    int r = read_rights(path, have_rights(secrets), &fresh, error);
    if (r < 0) {
        return r;
    }
    log_rights(fresh, path);
    struct rights *old = NULL;
    {
        HOLD(&secrets->lock);
        old = secrets->rights;
        secrets->rights = fresh;
    }
    rights_unref(old);
    return 0;
}

int secrets_check(const struct config *config, struct error *error)
{
    struct rights *rights = NULL;
    struct stat status;
    const char *path = config->token_file;
    if (!path || (stat(path, &status) == 0 && !S_ISREG(status.st_mode))) {
        return 0; /* what is read from a pipe is gone */
    }
    int r = read_rights(path, true, &rights, error);
    rights_unref(rights);
    return r;
}

struct rights *secrets_rights(struct secrets *secrets)
{
    HOLD(&secrets->lock);
    return secrets->rights ? rights_ref(secrets->rights) : NULL;
}

const char *secrets_bearer(const char *authorization)
{
    static const char scheme[] = "Bearer";
    size_t length = strlen(scheme);
    if (!authorization || strncasecmp(authorization, scheme, length) != 0 ||
        authorization[length] != ' ') {
        return NULL;
    }
    return authorization + length + strspn(authorization + length, " ");
}

int secrets_read_tls(const struct config *config, bool again, struct buffer *ret_certificate,
                     struct buffer *ret_key, struct error *error)
{
    if (!config->tls_certificate) {
        return 0;
    }
    int r = read_file(config->tls_certificate, again, ret_certificate, error);
    if (r < 0) {
        return r;
    }
    r = read_file(config->tls_key, again, ret_key, error);
    if (r < 0) {
        return r;
    }
    buffer_append_char(ret_certificate, '\0');
    buffer_append_char(ret_key, '\0');
    return buffer_ok(ret_certificate) < 0 || buffer_ok(ret_key) < 0 ? error_memory(error, NULL) : 0;
}
