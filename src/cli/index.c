/* SPDX-License-Identifier: Apache-2.0
 *
 * situ index: create, list, show, rebuild and remove indexes; export and import are in
 * index_rows.c.
 */
#include "cli/index_verb.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/columns.h"
#include "cli/escape.h"
#include "cli/figures.h"
#include "cli/interrupt.h"
#include "cli/left_out.h"
#include "cli/waits.h"

enum { TEXT_SIZE = 256, POLL_MS = 300 };

enum {
    OPTION_STORE = 2000,
    OPTION_PREFIX,
    OPTION_GLOB,
    OPTION_METRIC,
    OPTION_INTERVAL,
    OPTION_WAIT,
    OPTION_NAMES,
    OPTION_EXCLUDE_DEFAULTS
};

/* ---- Descriptions ---------------------------------------------------------------------------- */

static const char *describe_model(const struct situ_index *index, char text[TEXT_SIZE])
{
    (void)snprintf(text, TEXT_SIZE, "%.64s%s%.32s", index->model, index->version[0] ? "@" : "",
                   index->version);
    return text;
}

/* "photos/2024/ *.jpg" */
static const char *describe_selection(const struct situ_index *index, char text[TEXT_SIZE])
{
    if (!index->store[0]) {
        return "imported";
    }
    (void)snprintf(text, TEXT_SIZE, "%.64s/%.100s%s%.64s", index->store, index->prefix,
                   index->glob[0] ? " " : "", index->glob);
    return text;
}

/* What the array does not report to who may see a part of the index. */
static const char *const hidden = "-";

static const char *describe_rows(const struct situ_index *index, char text[TEXT_SIZE])
{
    if (index->selected_known && index->store[0]) {
        (void)snprintf(text, TEXT_SIZE, "%" PRIu64 "/%" PRIu64, index->rows, index->selected);
    } else {
        (void)snprintf(text, TEXT_SIZE, "%" PRIu64, index->rows);
    }
    return text;
}

/* ---- List ------------------------------------------------------------------------------------ */

static void add_counts(struct columns *table, const struct situ_index *index)
{
    char text[TEXT_SIZE];
    bool partial = situ_index_is_partial(index) == 1;
    columns_cell_number(table, partial ? hidden : describe_rows(index, text));
    if (partial) {
        columns_cell_number(table, hidden);
    } else {
        columns_cell_count(table, index->failed);
    }
    columns_cell(table, index->state);
    columns_cell_number(table, partial ? hidden : figure_bytes(text, index->size_bytes));
}

static int print_table(const struct situ_indexes *indexes)
{
    static const char *const heads[] = {"NAME", "MODEL",  "SELECTION", "METRIC",
                                        "ROWS", "FAILED", "STATE",     "SIZE"};
    struct columns table;
    char text[TEXT_SIZE];
    int r = columns_begin(&table, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; r == 0 && i < indexes->count; i++) {
        const struct situ_index *index = indexes->indexes[i];
        columns_cell(&table, index->name);
        columns_cell(&table, describe_model(index, text));
        columns_cell(&table, describe_selection(index, text));
        columns_cell(&table, index->metric);
        add_counts(&table, index);
    }
    return columns_done(&table);
}

static int list(const struct index_verb *verb)
{
    struct situ_indexes *indexes;
    struct situ_error error;
    int failed = 0;
    if (situ_index_list(verb->cli->array, &indexes, &error)) {
        return cli_say_error(verb->cli, &error);
    }
    if (verb->json) {
        (void)puts(indexes->json);
    } else {
        failed = print_table(indexes);
    }
    situ_indexes_free(indexes);
    return failed ? STATUS_NOTHING : cli_finish_output(STATUS_GOOD);
}

/* ---- Show ------------------------------------------------------------------------------------ */

static void print_next(const struct situ_index *index, bool partial)
{
    char line[TEXT_SIZE];
    if (index->next_model[0] && partial) {
        (void)snprintf(line, sizeof line, "%.64s@%.32s", index->next_model, index->next_version);
        cli_print_field("next", line);
    } else if (index->next_model[0]) {
        (void)snprintf(line, sizeof line, "%.64s@%.32s, %" PRIu64 " of %" PRIu64 " rows",
                       index->next_model, index->next_version, index->next_rows,
                       index->next_selected);
        cli_print_field("next", line);
    }
}

static void print_left_out(const struct situ_index *index)
{
    struct situ_left_out left_out = {.struct_size = sizeof left_out};
    char text[LEFT_OUT_SIZE];
    if (situ_index_left_out(index, &left_out) == 0) {
        cli_print_field("left out", left_out_text(text, &left_out));
    }
}

