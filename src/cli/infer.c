/* SPDX-License-Identifier: Apache-2.0
 *
 * situ infer: a model over objects where they are stored, or over local files that are sent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/follow.h"
#include "cli/local_file.h"
#include "cli/name_list.h"
#include "cli/patience.h"
#include "cli/select.h"

enum {
    OPTION_DETACH = 2000,
    OPTION_FOLLOW,
    OPTION_PRIORITY,
    OPTION_MAX_FAILURES,
    OPTION_NO_CACHE,
    OPTION_GLOB,
    OPTION_INTERVAL
};

static const struct option infer_options[] = {
    {"top", required_argument, NULL, 'k'},
    {"upload", no_argument, NULL, 'u'},
    {"detach", no_argument, NULL, OPTION_DETACH},
    {"follow", no_argument, NULL, OPTION_FOLLOW},
    {"priority", required_argument, NULL, OPTION_PRIORITY},
    {"max-failures", required_argument, NULL, OPTION_MAX_FAILURES},
    {"no-cache", no_argument, NULL, OPTION_NO_CACHE},
    {"glob", required_argument, NULL, OPTION_GLOB},
    {"interval", required_argument, NULL, OPTION_INTERVAL},
    SELECT_OPTIONS,
    FOLLOW_OPTIONS,
    COMMON_OPTIONS};

struct infer {
    struct cli *cli; /* borrowed */
    const char *model;
    struct name_list names;
    struct situ_run_options options; /* of every request and job */
    struct select_words select;
    bool upload;
    bool detach;
    struct follow follow;
};

/* True for a fault of this object, not of the array, the model or the request. */
static bool is_about_object(struct infer *infer, int code)
{
    struct situ_model *model = NULL;
    switch (code) {
    case SITU_UNDECODABLE:
    case SITU_UNFIT:
    case SITU_CHANGED:
    case SITU_UNREADABLE:
    case SITU_WORKER_CRASHED:
    case SITU_TOO_LARGE:
    case SITU_DEADLINE:
    case SITU_IO:
    case SITU_INTERNAL:
        return true;
    case SITU_NOT_FOUND:
        if (situ_model_show(infer->cli->array, infer->model, &model, NULL)) {
            return false;
        }
        situ_model_free(model);
        return true;
    default:
        return false;
    }
}

/* A name of neither an object nor a store may be that of a local file. */
static void tell_of_file(const struct infer *infer, const char *name,
                         const struct situ_error *error)
{
    if (!infer->upload && (error->code == SITU_NOT_FOUND || error->code == SITU_USAGE) &&
        local_file_exists(name)) {
        cli_say("there is a file '%s' on this machine: --upload infers it", name);
    }
}

/* Handles a fault of one object: as its failure, or, if the next object would have it too, by
 * reporting it and stopping. */
static void take_fault(struct infer *infer, const char *object, const struct situ_error *error)
{
    if (is_about_object(infer, error->code)) {
        static const struct situ_class none = {.label = ""};
        struct situ_result result = {
            .object = object, .code = error->code, .message = error->message, .classes = &none};
        follow_give(&infer->follow, &result);
        return;
    }
    follow_fault(&infer->follow, error);
    tell_of_file(infer, object, error);
}

static bool is_prefix(const char *name)
{
    size_t length = strlen(name);
    return !strchr(name, '/') || name[length - 1] == '/';
}

/* ---- Detached jobs --------------------------------------------------------------------------- */

/* A prefix, or `count` names of objects. */
static void detach(struct infer *infer, const char *const *names, size_t count, bool prefix)
{
    struct situ_job *job = NULL;
    struct situ_error error;
    int failed = prefix ? situ_job_start(infer->cli->array, infer->model, names[0], &infer->options,
                                         &job, &error)
                        : situ_job_start_objects(infer->cli->array, infer->model, names, count,
                                                 &infer->options, &job, &error);
    if (failed) {
        follow_fault(&infer->follow, &error);
        tell_of_file(infer, names[0], &error);
        return;
    }
    (void)puts(job->id);
    (void)fflush(stdout);
    situ_job_free(job);
}

