/* SPDX-License-Identifier: Apache-2.0
 *
 * situ infer: a model over objects where they are stored.
 */
#include "cli/infer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option infer_options[] = {{"top", required_argument, NULL, 'k'},
                                              {"format", required_argument, NULL, 'f'},
                                              {"upload", no_argument, NULL, 'u'},
                                              {"null", no_argument, NULL, '0'},
                                              {"quiet", no_argument, NULL, 'q'},
                                              {"no-progress", no_argument, NULL, 'P'},
                                              COMMON_OPTIONS};

void infer_give(struct infer *infer, const struct situ_result *result)
{
    infer->closing.objects++;
    infer->closing.failed += result->code != SITU_OK;
    sink_give(&infer->sink, result);
    progress_update(&infer->progress, infer->closing.objects, infer->total);
}

/* True for what is about this object and not about the array, the model or the request. */
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

void infer_fail(struct infer *infer, const char *object, const struct situ_error *error)
{
    if (is_about_object(infer, error->code)) {
        static const struct situ_class none = {.label = ""};
        struct situ_result result = {
            .object = object, .code = error->code, .message = error->message, .classes = &none};
        infer_give(infer, &result);
        return;
    }
    progress_clear(&infer->progress);
    cli_say_error(infer->cli, error);
    infer->stopped = true;
}

static bool is_prefix(const char *name)
{
    size_t length = strlen(name);
    return !strchr(name, '/') || name[length - 1] == '/';
}

static void add_figures(struct infer *infer, const struct situ_results *results)
{
    struct situ_progress now = {.struct_size = sizeof now};
    if (situ_results_progress(results, &now) == 0) {
        infer->closing.skipped += now.skipped;
        infer->closing.bytes_read += now.bytes_read;
        infer->closing.read_known = true;
        infer->closing.read_partly |= now.resumed > 0;
    }
}

static void drain(struct infer *infer, struct situ_results *results)
{
    const struct situ_result *result;
    struct situ_error error;
    struct situ_progress now = {.struct_size = sizeof now};
    uint64_t before = infer->closing.objects;
    int more = 1;

    while (more > 0) {
        more = situ_next(results, &result, &error);
        if (more > 0 && situ_results_progress(results, &now) == 0) {
            infer->total = before + now.selected;
            infer_give(infer, result);
        }
    }
    if (more < 0) {
        progress_clear(&infer->progress);
        cli_say_error(infer->cli, &error);
        infer->stopped = true;
    }
    add_figures(infer, results);
    situ_results_free(results);
}

static void run_prefix(struct infer *infer, const char *prefix)
{
    struct situ_run_options options = {.struct_size = sizeof options, .top = infer->top};
    struct situ_results *results;
    struct situ_error error;
    uint64_t before = infer->closing.objects;

    if (situ_run(infer->cli->array, infer->model, prefix, &options, &results, &error)) {
        progress_clear(&infer->progress);
        cli_say_error(infer->cli, &error);
        infer->stopped = true;
        return;
    }
    drain(infer, results);
    if (!infer->stopped && infer->closing.objects == before) {
        progress_clear(&infer->progress);
        cli_say("there are no objects below '%s'", prefix);
    }
}

static void run_objects(struct infer *infer, size_t first, size_t count)
{
    struct situ_run_options options = {.struct_size = sizeof options, .top = infer->top};
    const char *const *names = (const char *const *)infer->names.items + first;
    struct situ_results *results;
    struct situ_result *result;
    struct situ_error error;

    if (infer->names.count == 1) {
        infer->total = 1;
        if (situ_infer(infer->cli->array, infer->model, names[0], &options, &result, &error)) {
            infer_fail(infer, names[0], &error);
        } else {
            infer_give(infer, result);
            situ_result_free(result);
        }
    } else if (situ_run_objects(infer->cli->array, infer->model, names, count, &options, &results,
                                &error)) {
        progress_clear(&infer->progress);
        cli_say_error(infer->cli, &error);
        infer->stopped = true;
    } else {
        drain(infer, results);
    }
}