static void print_rows(const struct situ_index *index, bool partial)
{
    char line[TEXT_SIZE];
    if (partial) {
        cli_print_field("rows", hidden);
        cli_print_field("left out", hidden);
        return;
    }
    int used = snprintf(line, sizeof line, "%" PRIu64, index->rows);
    if (index->selected_known) {
        used += snprintf(line + used, sizeof line - (size_t)used, " of %" PRIu64, index->selected);
    }
    (void)snprintf(line + used, sizeof line - (size_t)used,
                   ", %" PRIu64 " failed, %" PRIu64 " damaged", index->failed, index->damaged);
    cli_print_field("rows", line);
    print_left_out(index);
}

static void print_index(const struct situ_index *index)
{
    bool partial = situ_index_is_partial(index) == 1;
    char line[TEXT_SIZE];
    char figure[FIGURE_SIZE];
    cli_print_field("name", index->name);
    cli_print_field("model", describe_model(index, line));
    cli_print_field("digest", index->digest);
    cli_print_field("selection", describe_selection(index, line));
    cli_print_field("metric", index->metric);
    cli_print_field("state", index->state);
    cli_print_field("reason", index->reason);
    print_rows(index, partial);
    (void)snprintf(line, sizeof line, "%" PRIu32, index->dimension);
    cli_print_field("dimension", index->dimension > 0 ? line : "");
    cli_print_field("size", partial ? hidden : figure_bytes(figure, index->size_bytes));
    cli_print_field("job", partial ? hidden : index->job);
    if (index->store[0]) {
        (void)snprintf(line, sizeof line, "a pass every %" PRIu32 " s", index->interval_s);
        cli_print_field("options", line);
    }
    print_next(index, partial);
}

static int show(const struct index_verb *verb, const char *name)
{
    struct situ_index *index;
    struct situ_error error;
    if (situ_index_show(verb->cli->array, name, &index, &error)) {
        return cli_say_error(verb->cli, &error);
    }
    if (verb->json) {
        (void)puts(index->json);
    } else {
        print_index(index);
    }
    situ_index_free(index);
    return cli_finish_output(STATUS_GOOD);
}

/* ---- Create and rebuild ---------------------------------------------------------------------- */

/* Draws the progress: true if it is not complete. */
static bool goes_on(struct progress *progress, const struct situ_index *index)
{
    bool beside = index->next_model[0] != '\0';
    struct progress_figures figures = {
        .done = beside ? index->next_rows : index->rows + index->failed,
        .total = beside ? index->next_selected : index->selected,
        .failed = index->failed,
        .note = strcmp(index->state, "paused") == 0 ? index->reason : NULL};
    progress_show(progress, &figures);
    return beside || strcmp(index->state, "filling") == 0 || strcmp(index->state, "paused") == 0;
}

static void tell_left_out(const struct situ_index *index)
{
    struct situ_left_out left_out = {.struct_size = sizeof left_out};
    char text[LEFT_OUT_SIZE];
    if (situ_index_left_out(index, &left_out) == 0 && left_out_any(&left_out)) {
        (void)fprintf(stderr, "%s\n", left_out_text(text, &left_out));
    }
}

/* Reports the end: the exit status. */
static int tell_end(const struct situ_index *index)
{
    if (strcmp(index->state, "failed") == 0) {
        cli_say("index %s: %s", index->name, index->reason);
        return STATUS_SOME_FAILED;
    }
    (void)fprintf(stderr, "%" PRIu64 " rows", index->rows);
    if (index->failed > 0) {
        (void)fprintf(stderr, ", %" PRIu64 " %s failed: situ job follow ", index->failed,
                      index->failed == 1 ? "object" : "objects");
        escape_print(stderr, index->job);
    }
    (void)fputc('\n', stderr);
    tell_left_out(index);
    bool nothing = index->store[0] && index->rows == 0 && index->selected == 0;
    if (nothing) {
        cli_say("index %s selects no objects", index->name);
    }
    return index->failed > 0 || nothing ? STATUS_SOME_FAILED : STATUS_GOOD;
}

/* What await() has reported of an index that does not advance. */
struct standstill {
    struct waits waits;
    char paused[WAITS_TEXT]; /* the reason of a pause; "": none */
    uint64_t rows;
};

/* Reports why it does not advance: at once if it is paused, otherwise after some seconds. */
static void tell_standstill(struct standstill *still, const struct situ_index *index,
                            struct progress *progress)
{
    bool paused = strcmp(index->state, "paused") == 0 && !index->next_model[0];
    uint64_t rows = index->rows + index->failed + index->next_rows;
    if (rows != still->rows || paused) {
        still->rows = rows;
        waits_over(&still->waits);
    }
    if (!paused) {
        waits_look_at_index(&still->waits, index, progress);
    } else if (strncmp(still->paused, index->reason, sizeof still->paused - 1) != 0) {
        progress_clear(progress);
        cli_say("index %s is paused: %s", index->name, index->reason);
        (void)snprintf(still->paused, sizeof still->paused, "%s", index->reason);
    }
}

