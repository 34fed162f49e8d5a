/* SPDX-License-Identifier: Apache-2.0
 *
 * Opens the listening sockets, and speaks systemd's two small protocols. Runs at the start, before
 * any thread.
 */
#include "daemon/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/api.h"

enum { BACKLOG = 1024, SYSTEMD_FIRST_FD = 3 };

static const char unix_prefix[] = "unix:";

static int system_error(struct error *error, const char *address, const char *what)
{
    char text[64];
    return error_set(error, ERROR_IO, "cannot listen on %s: %s: %s", address, what,
                     error_text(errno, text, sizeof text));
}

static int split_address(const char *address, char *host, size_t host_size, char *port,
                         size_t port_size, struct error *error)
{
    const char *colon = strrchr(address, ':');
    const char *end = colon ? colon : address + strlen(address);
    const char *start = address;
    if (*start == '[' && end > start && end[-1] == ']') {
        start++;
        end--;
    }
    if (end == start || (size_t)(end - start) >= host_size ||
        (colon && (strlen(colon + 1) >= port_size || colon[1] == '\0'))) {
        return error_set(error, ERROR_MALFORMED, "address '%.100s': must be unix:PATH or HOST:PORT",
                         address);
    }
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = '\0';
    (void)snprintf(port, port_size, "%s", colon ? colon + 1 : "7433");
    return 0;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        return (ntohl(in->sin_addr.s_addr) >> 24) == 127;
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)address;
        return IN6_IS_ADDR_LOOPBACK(&in->sin6_addr);
    }
    return false;
}

static int resolve(const char *address, struct addrinfo **ret_info, struct error *error)
{
    char host[128];
    char port[16];
    int r = split_address(address, host, sizeof host, port, sizeof port, error);
    if (r < 0) {
        return r;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    int failure = getaddrinfo(host, port, &hints, ret_info);
    if (failure != 0) {
        return error_set(error, ERROR_MALFORMED, "address '%.100s': %s", address,
                         gai_strerror(failure));
    }
    return 0;
}

static int check_guard(const struct config *config, const char *address, bool loopback,
                       struct error *error)
{
    if (loopback || config->insecure) {
        return 0;
    }
    if (!config->tls_certificate || !config->token_file) {
        return error_set(error, ERROR_MALFORMED,
                         "%s can be reached from other machines: give --tls-certificate, --tls-key "
                         "and --token-file, or --insecure",
                         address);
    }
    return 0;
}

static int check_address(const struct config *config, const char *address, struct error *error)
{
    if (strncmp(address, unix_prefix, strlen(unix_prefix)) == 0) {
        size_t length = strlen(address) - strlen(unix_prefix);
        struct sockaddr_un un;
        return length > 0 && length < sizeof un.sun_path
                   ? 0
                   : error_set(error, ERROR_MALFORMED,
                               "address '%.100s': the path must have 1 to %zu bytes", address,
                               sizeof un.sun_path - 1);
    }
    struct addrinfo *info = NULL;
    int r = resolve(address, &info, error);
    if (r == 0) {
        r = check_guard(config, address, is_loopback(info->ai_addr), error);
        freeaddrinfo(info);
    }
    return r;
}

int listen_check_config(const struct config *config, struct error *error)
{
    if (config->listen_count > LISTEN_MAX) {
        return error_set(error, ERROR_MALFORMED, "at most %d addresses to listen on", LISTEN_MAX);
    }
    int r = 0;
    for (size_t i = 0; i < config->listen_count && r == 0; i++) {
        r = check_address(config, config->listen[i], error);
    }
    return r;
}

/* Removes a socket file on which no process listens any more; one in use is an error. */
static int clear_stale_socket(const struct sockaddr_un *un, const char *address,
                              struct error *error)
{
    struct stat status;
    if (lstat(un->sun_path, &status) < 0) {
        return 0;
    }
    if (!S_ISSOCK(status.st_mode)) {
        return error_set(error, ERROR_CONFLICT, "%s is in the way: not a socket", un->sun_path);
    }
    cleanup_fd int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe >= 0 && connect(probe, (const struct sockaddr *)un, sizeof *un) == 0) {
        return error_set(error, ERROR_CONFLICT, "another situd listens on %s already", address);
    }
    return unlink(un->sun_path) < 0 ? system_error(error, address, "unlink") : 0;
}

static int open_unix(const struct config *config, const char *address,
                     struct api_listener *ret_listener, struct error *error)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    (void)snprintf(un.sun_path, sizeof un.sun_path, "%s", address + strlen(unix_prefix));
    int r = clear_stale_socket(&un, address, error);
    if (r < 0) {
        return r;
    }
    cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t old = umask(0777); /* no client connects before the mode is set */
    bool bound = fd >= 0 && bind(fd, (const struct sockaddr *)&un, sizeof un) == 0;
    (void)umask(old);
    if (!bound) {
        return system_error(error, address, "bind");
    }
    if (config->socket_group) {
        struct group *group = getgrnam(config->socket_group); // NOLINT(concurrency-mt-unsafe)
        if (!group) {
            return error_set(error, ERROR_MALFORMED, "socket group '%s' does not exist",
                             config->socket_group);
        }
        if (chown(un.sun_path, (uid_t)-1, group->gr_gid) < 0) {
            return system_error(error, address, "chown");
        }
    }
    if (chmod(un.sun_path, config->socket_mode) < 0 || listen(fd, BACKLOG) < 0) {
        return system_error(error, address, "listen");
    }
    ret_listener->guard = API_GUARD_UNIX;
    ret_listener->fd = take_fd(&fd);
    return 0;
}