/* Names in a row go in one run; a prefix is a run of its own. */
static void run_stored(struct infer *infer)
{
    size_t i = 0;
    while (i < infer->names.count && !infer->stopped) {
        size_t first = i;
        while (i < infer->names.count && !is_prefix(infer->names.items[i])) {
            i++;
        }
        if (i > first) {
            run_objects(infer, first, i - first);
        } else {
            run_prefix(infer, infer->names.items[i++]);
        }
    }
}

static int read_options(struct infer *infer, int argc, char **argv)
{
    int option;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((option = getopt_long(argc, argv, "k:f:u0q", infer_options, NULL)) != -1) {
        char *end = NULL;
        unsigned long top;
        switch (option) {
        case 'k':
            top = strtoul(optarg, &end, 10);
            if (*end || top < 1 || top > 1000 || optarg[0] == '-') {
                return cli_misused("infer", "--top takes a number of 1 to 1000");
            }
            infer->top = (uint32_t)top;
            break;
        case 'f':
            if (!sink_format_parse(optarg, &infer->format)) {
                return cli_misused("infer", "--format is table, jsonl or csv");
            }
            break;
        case 'u':
            infer->upload = true;
            break;
        case '0':
            infer->delimiter = '\0';
            break;
        case 'q':
            infer->quiet = true;
            break;
        case 'P':
            infer->no_progress = true;
            break;
        default:
            if (!cli_common_option(infer->cli, option, "infer")) {
                return cli_misused("infer", NULL);
            }
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
        int result;
        if (strcmp(names[i], "-") == 0) {
            result = stdin_read ? 0 : names_read(&infer->names, stdin, infer->delimiter);
            stdin_read = true;
        } else if (!names[i][0]) {
            return cli_misused("infer", "a name is empty");
        } else {
            result = names_add(&infer->names, names[i], strlen(names[i]));
        }
        if (result) {
            char text[128] = "";
            cli_say("reading names: %s", strerror_r(-result, text, sizeof text));
            return STATUS_NOTHING;
        }
    }
    return 0;
}

static int finish(struct infer *infer)
{
    int lost = sink_done(&infer->sink);
    int status = cli_finish_output(STATUS_GOOD);
    char line[CLOSING_SIZE];
    uint64_t sent;
    uint64_t received;

    if (status) {
        return status;
    }
    situ_traffic(infer->cli->array, &sent, &received);
    infer->closing.bytes_wire = sent + received;
    infer->closing.seconds = progress_seconds(&infer->progress);
    if (!infer->quiet && (!infer->stopped || infer->closing.objects > 0)) {
        (void)fprintf(stderr, "%s\n", figure_closing(line, &infer->closing));
    }
    if (lost) {
        cli_say("out of memory");
        return STATUS_NOTHING;
    }
    if (infer->stopped) {
        return infer->closing.objects > 0 ? STATUS_SOME_FAILED : STATUS_NOTHING;
    }
    return infer->closing.failed > 0 ? STATUS_SOME_FAILED : STATUS_GOOD;
}

int verb_infer(struct cli *cli, int argc, char **argv)
{
    struct infer infer = {.cli = cli, .top = 1, .delimiter = '\n'};
    int status = read_options(&infer, argc, argv);
    if (status == 0) {
        status = read_names(&infer, argc - optind, argv + optind);
    }
    if (status == 0) {
        status = cli_open(cli);
    }
    if (status == 0) {
        progress_init(&infer.progress, !infer.no_progress, false);
        sink_init(&infer.sink, infer.format, infer.top, &infer.progress);
        if (infer.upload) {
            infer_upload(&infer);
        } else {
            run_stored(&infer);
        }
        status = finish(&infer);
    }
    names_done(&infer.names);
    return status;
}
