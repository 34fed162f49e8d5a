/* SPDX-License-Identifier: Apache-2.0
 *
 * What the verbs of the CLI share: common options, exit statuses, and messages. The CLI uses the
 * public interface, situ.h, alone. One thread.
 */
#ifndef SITU_CLI_CLI_H
#define SITU_CLI_CLI_H

#include <getopt.h>
#include <situ.h>
#include <stdbool.h>
#include <stdint.h>

enum exit_status {
    STATUS_GOOD = 0,
    STATUS_SOME_FAILED = 1, /* of the objects */
    STATUS_NOTHING = 2,     /* wrong usage, or nothing could be done */
    STATUS_INTERRUPTED = 130,
    STATUS_PIPE = 141
};

struct cli {
    const char *address; /* NULL: the library's default */
    const char *token_file;
    const char *ca_file;
    struct situ *array; /* owned; NULL until cli_open */
};

struct verb {
    const char *name;
    const char *usage;                                  /* the lines of `situ help NAME` */
    int (*run)(struct cli *cli, int argc, char **argv); /* argv[0] is the verb */
};

/* The end of a verb's table of long options: those that are also accepted before the verb. */
enum { OPTION_ARRAY = 1000, OPTION_TOKEN_FILE, OPTION_CA_FILE, OPTION_HELP };
#define COMMON_OPTIONS                                                                             \
    {"array", required_argument, NULL, OPTION_ARRAY},                                              \
        {"token-file", required_argument, NULL, OPTION_TOKEN_FILE},                                \
        {"ca-file", required_argument, NULL, OPTION_CA_FILE},                                      \
        {"help", no_argument, NULL, OPTION_HELP}, /* and -h */                                     \
    {                                                                                              \
        NULL, 0, NULL, 0                                                                           \
    }

/* Handles a common option: true if it was one. --help prints the verb's usage and exits; with
 * `verb` NULL it is the caller's. */
bool cli_common_option(struct cli *cli, int option, const struct verb *verb);

/* Makes cli->array. 0, or STATUS_NOTHING after a message. */
int cli_open(struct cli *cli);

/* Opens another handle of the same array, for requests while a call runs on cli->array: without
 * retries, and with this time-out. False if it cannot be opened. */
bool cli_open_beside(const struct cli *cli, uint32_t timeout_ms, struct situ **ret_array);

/* `situ: MESSAGE` on stderr, control bytes escaped. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for an error of the library, with advice if there is any: STATUS_NOTHING. */
int cli_say_error(const struct cli *cli, const struct situ_error *error);

/* The same for a fault of one object or file; names it if the message does not. */
int cli_say_object_error(const struct cli *cli, const char *object, const struct situ_error *error);

/* A line `NAME       VALUE` on stdout, escaped; nothing for an empty value. */
void cli_print_field(const char *name, const char *value);

/* Reports wrong usage (with `message` NULL getopt has printed the reason): STATUS_NOTHING. */
int cli_misused(const char *verb, const char *message);

/* True if stdout is a pipe without a reader. */
bool cli_reader_left(void);

/* A whole number of `least` to `most`: true and *ret_value. */
bool cli_parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *ret_value);

/* A finite decimal number: true and *ret_value. */
bool cli_parse_real(const char *text, double *ret_value);

/* Flushes stdout at the end: `status`, or another one if the output could not be written. */
int cli_finish_output(int status);

/* The verbs, each in the file of its name. */
extern const struct verb verb_cache;
extern const struct verb verb_duplicates;
extern const struct verb verb_index;
extern const struct verb verb_infer;
extern const struct verb verb_job;
extern const struct verb verb_model;
extern const struct verb verb_object;
extern const struct verb verb_search;
extern const struct verb verb_status;
extern const struct verb verb_store;
extern const struct verb verb_thumbnail;
extern const struct verb verb_token;

#endif