static int bind_tcp(const struct addrinfo *info, int *ret_fd)
{
    int on = 1;
    cleanup_fd int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
        return -errno;
    }
    *ret_fd = take_fd(&fd);
    return 0;
}

static void free_info(struct addrinfo **info)
{
    if (*info) {
        freeaddrinfo(*info);
    }
}

static int open_tcp(const struct config *config, const char *address,
                    struct api_listener *ret_listener, struct error *error)
{
    cleanup_by(free_info) struct addrinfo *info = NULL;
    int r = resolve(address, &info, error);
    if (r < 0) {
        return r;
    }
    bool loopback = is_loopback(info->ai_addr);
    r = check_guard(config, address, loopback, error);
    if (r < 0) {
        return r;
    }
    r = bind_tcp(info, &ret_listener->fd);
    if (r < 0) {
        errno = -r;
        return system_error(error, address, "bind");
    }
    ret_listener->guard = loopback ? API_GUARD_LOOPBACK : API_GUARD_REMOTE;
    return 0;
}

static int open_one(const struct config *config, const char *address,
                    struct api_listener *ret_listener, struct error *error)
{
    int r = check_address(config, address, error);
    if (r < 0) {
        return r;
    }
    (void)snprintf(ret_listener->address, sizeof ret_listener->address, "%s", address);
    return strncmp(address, unix_prefix, strlen(unix_prefix)) == 0
               ? open_unix(config, address, ret_listener, error)
               : open_tcp(config, address, ret_listener, error);
}

/* Sockets from systemd: LISTEN_PID is this process, LISTEN_FDS of them from descriptor 3 on. */
static int take_activated(const struct config *config, struct api_listener *ret_listeners,
                          unsigned *ret_count, struct error *error)
{
    /* NOLINTBEGIN(concurrency-mt-unsafe): before any thread */
    const char *pid = getenv("LISTEN_PID");
    const char *fds = getenv("LISTEN_FDS");
    /* NOLINTEND(concurrency-mt-unsafe) */
    if (!pid || !fds || strtol(pid, NULL, 10) != (long)getpid()) {
        return 0;
    }
    long count = strtol(fds, NULL, 10);
    for (long i = 0; i < count && i < LISTEN_MAX; i++) {
        struct api_listener *sock = &ret_listeners[*ret_count];
        struct sockaddr_storage bound = {0};
        socklen_t size = sizeof bound;
        int fd = SYSTEMD_FIRST_FD + (int)i;
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || getsockname(fd, (struct sockaddr *)&bound, &size) < 0 ||
            fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
            return system_error(error, "a socket of systemd's", "getsockname");
        }
        bool loopback = is_loopback((struct sockaddr *)&bound);
        sock->fd = fd;
        (void)snprintf(sock->address, sizeof sock->address, "systemd:%d", fd);
        sock->guard = bound.ss_family == AF_UNIX ? API_GUARD_UNIX
                      : loopback                 ? API_GUARD_LOOPBACK
                                                 : API_GUARD_REMOTE;
        if (sock->guard == API_GUARD_REMOTE) {
            int r = check_guard(config, sock->address, false, error);
            if (r < 0) {
                return r;
            }
        }
        (*ret_count)++;
    }
    return 0;
}

int listen_open(const struct config *config, struct api_listener *ret_listeners,
                unsigned *ret_count, struct error *error)
{
    *ret_count = 0;
    int r = take_activated(config, ret_listeners, ret_count, error);
    if (r < 0 || (*ret_count > 0 && config->listen_count == 0)) {
        return r;
    }
    for (size_t i = 0; i < config->listen_count && r == 0 && *ret_count < LISTEN_MAX; i++) {
        r = open_one(config, config->listen[i], &ret_listeners[*ret_count], error);
        *ret_count += r == 0;
    }
    if (config->listen_count > 0 || r < 0) {
        return r;
    }
    if (access("/run/situ", W_OK) == 0) {
        r = open_one(config, "unix:/run/situ/situd.sock", &ret_listeners[*ret_count], error);
        *ret_count += r == 0;
    }
    if (r == 0) {
        r = open_one(config, "127.0.0.1:7433", &ret_listeners[*ret_count], error);
        *ret_count += r == 0;
    }
    return r;
}

void listen_unlink(const struct api_listener *listeners, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (strncmp(listeners[i].address, unix_prefix, strlen(unix_prefix)) == 0) {
            (void)unlink(listeners[i].address + strlen(unix_prefix));
        }
    }
}

void listen_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET"); // NOLINT(concurrency-mt-unsafe): never changed
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (!path || !*path || strlen(path) >= sizeof un.sun_path) {
        return;
    }
    size_t length = strlen(path);
    memcpy(un.sun_path, path, length);
    if (un.sun_path[0] == '@') {
        un.sun_path[0] = '\0'; /* an abstract socket */
    }
    cleanup_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        ssize_t ignored =
            sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&un,
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
        (void)ignored;
    }
}
