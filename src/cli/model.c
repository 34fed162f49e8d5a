/* SPDX-License-Identifier: Apache-2.0
 *
 * situ model: add, list, show and remove model packages.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/columns.h"
#include "cli/escape.h"
#include "cli/figures.h"
#include "cli/patience.h"
#include "cli/progress.h"

struct model_options {
    const char *preset;
    bool json;
    bool no_progress;
};

static void print_tensors(const char *name, const struct situ_tensor_info *infos, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char line[512];
        int used = snprintf(line, sizeof line, "%.128s %.16s [", infos[i].name, infos[i].datatype);
        for (uint32_t d = 0; d < infos[i].rank && used > 0 && used < 400; d++) {
            used += snprintf(line + used, sizeof line - (size_t)used,
                             infos[i].dims[d] < 0 ? "%s?" : "%s%" PRId64, d > 0 ? "," : "",
                             infos[i].dims[d]);
        }
        (void)snprintf(line + used, sizeof line - (size_t)used, "]");
        cli_print_field(i == 0 ? name : "", line);
    }
}

static void print_model(const struct situ_model *model)
{
    char line[512];
    char figure[FIGURE_SIZE];

    cli_print_field("name", model->name);
    cli_print_field("version", model->version);
    int used = 0;
    line[0] = '\0';
    for (size_t i = 0; i < model->version_count && used >= 0 && used < 400; i++) {
        used += snprintf(line + used, sizeof line - (size_t)used, "%s%.64s", i > 0 ? ", " : "",
                         model->versions[i]);
    }
    cli_print_field("versions", line);
    cli_print_field("task", model->task);
    (void)snprintf(line, sizeof line, "%.32s%s%s%.400s", model->state,
                   model->loaded ? ", loaded" : "", model->reason[0] ? ": " : "", model->reason);
    cli_print_field("state", line);
    cli_print_field("digest", model->digest);
    cli_print_field("size", figure_bytes(figure, model->size_bytes));
    if (model->label_count > 0) {
        (void)snprintf(line, sizeof line, "%" PRIu64, model->label_count);
        cli_print_field("labels", line);
    }
    cli_print_field("family", model->family);
    print_tensors("inputs", model->inputs, model->input_count);
    print_tensors("outputs", model->outputs, model->output_count);
    for (size_t i = 0; i < model->pipeline_count; i++) {
        (void)snprintf(line, sizeof line, "%.128s: %.350s", model->pipeline[i].name,
                       model->pipeline[i].value);
        cli_print_field(i == 0 ? "pipeline" : "", line);
    }
    for (size_t i = 0; i < model->note_count; i++) {
        cli_print_field(i == 0 ? "notes" : "", model->notes[i]);
    }
}

static int print_models(const struct situ_models *models)
{
    static const char *const heads[] = {"NAME", "VERSION", "TASK", "STATE", "LABELS", "SIZE"};
    struct columns table;
    int r = columns_begin(&table, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; r == 0 && i < models->count; i++) {
        const struct situ_model *model = models->models[i];
        char text[FIGURE_SIZE];
        columns_cell(&table, model->name);
        columns_cell(&table, model->version);
        columns_cell(&table, model->task);
        columns_cell(&table, model->state);
        (void)snprintf(text, sizeof text, "%" PRIu64, model->label_count);
        columns_cell_number(&table, model->label_count > 0 ? text : "");
        columns_cell_number(&table, figure_bytes(text, model->size_bytes));
    }
    return columns_done(&table);
}

static int model_list(struct cli *cli, const struct model_options *options)
{
    struct situ_models *models;
    struct situ_error error;
    if (situ_model_list(cli->array, &models, &error)) {
        return cli_say_error(cli, &error);
    }
    int failed = 0;
    if (options->json) {
        (void)puts(models->json);
    } else {
        failed = print_models(models);
    }
    situ_models_free(models);
    return failed ? STATUS_NOTHING : STATUS_GOOD;
}

static int model_show(struct cli *cli, const char *name, const struct model_options *options)
{
    struct patience patience;
    struct situ_model *model;
    struct situ_error error;
    patience_begin(&patience, cli, name, "it shows the model");
    int failed = situ_model_show(cli->array, name, &model, &error);
    patience_end(&patience);
    if (failed) {
        return cli_say_error(cli, &error);
    }
    if (options->json) {
        (void)puts(model->json);
    } else {
        print_model(model);
    }
    situ_model_free(model);
    return STATUS_GOOD;
}

static int on_sent(void *context, uint64_t sent, uint64_t total)
{
    struct progress *progress = context;
    progress_update(progress, sent, total);
    if (sent == total && progress->enabled) {
        progress_clear(progress);
        (void)fputs("sent; the array loads the model and runs it once\n", stderr);
    }
    return 0;
}

static int model_add(struct cli *cli, const char *name, const char *path,
                     const struct model_options *options)
{
    struct progress progress;
    struct patience patience;
    struct situ_add_options add = {.struct_size = sizeof add,
                                   .preset = options->preset,
                                   .progress = on_sent,
                                   .context = &progress};
    struct situ_model *model;
    struct situ_error error;

    progress_init(&progress, !options->no_progress, true);
    /* On a terminal on_sent() reports it. */
    patience_begin(&patience, cli, NULL,
                   progress.enabled ? NULL : "it takes the model, loads it and runs it once");
    int failed = situ_model_add(cli->array, name, path, &add, &model, &error);
    patience_end(&patience);
    progress_clear(&progress);
    if (failed) {
        return cli_say_error(cli, &error);
    }
    if (options->json) {
        (void)puts(model->json);
    } else {
        (void)fputs("added ", stdout);
        escape_print(stdout, model->name);
        (void)putchar('@');
        escape_print(stdout, model->version);
        (void)fputs(model->task[0] ? ", " : "", stdout);
        escape_print(stdout, model->task);
        (void)putchar('\n');
    }
    situ_model_free(model);
    return STATUS_GOOD;
}

