/* SPDX-License-Identifier: Apache-2.0
 *
 * situ token: makes a token and its section of the rights file, or hashes one. Asks no array.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/limits.h"
#include "cli/cli.h"
#include "cli/rights_section.h"
#include "rights/rights.h"

enum {
    TOKEN_BYTES = 32,      /* random ones */
    TOKEN_SIZE_MAX = 4096, /* of one that is hashed; the library's limit, too */
    DIGITS_SIZE = 2 * 32 + 1,
};

/* Scanners for secrets find tokens by it. */
#define TOKEN_PREFIX "situ_"

/* ---- hash ---- */

static int hash_token(const char *token, char digits[DIGITS_SIZE])
{
    uint8_t digest[32];
    if (rights_digest(token, strlen(token), digest) < 0) {
        cli_say("SHA-256 cannot be computed");
        return STATUS_NOTHING;
    }
    for (size_t i = 0; i < sizeof digest; i++) {
        (void)snprintf(digits + 2 * i, 3, "%02x", digest[i]);
    }
    return 0;
}

/* What is wrong with a token; NULL: nothing. */
static const char *fault_of(const char *token)
{
    if (!token[0]) {
        return "the first line of the input is empty: a token is wanted";
    }
    for (const char *c = token; *c; c++) {
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f) {
            return "a token has printable ASCII without blanks only";
        }
    }
    return NULL;
}

static int hash_input(void)
{
    char token[TOKEN_SIZE_MAX + 1] = "";
    char digits[DIGITS_SIZE];
    if (isatty(STDIN_FILENO)) {
        (void)fputs("Token, then Enter: ", stderr);
    }
    if (!fgets(token, sizeof token, stdin) && ferror(stdin)) {
        char text[64];
        cli_say("cannot read the input: %s", strerror_r(errno, text, sizeof text));
        return STATUS_NOTHING;
    }
    token[strcspn(token, "\r\n")] = '\0';
    const char *fault = strlen(token) < TOKEN_SIZE_MAX ? fault_of(token) : "the token is too long";
    int status = STATUS_NOTHING;
    if (fault) {
        cli_say("%s", fault);
    } else {
        status = hash_token(token, digits);
    }
    if (status == 0 && strlen(token) < LIMIT_TOKEN_LEAST_BYTES) {
        cli_say("the token has under %u bytes: it could be guessed", LIMIT_TOKEN_LEAST_BYTES);
    }
    explicit_bzero(token, sizeof token);
    if (status == 0) {
        (void)puts(digits);
        status = cli_finish_output(STATUS_GOOD);
    }
    return status;
}

/* ---- new ---- */

/* "situ_" and 43 characters of base64url. */
static int make_token(struct buffer *token)
{
    unsigned char bytes[TOKEN_BYTES];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        cli_say("the system has no random bytes");
        return STATUS_NOTHING;
    }
    buffer_append(token, TOKEN_PREFIX, strlen(TOKEN_PREFIX));
    base64_write(token, bytes, sizeof bytes);
    buffer_append_char(token, '\0');
    explicit_bzero(bytes, sizeof bytes);
    if (buffer_ok(token) < 0) {
        cli_say("out of memory");
        return STATUS_NOTHING;
    }
    for (char *c = token->data; *c; c++) {
        *c = (char)(*c == '+' ? '-' : *c == '/' ? '_' : *c == '=' ? '\0' : *c);
    }
    return 0;
}

/* Checks the section before anybody relies on it. */
static int check_section(const struct rights_section *section, const struct buffer *text)
{
    struct rights *rights = NULL;
    struct error error = {0};
    if (rights_parse(text->data, text->size, &rights, &error) < 0) {
        const char *cause =
            strncmp(error.message, "line ", 5) == 0 ? strchr(error.message, ':') : NULL;
        cli_say("%s", cause ? cause + 2 : error.message);
        return STATUS_NOTHING;
    }
    const struct grant *grant = rights_at(rights, 0);
    bool over = grant->expires_s > 0 && grant->expires_s <= time(NULL);
    bool storeless = !grant->all_stores && grant->scope_count == 0;
    if (over) {
        cli_say("expires: %s is over", section->expires);
    } else if (storeless && (grant->rights & RIGHTS_OF_OBJECTS)) {
        cli_say("note: without --stores the token may use no store; '*' are all");
    }
    rights_unref(rights);
    return over ? STATUS_NOTHING : 0;
}