/* ---- Followed jobs --------------------------------------------------------------------------- */

static void run_prefix(struct infer *infer, const char *prefix)
{
    struct situ_run_options options = infer->options;
    struct follow *follow = &infer->follow;
    struct situ_results *results;
    struct situ_error error;
    uint64_t before = follow->closing.objects;

    options.keep = SITU_KEEP_RESULTS;
    follow_wait(follow, &options);
    if (situ_run(infer->cli->array, infer->model, prefix, &options, &results, &error)) {
        follow_failed_start(follow, &error);
        tell_of_file(infer, prefix, &error);
        return;
    }
    follow_results(follow, results, true);
    if (!follow->stopped && follow->status == 0 && follow->closing.objects == before) {
        char what[96 + LEFT_OUT_SIZE];
        (void)snprintf(what, sizeof what, "there are no objects below '%.1000s'", prefix);
        follow_nothing(follow, what);
    }
}

static void run_one(struct infer *infer, const char *name)
{
    struct situ_result *result;
    struct situ_error error;
    struct patience patience;
    patience_begin(&patience, infer->cli, infer->model, "it infers the object");
    int failed =
        situ_infer(infer->cli->array, infer->model, name, &infer->options, &result, &error);
    patience_end(&patience);
    if (failed) {
        take_fault(infer, name, &error);
    } else {
        follow_give(&infer->follow, result);
        situ_result_free(result);
    }
}

static void run_objects(struct infer *infer, const char *const *names, size_t count)
{
    struct situ_run_options options = infer->options;
    struct situ_results *results;
    struct situ_error error;

    options.keep = SITU_KEEP_RESULTS;
    follow_wait(&infer->follow, &options);
    if (situ_run_objects(infer->cli->array, infer->model, names, count, &options, &results,
                         &error)) {
        follow_failed_start(&infer->follow, &error);
    } else {
        follow_results(&infer->follow, results, true);
    }
}

/* Consecutive names are one job; a prefix is a job of its own. */
static void run_stored(struct infer *infer)
{
    const char *const *names = (const char *const *)infer->names.items;
    const struct follow *follow = &infer->follow;
    size_t count = infer->names.count;
    size_t i = 0;
    while (i < count && !follow->stopped && follow->status == 0) {
        size_t first = i;
        while (i < count && !is_prefix(names[i])) {
            i++;
        }
        bool prefix = i == first;
        i += prefix;
        if (infer->detach) {
            detach(infer, names + first, i - first, prefix);
        } else if (prefix) {
            run_prefix(infer, names[first]);
        } else if (count == 1) {
            run_one(infer, names[first]);
        } else {
            run_objects(infer, names + first, i - first);
        }
    }
}

/* ---- Local files ----------------------------------------------------------------------------- */

static void upload_one(struct infer *infer, const char *path)
{
    struct situ_result *result = NULL;
    struct situ_error error;
    char *bytes = NULL;
    size_t size = 0;

    int failed = local_file_read(path, &bytes, &size, &error);
    if (!failed) {
        struct patience patience;
        patience_begin(&patience, infer->cli, infer->model, "it infers the image");
        failed = situ_infer_bytes(infer->cli->array, infer->model, NULL, bytes, size,
                                  &infer->options, &result, &error);
        patience_end(&patience);
    }
    free(bytes);
    if (failed) {
        take_fault(infer, path, &error);
        return;
    }
    struct situ_result named = *result;
    named.object = path;
    follow_give(&infer->follow, &named);
    situ_result_free(result);
}

static void run_files(struct infer *infer)
{
    infer->follow.shown.total = infer->names.count;
    for (size_t i = 0; i < infer->names.count && !infer->follow.stopped; i++) {
        upload_one(infer, infer->names.items[i]);
    }
}

/* ---- The command line ------------------------------------------------------------------------ */

