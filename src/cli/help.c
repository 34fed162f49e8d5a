/* SPDX-License-Identifier: Apache-2.0
 *
 * The verbs and what `situ help` says of them.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

const struct verb verbs[] = {
    {"infer",
     "situ infer MODEL OBJECT...|PREFIX/ [options]\n"
     "\n"
     "Runs MODEL (NAME or NAME@VERSION) over stored objects. A name that ends in a slash, or a\n"
     "store's name alone, means every object below it; - reads names from stdin.\n"
     "\n"
     "  -k, --top K         classes of each object (1)\n"
     "  -f, --format FORM   table, jsonl or csv (table)\n"
     "  -u, --upload        the names are local files: send their bytes\n"
     "  -0, --null          names on stdin end with a NUL byte, not with a line feed\n"
     "  -q, --quiet         no closing line\n"
     "      --no-progress   no progress bar\n"
     "\n"
     "Exit status: 0 all good, 1 some objects failed, 2 nothing could be done.\n",
     verb_infer},
    {"status",
     "situ status [--json]\n"
     "\n"
     "Shows what the array says of itself.\n",
     verb_status},
    {"store",
     "situ store list [--json]\n"
     "\n"
     "Lists the stores of the array.\n",
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
    "  infer    run a model over stored objects\n"
    "  status   show what the array does\n"
    "  store    list stores\n"
    "  object   list stored objects\n"
    "  model    add, list, show and remove models\n"
    "  help     [VERB]\n"
    "\n"
    "ADDRESS is http://HOST:PORT, https://HOST:PORT, HOST:PORT or unix:/path/of/socket; without "
    "it\n"
    "$SITU_ADDRESS, else the socket " SITU_DEFAULT_SOCKET ", else http://127.0.0.1:7433.\n"
    "'situ --version' tells the version.\n";

const struct verb *verb_find(const char *name)
{
    for (const struct verb *verb = verbs; verb->name; verb++) {
        if (strcmp(verb->name, name) == 0) {
            return verb;
        }
    }
    return NULL;
}

int verb_help(int argc, char **argv)
{
    const struct verb *verb = argc > 1 ? verb_find(argv[1]) : NULL;
    if (argc > 1 && !verb) {
        cli_say("unknown verb '%s'", argv[1]);
        return cli_misused(NULL, NULL);
    }
    (void)fputs(verb ? verb->usage : general, stdout);
    return cli_finish_output(STATUS_GOOD);
}