static int print_token(const char *token, const struct buffer *text, const char *file)
{
    (void)puts(token);
    if (!file) {
        (void)printf("\n%.*s", (int)text->size, text->data);
    }
    int status = cli_finish_output(STATUS_GOOD);
    if (status == STATUS_GOOD && isatty(STDERR_FILENO)) {
        cli_say("the token is in the first line, and is not shown again; %s, then run: systemctl "
                "reload situd",
                file ? "its section is in the file" : "add the section to situd's token_file");
    }
    return status;
}

static int make(const struct rights_section *section, const char *file)
{
    cleanup_buffer struct buffer token = BUFFER_INIT;
    cleanup_buffer struct buffer text = BUFFER_INIT;
    char digits[DIGITS_SIZE];
    struct error error = {0};

    int status = make_token(&token);
    if (status == 0) {
        status = hash_token(token.data, digits);
    }
    if (status == 0 && rights_section_write(section, digits, &text, &error) < 0) {
        cli_say("%s", error.message);
        status = STATUS_NOTHING;
    }
    if (status == 0) {
        status = check_section(section, &text);
    }
    if (status == 0 && file && rights_section_add(file, &text, &error) < 0) {
        cli_say("%s", error.message);
        status = STATUS_NOTHING;
    }
    if (status == 0) {
        status = print_token(token.data, &text, file);
    }
    if (token.data) {
        explicit_bzero(token.data, token.size);
    }
    return status;
}

/* ---- the verb ---- */

struct wishes {
    struct rights_section section;
    const char *file; /* NULL: the section is printed */
    bool any;         /* option of `token new` */
};

/* False after a message. */
static bool read_limit(const char *option, const char *text, uint64_t *ret_limit)
{
    if (cli_parse_number(text, 1, LIMIT_QUOTA, ret_limit)) {
        return true;
    }
    cli_say("--%s: a number from 1 to %u is wanted", option, LIMIT_QUOTA);
    return false;
}

static bool read_option(struct cli *cli, int option, struct wishes *wishes)
{
    struct rights_section *section = &wishes->section;
    wishes->any |= option < OPTION_ARRAY && option != 'h';
    switch (option) {
    case 'r':
        section->rights = optarg;
        return true;
    case 's':
        section->stores = optarg;
        return true;
    case 'e':
        section->expires = optarg;
        return true;
    case 'a':
        wishes->file = optarg;
        return true;
    case 'q':
        return read_limit("requests-per-second", optarg, &section->requests_per_second);
    case 'c':
        return read_limit("concurrent", optarg, &section->concurrent);
    default:
        return cli_common_option(cli, option, &verb_token);
    }
}

static int verb_run(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"rights", required_argument, NULL, 'r'},
                                            {"stores", required_argument, NULL, 's'},
                                            {"expires", required_argument, NULL, 'e'},
                                            {"requests-per-second", required_argument, NULL, 'q'},
                                            {"concurrent", required_argument, NULL, 'c'},
                                            {"append", required_argument, NULL, 'a'},
                                            COMMON_OPTIONS};
    struct wishes wishes = {.section.rights = "reader"};
    int option;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (!read_option(cli, option, &wishes)) {
            return cli_misused("token", NULL);
        }
    }
    int count = argc - optind;
    const char *action = count > 0 ? argv[optind] : "";
    if (strcmp(action, "new") == 0 && count == 2) {
        wishes.section.name = argv[optind + 1];
        return make(&wishes.section, wishes.file);
    }
    if (strcmp(action, "hash") == 0 && count == 1 && !wishes.any) {
        return hash_input();
    }
    return cli_misused("token", "give: situ token new NAME [options], or situ token hash");
}

const struct verb verb_token = {
    .name = "token",
    .usage =
        "situ token new NAME [--rights WORDS] [--stores WORDS] [--expires DATE]\n"
        "         [--requests-per-second N] [--concurrent N] [--append FILE]\n"
        "situ token hash\n"
        "\n"
        "'new' makes a token of 256 random bits and its section of the rights file, which\n"
        "situd's setting token_file names. The first line of the output is the token, which is\n"
        "kept nowhere else; the section follows after an empty line.\n"
        "\n"
        "  --rights WORDS  infer search list thumbnails objects jobs models packages indexes\n"
        "                  results cluster metrics volumes:NAME, or the sets reader (the\n"
        "                  default), operator and admin\n"
        "  --stores WORDS  where: STORE or STORE/PREFIX/, or * for all; none without it\n"
        "  --expires DATE  such as 2027-01-31, or 2027-01-31T18:00:00Z: not valid from then on\n"
        "  --requests-per-second N, --concurrent N\n"
        "                  at most so many requests a second, and at once\n"
        "  --append FILE   add the section to this rights file, and print the token only\n"
        "\n"
        "'hash' reads a token from the first line of stdin and prints the value of 'hash'.\n",
    .run = verb_run,
};
