/* SPDX-License-Identifier: Apache-2.0
 *
 * What the verbs of the CLI share: the options that every verb takes, the exit statuses, and how
 * faults are told. The CLI stands on situ.h alone. One thread.
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

/* The end of a verb's table of long options: what stands before the verb is taken behind it, too.
 */
enum { OPTION_ARRAY = 1000, OPTION_TOKEN_FILE, OPTION_CA_FILE, OPTION_HELP };
#define COMMON_OPTIONS                                                                             \
    {"array", required_argument, NULL, OPTION_ARRAY},                                              \
        {"token-file", required_argument, NULL, OPTION_TOKEN_FILE},                                \
        {"ca-file", required_argument, NULL, OPTION_CA_FILE},                                      \
        {"help", no_argument, NULL, OPTION_HELP}, /* and the letter h */                           \
    {                                                                                              \
        NULL, 0, NULL, 0                                                                           \
    }

/* Takes a common option: true where it was one. --help prints the verb's usage and exits; `verb`
 * NULL: there is none yet, and --help is the caller's. */
bool cli_common_option(struct cli *cli, int option, const struct verb *verb);

/* Makes cli->array. 0, or STATUS_NOTHING after telling why. */
int cli_open(struct cli *cli);

/* Another connection to the same array, for a question while a call runs on cli->array: it waits
 * `timeout_ms` at most, and does not try again. False where there is none. */
bool cli_open_beside(const struct cli *cli, uint32_t timeout_ms, struct situ **ret_array);

/* `situ: MESSAGE` on stderr, control bytes escaped. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for an error of the library, with what to do about it where that is known:
 * STATUS_NOTHING. */
int cli_say_error(const struct cli *cli, const struct situ_error *error);

/* The same for a fault of one object or file, which it names where the message does not. */
int cli_say_object_error(const struct cli *cli, const char *object, const struct situ_error *error);

/* A line `NAME       VALUE` on stdout, escaped; nothing for an empty value. */
void cli_print_field(const char *name, const char *value);

/* Tells that the usage was wrong (getopt has said how, where `message` is NULL): STATUS_NOTHING. */
int cli_misused(const char *verb, const char *message);

/* True where stdout is a pipe that nobody reads any more. */
bool cli_reader_left(void);

/* A whole number of `least` to `most`: true and *ret_value. */
bool cli_parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *ret_value);

/* A finite decimal number: true and *ret_value. */
bool cli_parse_real(const char *text, double *ret_value);

/* After the last output: `status`, or what a stdout that cannot be written makes of it. */
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

#endif
