/* SPDX-License-Identifier: Apache-2.0
 *
 * A client with minimal cost: sends GET requests over one kept-alive TCP connection to 127.0.0.1,
 * one after the other, and times each from the first byte sent to the last byte received.
 *
 *   request_bench [--reconnect | --poll] PORT PATHS < lines
 *
 * PATHS is a file of paths, one per line. For each line of standard input it runs one round over
 * all of them and prints a line of JSON: wall seconds, requests, the milliseconds of each, bytes
 * received. --reconnect: a new connection for each request. --poll: waits for responses without
 * sleeping. Any status other than 200 is an error. TCP_NODELAY is set.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"

enum { PATHS_MAX = 65536, LINE_SIZE = 4096, ANSWER_SIZE = 1 << 20, ANSWER_S = 60 };

struct client {
    uint16_t port;
    bool reconnect;
    bool poll;
    int socket;      /* owned */
    char **requests; /* owned, each owned */
    size_t count;
    char *answer;      /* owned; ANSWER_SIZE */
    int64_t *spent_ns; /* owned */
    size_t received;
};

static int connect_to(struct client *client)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(client->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;
    if (client->socket >= 0) {
        (void)close(client->socket);
    }
    client->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->socket < 0 ||
        connect(client->socket, (struct sockaddr *)&address, sizeof address) < 0 ||
        setsockopt(client->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) {
        return -errno;
    }
    return 0;
}

/* Size of the whole response that begins in `text`; 0 while its head is incomplete. */
static size_t answer_size(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strcasestr(text, "\r\nContent-Length:");
    if (!end || !length || length > end) {
        return 0;
    }
    return (size_t)(end + 4 - text) + strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
}

/* For --poll: a client that sleeps adds the time that its core takes to wake up, which is tens of
 * microseconds in a virtual machine. */
static ssize_t receive(const struct client *client, char *bytes, size_t size)
{
    if (!client->poll) {
        return recv(client->socket, bytes, size, 0);
    }
    int64_t give_up_ns = clock_now_ns() + ANSWER_S * NS_PER_S;
    ssize_t more = 0;
    do {
        more = recv(client->socket, bytes, size, MSG_DONTWAIT);
    } while (more < 0 && (errno == EAGAIN || errno == EINTR) && clock_now_ns() < give_up_ns);
    return more;
}

static int ask(struct client *client, const char *request)
{
    size_t size = strlen(request);
    size_t got = 0;
    size_t wanted = 0;
    if (send(client->socket, request, size, MSG_NOSIGNAL) != (ssize_t)size) {
        return -EIO;
    }
    while (wanted == 0 || got < wanted) {
        ssize_t more = receive(client, client->answer + got, ANSWER_SIZE - 1 - got);
        if (more <= 0) {
            return -EIO;
        }
        got += (size_t)more;
        client->answer[got] = '\0';
        wanted = wanted > 0 ? wanted : answer_size(client->answer);
    }
    client->received += got;
    return strncmp(client->answer, "HTTP/1.1 200 ", strlen("HTTP/1.1 200 ")) == 0 ? 0 : -EBADMSG;
}

static int run_round(struct client *client)
{
    int64_t start = clock_now_ns();
    client->received = 0;
    for (size_t i = 0; i < client->count; i++) {
        int64_t before = clock_now_ns();
        int r = client->reconnect || client->socket < 0 ? connect_to(client) : 0;
        if (r == 0) {
            r = ask(client, client->requests[i]);
        }
        if (r < 0) {
            (void)fprintf(stderr, "request_bench: %.200s\n%.600s\n", client->requests[i],
                          r == -EBADMSG ? client->answer : "the connection is lost");
            return r;
        }
        client->spent_ns[i] = clock_now_ns() - before;
    }
    printf("{\"requests\":%zu,\"wall_s\":%.6f,\"received\":%zu,\"latencies_ms\":[", client->count,
           (double)(clock_now_ns() - start) / 1e9, client->received);
    for (size_t i = 0; i < client->count; i++) {
        printf("%s%.4f", i > 0 ? "," : "", (double)client->spent_ns[i] / 1e6);
    }
    printf("]}\n");
    return fflush(stdout) == 0 ? 0 : -EIO;
}

static int read_paths(struct client *client, const char *name)
{
    char line[LINE_SIZE];
    FILE *file = fopen(name, "re");
    if (!file) {
        return -errno;
    }
    while (client->count < PATHS_MAX && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char **request = &client->requests[client->count];
        if (asprintf(request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", line) < 0) {
            break;
        }
        client->count++;
    }
    (void)fclose(file);
    return client->count > 0 ? 0 : -ENOENT;
}

static int serve(struct client *client, const char *paths)
{
    char line[256];
    client->requests = calloc(PATHS_MAX, sizeof *client->requests);
    client->spent_ns = calloc(PATHS_MAX, sizeof *client->spent_ns);
    client->answer = malloc(ANSWER_SIZE);
    if (!client->requests || !client->spent_ns || !client->answer) {
        return -ENOMEM;
    }
    int r = read_paths(client, paths);
    while (r == 0 && fgets(line, sizeof line, stdin)) {
        r = run_round(client);
    }
    return r;
}

static void client_done(struct client *client)
{
    for (size_t i = 0; i < client->count; i++) {
        free(client->requests[i]);
    }
    free(client->requests);
    free(client->spent_ns);
    free(client->answer);
    if (client->socket >= 0) {
        (void)close(client->socket);
    }
}

int main(int argc, char **argv)
{
    bool reconnect = argc > 1 && strcmp(argv[1], "--reconnect") == 0;
    bool poll = argc > 1 && strcmp(argv[1], "--poll") == 0;
    int first = reconnect || poll ? 2 : 1;
    unsigned long port = argc == first + 2 ? strtoul(argv[first], NULL, 10) : 0;
    if (port < 1 || port > UINT16_MAX) {
        (void)fprintf(stderr, "usage: request_bench [--reconnect | --poll] PORT PATHS < lines\n");
        return 2;
    }
    struct client client = {
        .port = (uint16_t)port, .reconnect = reconnect, .poll = poll, .socket = -1};
    int r = serve(&client, argv[first + 1]);
    if (r < 0) {
        char text[128];
        (void)fprintf(stderr, "request_bench: %s\n", error_text(r, text, sizeof text));
    }
    client_done(&client);
    return r < 0 ? 1 : 0;
}
