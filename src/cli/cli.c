/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts that every verb uses: common options, the connection, messages.
 */
#include "cli/cli.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/escape.h"

bool cli_common_option(struct cli *cli, int option, const struct verb *verb)
{
    switch (option) {
    case OPTION_ARRAY:
        cli->address = optarg;
        return true;
    case OPTION_TOKEN_FILE:
        cli->token_file = optarg;
        return true;
    case OPTION_CA_FILE:
        cli->ca_file = optarg;
        return true;
    case OPTION_HELP:
    case 'h':
        if (!verb) {
            return false;
        }
        (void)fputs(verb->usage, stdout);
        exit(cli_finish_output(STATUS_GOOD)); /* NOLINT(concurrency-mt-unsafe) */
    default:
        return false;
    }
}

int cli_open(struct cli *cli)
{
    struct situ_options options = {
        .struct_size = sizeof options, .token_file = cli->token_file, .ca_file = cli->ca_file};
    struct situ_error error;
    if (situ_open(cli->address, &options, &cli->array, &error)) {
        cli_say("%s", error.message);
        return STATUS_NOTHING;
    }
    return 0;
}

bool cli_open_beside(const struct cli *cli, uint32_t timeout_ms, struct situ **ret_array)
{
    const struct situ_options options = {.struct_size = sizeof options,
                                         .token_file = cli->token_file,
                                         .ca_file = cli->ca_file,
                                         .connect_timeout_ms = timeout_ms,
                                         .idle_timeout_ms = timeout_ms,
                                         .retries = UINT32_MAX};
    return situ_open(cli->address, &options, ret_array, NULL) == 0;
}

void cli_say(const char *format, ...)
{
    char message[4096];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (length >= 0) {
        (void)fputs("situ: ", stderr);
        escape_print(stderr, message);
        (void)fputc('\n', stderr);
    }
}

int cli_say_error(const struct cli *cli, const struct situ_error *error)
{
    cli_say("%s", error->message);
    if (error->code == SITU_UNREACHABLE && strstr(error->message, "cannot reach")) {
        cli_say("is situd running there? Start it with: situd --store photos=/srv/photos; or name "
                "another array with --array ADDRESS");
    } else if (error->code == SITU_UNREACHABLE && strstr(error->message, "certificate")) {
        cli_say("give the authority that signed the array's certificate with --ca-file FILE");
    } else if (error->code == SITU_UNAUTHORIZED) {
        cli_say(cli->token_file ? "the token in '%s' is not one of the array's"
                                : "give the array's token with --token-file FILE%s",
                cli->token_file ? cli->token_file : "");
    } else if (error->code == SITU_NOT_FOUND && !strstr(error->message, "tells which there are")) {
        cli_say(strstr(error->message, "job ")     ? "see 'situ job list'"
                : strstr(error->message, "index ") ? "see 'situ index list'"
                                                   : "see 'situ model list', 'situ store list' and "
                                                     "'situ object list STORE'");
    }
    return STATUS_NOTHING;
}

int cli_say_object_error(const struct cli *cli, const char *object, const struct situ_error *error)
{
    switch (error->code) {
    case SITU_UNDECODABLE:
    case SITU_UNFIT:
    case SITU_UNREADABLE:
    case SITU_CHANGED:
    case SITU_TOO_LARGE:
    case SITU_DEADLINE:
    case SITU_WORKER_CRASHED:
        cli_say(strstr(error->message, object) ? "%.0s%s" : "%s: %s", object, error->message);
        return STATUS_NOTHING;
    default:
        return cli_say_error(cli, error);
    }
}

void cli_print_field(const char *name, const char *value)
{
    if (value[0]) {
        (void)printf("%-10s ", name);
        escape_print(stdout, value);
        (void)putchar('\n');
    }
}

int cli_misused(const char *verb, const char *message)
{
    if (message) {
        cli_say("%s", message);
    }
    (void)fprintf(stderr, "try 'situ help%s%s'\n", verb ? " " : "", verb ? verb : "");
    return STATUS_NOTHING;
}

bool cli_reader_left(void)
{
    struct pollfd pipe = {.fd = STDOUT_FILENO};
    return poll(&pipe, 1, 0) > 0 && (pipe.revents & POLLERR);
}

bool cli_parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *ret_value)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || *end || text[0] < '0' || text[0] > '9' || value < least || value > most) {
        return false;
    }
    *ret_value = value;
    return true;
}

bool cli_parse_real(const char *text, double *ret_value)
{
    char *end = NULL;
    double value = strtod(text, &end);
    if (!text[0] || *end || !isfinite(value) || strspn(text, "+-.0123456789eE") != strlen(text)) {
        return false;
    }
    *ret_value = value;
    return true;
}

int cli_finish_output(int status)
{
    int errnum = errno; /* of the last write, if it failed */
    int failed = fflush(stdout);
    errnum = failed ? errno : errnum;
    if (!failed && !ferror(stdout)) {
        return status;
    }
    if (errnum == EPIPE || cli_reader_left()) {
        return STATUS_PIPE;
    }
    char text[128] = "";
    cli_say("cannot write the output: %s", strerror_r(errnum, text, sizeof text));
    return STATUS_NOTHING;
}
