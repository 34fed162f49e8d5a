/* SPDX-License-Identifier: Apache-2.0
 *
 * The verbs and what `situ help` says of them.
 */
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "cli/cli.h"

enum { WORD_SIZE = 32 };

const struct verb verbs[] = {
    {"infer",
     "situ infer MODEL OBJECT...|PREFIX/ [options]\n"
     "\n"
     "Runs MODEL (NAME or NAME@VERSION) over stored objects. A name that ends in a slash, or a\n"
     "store's name alone, means every object below it; - reads names from stdin. Many objects are\n"
     "a job of the array, which is followed and then removed. Ctrl-C asks on a terminal\n"
     "whether to leave it running, and cancels it elsewhere.\n"
     "\n"
     "  -k, --top K           classes of each object (1)\n"
     "  -f, --format FORM     table, jsonl, csv or npy (table)\n"
     "  -o, --output FILE     of npy: embeddings as float32; names beside it in FILE.names\n"
     "  -u, --upload          the names are local files: send their bytes\n"
     "  -0, --null            names on stdin end with a NUL byte, not with a line feed\n"
     "      --no-labels       indices of classes only: fewer bytes\n"
     "  -q, --quiet           no closing line\n"
     "      --no-progress     no progress bar\n"
     "      --detach          start the job, print its id, and leave it\n"
     "      --follow          the job stays: what is new or changed is inferred, what is gone "
     "told\n"
     "      --interval S      seconds between its passes (60)\n"
     "      --glob PATTERN    of PREFIX/: only objects that match, such as '*.jpg'\n"
     "      --exclude PATTERN of PREFIX/: leave out what matches, such as raw/ (repeatable)\n"
     "      --no-exclude-defaults  take what the store excludes (._*, @eaDir/...), too\n"
     "      --sniff           judge HEIC, MOV and other foreign suffixes by the first bytes\n"
     "      --priority N      0 to 9, higher goes first (5)\n"
     "      --max-failures N  the job fails when more objects than that have failed\n"
     "      --no-cache        infer all, whatever the array's result cache knows\n"
     "\n"
     "Exit status: 0 all good, 1 some objects failed or none was found, 2 nothing could be done,\n"
     "130, 143 or 129 interrupted.\n",
     verb_infer},
    {"job",
     "situ job list [--format jsonl] [--json]\n"
     "situ job show ID [--json]\n"
     "situ job follow ID [--after N] [--format FORM] [--output FILE] [options]\n"
     "situ job pause|resume|cancel|retry|remove ID...\n"
     "situ job resume [--exclude-defaults] [--accept-store] ID...\n"
     "\n"
     "Jobs of the array. 'follow' gives the results of one, those that are there and those to\n"
     "come, from the one behind the first N on, in the forms of 'situ infer'. 'retry' starts a "
     "new\n"
     "job over the objects that failed in an ended one, and prints its id. 'remove' cancels a job\n"
     "that runs. With --exclude-defaults the job leaves out what its store excludes now.\n"
     "A job waits while its store is on another file system than it began with;\n"
     "--accept-store has it take that one.\n",
     verb_job},
    {"index",
     "situ index create NAME --model MODEL --store STORE [--prefix P] [--glob PATTERN]\n"
     "                  [--exclude PATTERN]... [--no-exclude-defaults] [--sniff]\n"
     "                  [--metric METRIC] [--interval S] [--wait] [--json]\n"
     "situ index list [--json]\n"
     "situ index show NAME [--json]\n"
     "situ index rebuild NAME [--model MODEL] [--exclude-defaults] [--wait]\n"
     "situ index remove NAME...\n"
     "situ index export NAME FILE.npy [--null]\n"
     "situ index import NAME FILE.npy [--names FILE] [--metric METRIC] [--model MODEL] [--null]\n"
     "\n"
     "Indexes of the array: embeddings of stored objects, kept up to date, to be searched.\n"
     "\n"
     "  -m, --model MODEL    a model whose task is feature-extraction\n"
     "      --store STORE    the store, and of it only\n"
     "      --prefix P       objects whose key begins with P,\n"
     "      --glob PATTERN   and that match, such as '*.jpg'\n"
     "      --exclude PATTERN, --no-exclude-defaults, --sniff   as of 'situ infer'\n"
     "      --exclude-defaults   of a rebuild: leave out what the store excludes now\n"
     "      --metric METRIC  cosine, dot or euclidean (cosine)\n"
     "      --interval S     seconds between two looks at the store (60)\n"
     "      --wait           until the first pass is over\n"
     "      --names FILE     of an import: the objects' names, a line a row (FILE.names)\n"
     "  -0, --null           names end with a NUL byte, not with a line feed\n"
     "      --no-progress    no progress bar\n",
     verb_index},
    {"search",
     "situ search INDEX OBJECT|FILE [options]\n"
     "\n"
     "Finds the stored objects most like one. STORE/KEY is an object; a name without a slash, or\n"
     "that begins with / or ./, is a file of this machine, and so is one whose store is not "
     "there.\n"
     "\n"
     "  -k, --hits K         how many (10)\n"
     "      --prefix P       only objects whose name begins with P, such as photos/2024/\n"
     "      --min-score S    only those that score at least S\n"
     "      --no-self        without the object that was asked for\n"
     "  -f, --format FORM    table, jsonl or csv (table)\n"
     "      --html FILE      write a page with the pictures, too\n"
     "  -u, --upload         it is a file, whatever its name\n"
     "  -q, --quiet          no closing line\n",
     verb_search},
    {"duplicates",
     "situ duplicates INDEX [--min-score S] [--format FORM] [--quiet] [--no-progress]\n"
     "\n"
     "Lists groups of objects that are nearly the same: that score at least S (0.98) with one\n"
     "another. FORM is table, jsonl or csv.\n",
     verb_duplicates},
    {"thumbnail",
     "situ thumbnail OBJECT [--output FILE] [--edge PIXELS]\n"
     "\n"
     "Writes a small JPEG of a stored image, made on the array, to FILE or stdout.\n",
     verb_thumbnail},
    {"cache",
     "situ cache status [--json]\n"
     "situ cache clear\n"
     "\n"
     "What the array's result cache holds and has answered; forgets everything in it.\n",
     verb_cache},
    {"status",
     "situ status [--json]\n"
     "\n"
     "Shows what the array says of itself.\n",
     verb_status},
    {"store",
     "situ store list [--json]\n"
     "situ store detach NAME\n"
     "situ store attach [--empty] NAME\n"
     "\n"
     "Lists the stores of the array. 'detach' closes all that is open in one, so that its file\n"
     "system can be unmounted; 'attach' takes it again (--empty: also where nothing is in it).\n",
     verb_store},
    {"object",
     "situ object list STORE[/PREFIX] [options]\n"
     "\n"
     "Lists the objects whose name begins with STORE/PREFIX.\n"
     "\n"
     "  -l, --long   with sizes\n"
     "  -a, --all    files that no decoder knows, too\n"
     "  -0, --null   names end with a NUL byte, for 'situ infer -0 MODEL -'\n"
     "      --json   one JSON object a line\n",
     verb_object},
    {"model",
     "situ model add NAME PATH [--preset PRESET] [--no-progress]\n"
     "situ model list [--json]\n"
     "situ model show NAME[@VERSION] [--json]\n"
     "situ model remove NAME[@VERSION]\n"
     "\n"
     "Sends a model package (a Hugging Face ONNX directory, or one .onnx file with a preset such "
     "as\n"
     "imagenet, clip or siglip) to the array, lists and shows what is there, or removes it.\n",
     verb_model},
    {NULL, NULL, NULL},
};