static int model_remove(struct cli *cli, const char *name)
{
    struct situ_error error;
    if (situ_model_remove(cli->array, name, &error)) {
        return cli_say_error(cli, &error);
    }
    return STATUS_GOOD;
}

static int run(struct cli *cli, char **names, int count, const struct model_options *options)
{
    const char *action = count > 0 ? names[0] : "";
    static const struct {
        const char *name;
        int count;
    } actions[] = {{"list", 1}, {"show", 2}, {"add", 3}, {"remove", 2}};

    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(action, actions[i].name) != 0 || count != actions[i].count) {
            continue;
        }
        if (cli_open(cli)) {
            return STATUS_NOTHING;
        }
        switch (i) {
        case 0:
            return model_list(cli, options);
        case 1:
            return model_show(cli, names[1], options);
        case 2:
            return model_add(cli, names[1], names[2], options);
        default:
            return model_remove(cli, names[1]);
        }
    }
    return cli_misused("model", "give: model add NAME PATH, list, show NAME or remove NAME");
}

static int verb_run(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"preset", required_argument, NULL, 'p'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"no-progress", no_argument, NULL, 'P'},
                                            COMMON_OPTIONS};
    struct model_options given = {0};
    int option;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((option = getopt_long(argc, argv, "p:h", options, NULL)) != -1) {
        if (option == 'p') {
            given.preset = optarg;
        }
        given.json |= option == 'j';
        given.no_progress |= option == 'P';
        if (!strchr("pjP", option) && !cli_common_option(cli, option, &verb_model)) {
            return cli_misused("model", NULL);
        }
    }
    int status = run(cli, argv + optind, argc - optind, &given);
    return status == STATUS_GOOD ? cli_finish_output(status) : status;
}

const struct verb verb_model = {
    .name = "model",
    .usage =
        "situ model add NAME PATH [--preset PRESET] [--no-progress]\n"
        "situ model list [--json]\n"
        "situ model show NAME[@VERSION] [--json]\n"
        "situ model remove NAME[@VERSION]\n"
        "\n"
        "Sends a model package (a Hugging Face ONNX directory, or one .onnx file with a preset "
        "such "
        "as\n"
        "imagenet, clip or siglip) to the array, lists and shows what is there, or removes it.\n",
    .run = verb_run,
};