/* 1 and a number, or -1 after a message. */
static int take_number(const char *name, uint64_t least, uint64_t most, uint64_t *ret_value)
{
    char message[96];
    if (cli_parse_number(optarg, least, most, ret_value)) {
        return 1;
    }
    (void)snprintf(message, sizeof message, "%s takes a number of %llu to %llu", name,
                   (unsigned long long)least, (unsigned long long)most);
    (void)cli_misused("infer", message);
    return -1;
}

/* 1 if it was an option of the job, 0 if not, -1 after a message. */
static int job_option(struct infer *infer, int option)
{
    struct situ_run_options *options = &infer->options;
    uint64_t value = 0;
    int taken = 1;
    switch (option) {
    case 'k':
        taken = take_number("--top", 1, 1000, &value);
        options->top = (uint32_t)value;
        return taken;
    case OPTION_PRIORITY:
        taken = take_number("--priority", 0, 9, &value);
        options->priority = value > 0 ? (uint32_t)value : UINT32_MAX;
        return taken;
    case OPTION_MAX_FAILURES:
        taken = take_number("--max-failures", 0, INT64_MAX, &value);
        options->max_failures = value > 0 ? value : UINT64_MAX;
        return taken;
    case OPTION_INTERVAL:
        taken = take_number("--interval", 1, 86400, &value);
        options->interval_s = (uint32_t)value;
        return taken;
    case OPTION_NO_CACHE:
        options->no_cache = 1;
        return 1;
    case OPTION_GLOB:
        options->glob = optarg;
        return 1;
    case OPTION_FOLLOW:
        options->standing = 1;
        return 1;
    default:
        return 0;
    }
}

static int read_options(struct infer *infer, int argc, char **argv)
{
    int option;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((option = getopt_long(argc, argv, "k:uh" FOLLOW_LETTERS, infer_options, NULL)) != -1) {
        infer->upload |= option == 'u';
        infer->detach |= option == OPTION_DETACH;
        if (option == 'u' || option == OPTION_DETACH) {
            continue;
        }
        int taken = job_option(infer, option);
        taken = taken ? taken : select_take(&infer->select, option, "infer");
        taken = taken ? taken : follow_option(&infer->follow, option, "infer");
        if (taken < 0) {
            return STATUS_NOTHING;
        }
        if (taken == 0 && !cli_common_option(infer->cli, option, &verb_infer)) {
            return cli_misused("infer", NULL);
        }
    }
    return 0;
}

static int read_names(struct infer *infer, int count, char **names)
{
    bool stdin_read = false;
    if (count < 2) {
        return cli_misused("infer", count < 1 ? "give a model and objects" : "give objects");
    }
    infer->model = names[0];
    for (int i = 1; i < count; i++) {
        int r;
        if (strcmp(names[i], "-") == 0) {
            r = stdin_read ? 0 : name_list_read(&infer->names, stdin, infer->follow.delimiter);
            stdin_read = true;
        } else if (!names[i][0]) {
            return cli_misused("infer", "a name is empty");
        } else {
            r = name_list_add(&infer->names, names[i], strlen(names[i]));
        }
        if (r) {
            char text[128] = "";
            cli_say("reading names: %s", strerror_r(-r, text, sizeof text));
            return STATUS_NOTHING;
        }
    }
    return 0;
}

/* Options that exclude each other. */
static int check(const struct infer *infer)
{
    const struct situ_run_options *options = &infer->options;
    bool prefixes = true;
    for (size_t i = 0; i < infer->names.count; i++) {
        prefixes = prefixes && is_prefix(infer->names.items[i]);
    }
    bool select = options->glob || select_any(&infer->select);
    if (infer->upload && (infer->detach || options->standing || select)) {
        return cli_misused("infer",
                           "--upload goes without --detach, --follow, --glob and --exclude");
    }
    if (!prefixes && (options->standing || select)) {
        return cli_misused("infer", "--exclude, --sniff, --follow and --glob take a STORE or a "
                                    "PREFIX/, no names: what is named is taken");
    }
    if (options->standing && infer->names.count > 1) {
        return cli_misused("infer", "--follow takes one STORE or PREFIX/");
    }
    if (infer->follow.output && (infer->detach || options->standing)) {
        return cli_misused("infer", "--output goes without --detach and --follow");
    }
    if (options->interval_s && !options->standing) {
        return cli_misused("infer", "--interval goes with --follow");
    }
    return 0;
}