static const char general[] =
    "usage: situ [--array ADDRESS] [--token-file FILE] [--ca-file FILE] VERB ...\n"
    "\n"
    "Runs DNN inference where the data is stored.\n"
    "\n"
    "  infer       run a model over stored objects\n"
    "  job         list, follow and control jobs\n"
    "  index       make, list and remove indexes; export and import\n"
    "  search      find the stored objects most like one\n"
    "  duplicates  find objects that are nearly the same\n"
    "  thumbnail   a small picture of a stored one\n"
    "  cache       show and clear the array's result cache\n"
    "  status      show what the array does\n"
    "  store       list stores; let go of one and take it again\n"
    "  object      list stored objects\n"
    "  model       add, list, show and remove models\n"
    "  help        [VERB]\n"
    "  version     of this program\n"
    "\n"
    "ADDRESS is http://HOST:PORT, https://HOST:PORT, HOST:PORT or unix:/path/of/socket; without "
    "it\n"
    "$SITU_ADDRESS, else the socket " SITU_DEFAULT_SOCKET ", else http://127.0.0.1:7433.\n"
    "'situ VERB -h' tells the usage of a verb, 'situ -V' the version.\n";

const struct verb *verb_find(const char *name)
{
    for (const struct verb *verb = verbs; verb->name; verb++) {
        if (strcmp(verb->name, name) == 0) {
            return verb;
        }
    }
    return NULL;
}

int cli_unknown_verb(const char *given)
{
    char hint[NEAREST_HINT_SIZE];
    struct nearest nearest;
    nearest_init(&nearest, given, strlen(given));
    for (const struct verb *verb = verbs; verb->name; verb++) {
        nearest_offer(&nearest, verb->name);
    }
    nearest_offer(&nearest, "help");
    nearest_offer(&nearest, "version");
    cli_say("unknown verb '%s'%s", given, nearest_hint(&nearest, hint));
    return cli_misused(NULL, NULL);
}

/* The next of the words `a|b|c` into `word`: what is behind it, NULL behind the last one. */
static const char *next_action(const char *at, char word[WORD_SIZE])
{
    size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz");
    (void)snprintf(word, WORD_SIZE, "%.*s", (int)(length < WORD_SIZE ? length : 0), at);
    return at[length] == '|' ? at + length + 1 : NULL;
}

int cli_check_action(const struct verb *verb, int argc, char **argv)
{
    char hint[NEAREST_HINT_SIZE];
    char word[WORD_SIZE];
    char begin[WORD_SIZE];
    struct nearest nearest;
    bool any = false;

    if (argc < 2 || argv[1][0] == '-') {
        return 0; /* the verb itself judges what is behind its options */
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

int verb_help(int argc, char **argv)
{
    const struct verb *verb = argc > 1 ? verb_find(argv[1]) : NULL;
    if (argc > 1 && !verb) {
        return cli_unknown_verb(argv[1]);
    }
    (void)fputs(verb ? verb->usage : general, stdout);
    return cli_finish_output(STATUS_GOOD);
}
