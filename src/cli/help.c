/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of verbs, and what `situ help` prints.
 */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "base/nearest.h"

enum { WORD_SIZE = 32 };

static const struct verb *const verbs[] = {
    &verb_infer, &verb_job,    &verb_index, &verb_search, &verb_duplicates, &verb_thumbnail,
    &verb_cache, &verb_status, &verb_store, &verb_object, &verb_model,      &verb_token,
};

enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

static const char general[] =
    "usage: situ [--array ADDRESS] [--token-file FILE] [--ca-file FILE] VERB ...\n"
    "\n"
    "Runs DNN inference where the data is stored.\n"
    "\n"
    "  infer       run a model over stored objects\n"
    "  job         list, follow and control jobs\n"
    "  index       make, list and remove indexes; export and import\n"
    "  search      find the stored objects most similar to one\n"
    "  duplicates  find objects that are nearly the same\n"
    "  thumbnail   a small picture of a stored one\n"
    "  cache       show and clear the array's result cache\n"
    "  status      show what the array does\n"
    "  store       list, detach and attach stores\n"
    "  object      list stored objects\n"
    "  model       add, list, show and remove models\n"
    "  token       make a token and its section of the rights file\n"
    "  help        [VERB]\n"
    "  version     of this program\n"
    "\n"
    "ADDRESS is http://HOST:PORT, https://HOST:PORT, HOST:PORT or unix:/path/of/socket; the "
    "default\n"
    "is $SITU_ADDRESS, otherwise the socket " SITU_DEFAULT_SOCKET ", otherwise\n"
    "http://127.0.0.1:7433.\n"
    "'situ VERB -h' prints the usage of a verb, 'situ -V' the version.\n";

const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(verbs[i]->name, name) == 0) {
            return verbs[i];
        }
    }
    return NULL;
}

int verb_unknown(const char *given)
{
    char hint[NEAREST_HINT_SIZE];
    struct nearest nearest;
    nearest_init(&nearest, given, strlen(given));
    for (size_t i = 0; i < VERB_COUNT; i++) {
        nearest_offer(&nearest, verbs[i]->name);
    }
    nearest_offer(&nearest, "help");
    nearest_offer(&nearest, "version");
    cli_say("unknown verb '%s'%s", given, nearest_hint(&nearest, hint));
    return cli_misused(NULL, NULL);
}

/* Copies the first of the words `a|b|c` into `word`; returns the rest, NULL after the last one. */
static const char *next_action(const char *at, char word[WORD_SIZE])
{
    size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz");
    (void)snprintf(word, WORD_SIZE, "%.*s", (int)(length < WORD_SIZE ? length : 0), at);
    return at[length] == '|' ? at + length + 1 : NULL;
}

int verb_check_action(const struct verb *verb, int argc, char **argv)
{
    char hint[NEAREST_HINT_SIZE];
    char word[WORD_SIZE];
    char begin[WORD_SIZE];
    struct nearest nearest;
    bool any = false;

    if (argc < 2 || argv[1][0] == '-') {
        return 0; /* the verb checks what follows its options */
    }
    nearest_init(&nearest, argv[1], strlen(argv[1]));
    int length = snprintf(begin, sizeof begin, "situ %s ", verb->name);
    /* The lines up to the first empty one. */
    for (const char *line = verb->usage; line[0] != '\n'; line += strcspn(line, "\n") + 1) {
        const char *at = strncmp(line, begin, (size_t)length) == 0 ? line + length : NULL;
        while (at) {
            at = next_action(at, word);
            if (strcmp(word, argv[1]) == 0) {
                return 0;
            }
            any |= word[0] != '\0';
            nearest_offer(&nearest, word);
        }
    }
    if (!any) {
        return 0;
    }
    cli_say("unknown action '%s' of 'situ %s'%s", argv[1], verb->name,
            nearest_hint(&nearest, hint));
    return cli_misused(verb->name, NULL);
}

int help_print(int argc, char **argv)
{
    const struct verb *verb = argc > 1 ? verb_find(argv[1]) : NULL;
    if (argc > 1 && !verb) {
        return verb_unknown(argv[1]);
    }
    (void)fputs(verb ? verb->usage : general, stdout);
    return cli_finish_output(STATUS_GOOD);
}
