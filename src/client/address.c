/* SPDX-License-Identifier: Apache-2.0
 *
 * Parses addresses. What could change the meaning of the resulting URL (user names, queries,
 * blanks, control bytes) is refused, not repaired.
 */
#include "client/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static const char loopback_url[] = "http://127.0.0.1:7433";
static const char socket_address[] = "unix:" SITU_DEFAULT_SOCKET;
enum { ADDRESS_LENGTH_MAX = 1024 };

static int refuse(struct situ_error *error, const char *text, const char *why)
{
    return client_fail(error, SITU_USAGE,
                       "address '%.200s': %s; give http://HOST:PORT, https://HOST:PORT, HOST:PORT "
                       "or unix:/path/of/socket",
                       text, why);
}

/* The length of the host at the start of `text`, brackets included; 0 if there is none. */
static size_t host_length(const char *text)
{
    if (text[0] != '[') {
        return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._");
    }
    size_t length = 1 + strspn(text + 1, "0123456789abcdefABCDEF:.%");
    return length > 1 && text[length] == ']' ? length + 1 : 0;
}

static bool is_loopback(const char *host, size_t length)
{
    static const char *const names[] = {"localhost", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i]) == length && strncasecmp(host, names[i], length) == 0) {
            return true;
        }
    }
    unsigned a;
    unsigned b;
    unsigned c;
    unsigned d;
    int used = 0;
    char copy[16];
    if (length >= sizeof copy) {
        return false;
    }
    memcpy(copy, host, length);
    copy[length] = '\0';
    /* NOLINTNEXTLINE(cert-err34-c): a number out of range only costs the proxy exception */
    return sscanf(copy, "%3u.%3u.%3u.%3u%n", &a, &b, &c, &d, &used) == 4 &&
           (size_t)used == length && a == 127;
}

/* The length of ":PORT" with a port of 1 to 65535; 0 for no colon; -1 for anything else. */
static long port_length(const char *text)
{
    if (text[0] != ':') {
        return 0;
    }
    size_t digits = strspn(text + 1, "0123456789");
    if (digits == 0 || digits > 5) {
        return -1;
    }
    long port = strtol(text + 1, NULL, 10);
    return port >= 1 && port <= 65535 ? (long)digits + 1 : -1;
}

static int parse_socket(const char *text, struct address *address, struct situ_error *error)
{
    const char *path = text + strlen("unix:");
    bool url = strncmp(path, "//", 2) == 0;
    path += url ? 2 : 0;
    if (path[0] == '\0') {
        return refuse(error, text, "the path of the socket is missing");
    }
    if (url && path[0] != '/') {
        return refuse(error, text, "a path behind unix:// must begin with a slash");
    }
    if (strlen(path) >= sizeof((struct sockaddr_un *)NULL)->sun_path) {
        return refuse(error, text, "the path of the socket is too long");
    }
    address->socket_path = strdup(path);
    address->base_url = strdup("http://localhost");
    address->text = strdup(text);
    address->loopback = true;
    return 0;
}

static int parse_host(const char *text, struct address *address, struct situ_error *error)
{
    const char *scheme = "http://";
    const char *host = text;
    bool url = false;
    if (strncmp(text, "http://", 7) == 0) {
        host += 7;
        url = true;
    } else if (strncmp(text, "https://", 8) == 0) {
        scheme = "https://";
        host += 8;
        url = true;
    } else if (strstr(text, "://")) {
        return refuse(error, text, "unknown scheme");
    }
    size_t length = host_length(host);
    if (length == 0) {
        return refuse(error, text, "no host name or address (IPv6 goes in brackets)");
    }
    long port = port_length(host + length);
    const char *base = host + length + (port > 0 ? port : 0);
    if (port < 0 || (base[0] && base[0] != '/')) {
        return refuse(error, text, "no port number of 1 to 65535 behind the host");
    }
    if (base[0] && !url) {
        return refuse(error, text, "a path needs http:// or https:// before it");
    }
    if (strpbrk(base, "?#@\\ ")) {
        return refuse(error, text, "no query, user name or blank may be in it");
    }
    size_t base_length = strlen(base);
    while (base_length > 0 && base[base_length - 1] == '/') {
        base_length--;
    }
    int host_port = (int)(base - host);
    if (asprintf(&address->base_url, "%s%.*s%s%.*s", scheme, host_port, host,
                 url || port > 0 ? "" : ":7433", (int)base_length, base) < 0) {
        address->base_url = NULL;
    }
    address->text = address->base_url ? strdup(address->base_url) : NULL;
    address->loopback = is_loopback(host, length);
    return 0;
}

int address_parse(const char *text, struct address *ret_address, struct situ_error *error)
{
    if (strlen(text) > ADDRESS_LENGTH_MAX) {
        return refuse(error, text, "too long");
    }
    bool is_socket = strncmp(text, "unix:", 5) == 0;
    for (const char *c = text; *c; c++) {
        bool blank = *c == ' ' && !is_socket;
        if ((unsigned char)*c < 0x20 || *c == 0x7f || blank) {
            return client_fail(error, SITU_USAGE,
                               "address: control bytes are not allowed, nor are blanks in a URL");
        }
    }
    struct address address = {0};
    int r = is_socket ? parse_socket(text, &address, error) : parse_host(text, &address, error);
    if (r == 0 && (!address.text || !address.base_url || (is_socket && !address.socket_path))) {
        r = client_fail_memory(error);
    }
    if (r != 0) {
        address_done(&address);
        return r;
    }
    *ret_address = address;
    return 0;
}

const char *address_default(void)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): only a concurrent setenv would hurt */
    const char *environment = getenv("SITU_ADDRESS");
    if (environment && environment[0]) {
        return environment;
    }
    struct stat status;
    if (stat(SITU_DEFAULT_SOCKET, &status) == 0 && S_ISSOCK(status.st_mode)) {
        return socket_address;
    }
    return loopback_url;
}

void address_done(struct address *address)
{
    free(address->text);
    free(address->base_url);
    free(address->socket_path);
    *address = (struct address){0};
}