/* Waits until the first pass is over. */
static int await(const struct index_verb *verb, const char *name)
{
    struct situ_index *index = NULL;
    struct situ_error error;
    struct progress progress;
    struct standstill still = {.rows = 0};
    int status = -1;
    progress_init(&progress, !verb->no_progress, false);
    waits_init(&still.waits, verb->cli);
    interrupt_hold();
    while (status < 0) {
        if (situ_index_show(verb->cli->array, name, &index, &error)) {
            progress_clear(&progress);
            (void)cli_say_error(verb->cli, &error);
            status = STATUS_SOME_FAILED;
            break;
        }
        if (!goes_on(&progress, index)) {
            progress_clear(&progress);
            status = tell_end(index);
        } else if (interrupt_seen()) {
            progress_clear(&progress);
            cli_say("index %s goes on; see 'situ index show %s'", name, name);
            status = interrupt_status();
        } else {
            tell_standstill(&still, index, &progress);
            clock_sleep_ms(POLL_MS);
        }
        situ_index_free(index);
    }
    waits_done(&still.waits);
    return status;
}

static int finish(const struct index_verb *verb, const char *name, struct situ_index *index)
{
    if (verb->json && !verb->wait) {
        (void)puts(index->json);
    }
    situ_index_free(index);
    int status = verb->wait ? await(verb, name) : STATUS_GOOD;
    if (verb->json && verb->wait && status == STATUS_GOOD) {
        status = show(verb, name);
    }
    return status ? status : cli_finish_output(STATUS_GOOD);
}

static int create(const struct index_verb *verb, const char *name)
{
    char selection[TEXT_SIZE + 1100];
    struct situ_index *index;
    struct situ_error error;
    if (!verb->model || !verb->store) {
        return cli_misused("index", "create wants --model MODEL and --store STORE");
    }
    int length = snprintf(selection, sizeof selection, "%s/%s", verb->store,
                          verb->prefix ? verb->prefix : "");
    if (strchr(verb->store, '/') || (size_t)length >= sizeof selection) {
        return cli_misused("index", "--store takes the name of a store, --prefix what follows it");
    }
    if (select_apply(verb->cli, &verb->select)) {
        return STATUS_NOTHING;
    }
    if (situ_index_create(verb->cli->array, name, verb->model, selection, &verb->options, &index,
                          &error)) {
        return cli_say_error(verb->cli, &error);
    }
    return finish(verb, name, index);
}

static int rebuild(const struct index_verb *verb, const char *name)
{
    struct situ_index *index;
    struct situ_error error;
    if (!verb->model && !verb->exclude_defaults) {
        return cli_misused("index", "rebuild wants --model MODEL or --exclude-defaults");
    }
    if (verb->exclude_defaults
            ? situ_index_exclude_defaults(verb->cli->array, name, verb->model, &index, &error)
            : situ_index_rebuild(verb->cli->array, name, verb->model, &index, &error)) {
        return cli_say_error(verb->cli, &error);
    }
    return finish(verb, name, index);
}

/* All of them, even if one fails. */
static int remove_all(const struct index_verb *verb, char **names, int count)
{
    struct situ_error error;
    int failed = 0;
    for (int i = 0; i < count; i++) {
        if (situ_index_remove(verb->cli->array, names[i], &error)) {
            (void)cli_say_error(verb->cli, &error);
            failed++;
        }
    }
    if (failed > 0) {
        return failed < count ? STATUS_SOME_FAILED : STATUS_NOTHING;
    }
    return STATUS_GOOD;
}

/* ---- The command line ------------------------------------------------------------------------ */

/* 1 if it was an option of this verb, 0 if not, -1 after a message. */
static int take_option(struct index_verb *verb, int option)
{
    uint64_t value = 0;
    switch (option) {
    case 'm':
        verb->model = optarg;
        return 1;
    case OPTION_STORE:
        verb->store = optarg;
        return 1;
    case OPTION_PREFIX:
        verb->prefix = optarg;
        return 1;
    case OPTION_GLOB:
        verb->options.glob = optarg;
        return 1;
    case OPTION_METRIC:
        verb->options.metric = optarg;
        return 1;
    case OPTION_INTERVAL:
        if (!cli_parse_number(optarg, 1, 86400, &value)) {
            (void)cli_misused("index", "--interval takes a number of 1 to 86400");
            return -1;
        }
        verb->options.interval_s = (uint32_t)value;
        return 1;
    case OPTION_NAMES:
        verb->names = optarg;
        return 1;
    case OPTION_WAIT:
        verb->wait = true;
        return 1;
    case OPTION_EXCLUDE_DEFAULTS:
        verb->exclude_defaults = true;
        return 1;
    case 'j':
        verb->json = true;
        return 1;
    case 'P':
        verb->no_progress = true;
        return 1;
    case '0':
        verb->delimiter = '\0';
        return 1;
    default:
        return select_take(&verb->select, option, "index");
    }
}

