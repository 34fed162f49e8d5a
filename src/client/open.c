/* SPDX-License-Identifier: Apache-2.0
 *
 * situ_open and situ_close: the handle and its token.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/connection.h"
#include "client/labels.h"

enum { TOKEN_SIZE_MAX = 4096 };

const char *situ_version(void)
{
    return SITU_VERSION;
}

/* The first line of the file; the rest is ignored. */
static int read_token_file(const char *path, char token[TOKEN_SIZE_MAX], struct situ_error *error)
{
    char text[128];
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return client_fail(error, SITU_IO, "token file '%s': %s", path,
                           error_text(errno, text, sizeof text));
    }
    size_t size = 0;
    while (size < TOKEN_SIZE_MAX - 1) {
        ssize_t got = read(fd, token + size, TOKEN_SIZE_MAX - 1 - size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return client_fail(error, SITU_IO, "token file '%s': %s", path,
                               error_text(errno, text, sizeof text));
        }
        if (got == 0) {
            break;
        }
        size += (size_t)got;
    }
    token[size] = '\0';
    token[strcspn(token, "\r\n")] = '\0';
    if (!token[0]) {
        return client_fail(error, SITU_USAGE, "token file '%s': its first line is empty", path);
    }
    return 0;
}

static int append_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (!longer) {
        return -ENOMEM;
    }
    *list = longer;
    return 0;
}

/* Headers are kept short: they are most of a small request. */
static int make_headers(struct situ *array, const char *token, struct situ_error *error)
{
    static const char *const types[CONTENT_COUNT] = {
        [CONTENT_JSON] = "Content-Type: application/json",
        [CONTENT_OCTETS] = "Content-Type: application/octet-stream",
    };
    char authorization[TOKEN_SIZE_MAX + 32] = "";

    if (token) {
        for (const char *c = token; *c; c++) {
            if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f) {
                return client_fail(error, SITU_USAGE,
                                   "token: only printable ASCII without blanks is allowed");
            }
        }
        if (strlen(token) >= TOKEN_SIZE_MAX) {
            return client_fail(error, SITU_USAGE, "token: longer than %d bytes",
                               TOKEN_SIZE_MAX - 1);
        }
        (void)snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", token);
    }
    for (int content = 0; content < CONTENT_COUNT; content++) {
        struct curl_slist **list = &array->headers[content];
        if (append_header(list, "Accept:") || append_header(list, "Expect:") ||
            (types[content] && append_header(list, types[content])) ||
            (token && append_header(list, authorization))) {
            return client_fail_memory(error);
        }
    }
    return 0;
}

static int configure(struct situ *array, const struct situ_options *options,
                     struct situ_error *error)
{
    char token[TOKEN_SIZE_MAX];
    if (options->token && options->token_file) {
        return client_fail(error, SITU_USAGE, "options: token and token_file exclude each other");
    }
    if (options->token_file) {
        int r = read_token_file(options->token_file, token, error);
        if (r) {
            return r;
        }
    }
    if (options->ca_file) {
        array->ca_file = strdup(options->ca_file);
        if (!array->ca_file) {
            return client_fail_memory(error);
        }
    }
    array->connect_timeout_ms = options->connect_timeout_ms ? options->connect_timeout_ms : 10000;
    array->idle_timeout_ms = options->idle_timeout_ms ? options->idle_timeout_ms : 180000;
    array->retries = options->retries ? options->retries : 8;
    if (options->retries == UINT32_MAX) {
        array->retries = 0;
    }
    array->retry_wait_ms = options->retry_wait_ms ? options->retry_wait_ms : 250;
    return make_headers(array, options->token_file ? token : options->token, error);
}

int situ_open(const char *address, const struct situ_options *options, struct situ **ret_array,
              struct situ_error *error)
{
    if (!ret_array) {
        return client_fail(error, SITU_USAGE, "situ_open: ret_array is NULL");
    }
    *ret_array = NULL;
    struct situ_options known;
    int r = client_options(&known, sizeof known, options, error);
    if (r) {
        return r;
    }
    struct situ *array = calloc(1, sizeof *array);
    if (!array) {
        return client_fail_memory(error);
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
        free(array);
        return client_fail_memory(error);
    }
    (void)pthread_mutex_init(&array->idle_lock, NULL);
    (void)pthread_mutex_init(&array->labels_lock, NULL);
    r = address_parse(address ? address : address_default(), &array->address, error);
    if (r == 0) {
        r = configure(array, &known, error);
    }
    if (r) {
        situ_close(array);
        return r;
    }
    *ret_array = array;
    return 0;
}

void situ_close(struct situ *array)
{
    if (!array) {
        return;
    }
    for (size_t i = 0; i < array->idle_count; i++) {
        curl_easy_cleanup(array->idle[i]);
    }
    for (int content = 0; content < CONTENT_COUNT; content++) {
        curl_slist_free_all(array->headers[content]);
    }
    known_labels_free(array->labels);
    address_done(&array->address);
    free(array->ca_file);
    free(array->select_members);
    (void)pthread_mutex_destroy(&array->labels_lock);
    (void)pthread_mutex_destroy(&array->idle_lock);
    free(array);
    curl_global_cleanup();
}

const char *situ_address(const struct situ *array)
{
    return array ? array->address.text : "";
}

void situ_traffic(const struct situ *array, uint64_t *ret_sent, uint64_t *ret_received)
{
    if (ret_sent) {
        *ret_sent = array ? atomic_load(&array->sent) : 0;
    }
    if (ret_received) {
        *ret_received = array ? atomic_load(&array->received) : 0;
    }
}