static int run_all(struct infer *infer)
{
    if (infer->names.count == 0) {
        cli_say("there is nothing to infer: no name was given");
        infer->follow.nothing = true;
    }
    if (infer->detach) {
        run_stored(infer);
        int status = cli_finish_output(infer->follow.nothing ? STATUS_SOME_FAILED : STATUS_GOOD);
        return infer->follow.stopped ? STATUS_NOTHING : status;
    }
    int status = follow_begin(&infer->follow, infer->options.top, "infer");
    if (status) {
        return status;
    }
    infer->follow.sink.names_may_be_files = !infer->upload;
    if (infer->upload) {
        run_files(infer);
    } else {
        run_stored(infer);
    }
    return follow_end(&infer->follow);
}

static int run(struct infer *infer, int count, char **names)
{
    int status = read_names(infer, count, names);
    if (status) {
        return status;
    }
    status = check(infer);
    if (status) {
        return status;
    }
    status = cli_open(infer->cli);
    if (status) {
        return status;
    }
    if (infer->follow.no_labels) {
        infer->options.labels = SITU_LABELS_NONE;
    }
    status = select_apply(infer->cli, &infer->select);
    return status ? status : run_all(infer);
}

static int verb_run(struct cli *cli, int argc, char **argv)
{
    struct infer infer = {.cli = cli,
                          .options = {.struct_size = sizeof infer.options, .top = 1},
                          .follow = {.cli = cli, .delimiter = '\n'}};
    int status = read_options(&infer, argc, argv);
    if (status) {
        return status;
    }
    status = run(&infer, argc - optind, argv + optind);
    name_list_done(&infer.names);
    return status;
}

const struct verb verb_infer = {
    .name = "infer",
    .usage =
        "situ infer MODEL OBJECT...|PREFIX/ [options]\n"
        "\n"
        "Runs MODEL (NAME or NAME@VERSION) over stored objects. A name that ends in a slash, or a\n"
        "store's name alone, means every object below it; - reads names from stdin. Many objects\n"
        "become a job of the array, which is followed and then removed. Ctrl-C at a terminal\n"
        "asks whether to leave it running; elsewhere it cancels the job.\n"
        "\n"
        "  -k, --top K           classes of each object (1)\n"
        "  -f, --format FORM     table, jsonl, csv or npy (table)\n"
        "  -o, --output FILE     with npy: embeddings as float32; names go to FILE.names\n"
        "  -u, --upload          the names are local files, whose bytes are sent\n"
        "  -0, --null            names on stdin end with a NUL byte, not with a line feed\n"
        "      --no-labels       indices of classes only: fewer bytes\n"
        "  -q, --quiet           no closing line\n"
        "      --no-progress     no progress bar\n"
        "      --detach          start the job, print its id and exit\n"
        "      --follow          keep inferring what is new or changed, report what is gone\n"
        "      --interval S      seconds between its passes (60)\n"
        "      --glob PATTERN    only objects below PREFIX/ that match, such as '*.jpg'\n"
        "      --exclude PATTERN exclude what matches below PREFIX/, such as raw/ (repeatable)\n"
        "      --no-exclude-defaults  include what the store excludes (._*, @eaDir/...)\n"
        "      --sniff           identify files with an unknown suffix by their first bytes\n"
        "      --priority N      0 to 9, higher goes first (5)\n"
        "      --max-failures N  the job fails when more objects than that have failed\n"
        "      --no-cache        infer all, even what is in the array's result cache\n"
        "\n"
        "Exit status: 0 success, 1 some objects failed or none was found, 2 nothing could be "
        "done,\n"
        "130, 143 or 129 interrupted.\n",
    .run = verb_run,
};