static int run(struct index_verb *verb, char **names, int count)
{
    static const struct {
        const char *name;
        int least; /* words, the action included */
        int most;
    } actions[] = {{"list", 1, 1},    {"show", 2, 2},   {"create", 2, 2}, {"rebuild", 2, 2},
                   {"remove", 2, 64}, {"export", 3, 3}, {"import", 3, 3}};
    const char *action = count > 0 ? names[0] : "";
    size_t i = 0;
    while (i < sizeof actions / sizeof actions[0] &&
           (strcmp(action, actions[i].name) != 0 || count < actions[i].least ||
            count > actions[i].most)) {
        i++;
    }
    if (i == sizeof actions / sizeof actions[0]) {
        return cli_misused("index",
                           "give: index create NAME --model MODEL --store STORE, list, show NAME, "
                           "rebuild NAME --model MODEL, remove NAME..., export NAME FILE or import "
                           "NAME FILE");
    }
    if (cli_open(verb->cli)) {
        return STATUS_NOTHING;
    }
    switch (i) {
    case 0:
        return list(verb);
    case 1:
        return show(verb, names[1]);
    case 2:
        return create(verb, names[1]);
    case 3:
        return rebuild(verb, names[1]);
    case 4:
        return remove_all(verb, names + 1, count - 1);
    case 5:
        return index_export(verb, names[1], names[2]);
    default:
        return index_import(verb, names[1], names[2]);
    }
}

static int verb_run(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {
        {"model", required_argument, NULL, 'm'},
        {"store", required_argument, NULL, OPTION_STORE},
        {"prefix", required_argument, NULL, OPTION_PREFIX},
        {"glob", required_argument, NULL, OPTION_GLOB},
        {"metric", required_argument, NULL, OPTION_METRIC},
        {"interval", required_argument, NULL, OPTION_INTERVAL},
        {"names", required_argument, NULL, OPTION_NAMES},
        {"wait", no_argument, NULL, OPTION_WAIT},
        {"exclude-defaults", no_argument, NULL, OPTION_EXCLUDE_DEFAULTS},
        SELECT_OPTIONS,
        {"null", no_argument, NULL, '0'},
        {"json", no_argument, NULL, 'j'},
        {"no-progress", no_argument, NULL, 'P'},
        COMMON_OPTIONS};
    struct index_verb verb = {
        .cli = cli, .delimiter = '\n', .options.struct_size = sizeof verb.options};
    int option;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((option = getopt_long(argc, argv, "m:0h", options, NULL)) != -1) {
        int taken = take_option(&verb, option);
        if (taken < 0) {
            return STATUS_NOTHING;
        }
        if (taken == 0 && !cli_common_option(cli, option, &verb_index)) {
            return cli_misused("index", NULL);
        }
    }
    return run(&verb, argv + optind, argc - optind);
}

const struct verb verb_index = {
    .name = "index",
    .usage =
        "situ index create NAME --model MODEL --store STORE [--prefix P] [--glob PATTERN]\n"
        "                  [--exclude PATTERN]... [--no-exclude-defaults] [--sniff]\n"
        "                  [--metric METRIC] [--interval S] [--wait] [--json]\n"
        "situ index list [--json]\n"
        "situ index show NAME [--json]\n"
        "situ index rebuild NAME [--model MODEL] [--exclude-defaults] [--wait]\n"
        "situ index remove NAME...\n"
        "situ index export NAME FILE.npy [--null]\n"
        "situ index import NAME FILE.npy [--names FILE] [--metric METRIC] [--model MODEL] "
        "[--null]\n"
        "\n"
        "Indexes of the array: embeddings of stored objects, kept up to date, to be searched.\n"
        "\n"
        "  -m, --model MODEL    a model whose task is feature-extraction\n"
        "      --store STORE    the store, and of it only\n"
        "      --prefix P       objects whose key begins with P,\n"
        "      --glob PATTERN   and that match, such as '*.jpg'\n"
        "      --exclude PATTERN, --no-exclude-defaults, --sniff   as for 'situ infer'\n"
        "      --exclude-defaults   with rebuild: exclude what the store excludes now\n"
        "      --metric METRIC  cosine, dot or euclidean (cosine)\n"
        "      --interval S     seconds between two passes over the store (60)\n"
        "      --wait           wait until the first pass is over\n"
        "      --names FILE     with import: the objects' names, one line per row (FILE.names)\n"
        "  -0, --null           names end with a NUL byte, not with a line feed\n"
        "      --no-progress    no progress bar\n",
    .run = verb_run,
};
