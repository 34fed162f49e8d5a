/* SPDX-License-Identifier: Apache-2.0
 *
 * situ duplicates: groups of stored objects that are nearly the same.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/escape.h"
#include "cli/interrupt.h"
#include "cli/sink.h"

struct duplicates {
    struct cli *cli; /* borrowed */
    double min_score;
    enum sink_format format;
    bool quiet;
    bool no_progress;

    struct progress progress;
    uint64_t total;             /* rows of the index; 0: not known */
    struct situ_groups *groups; /* while they are read */
    struct columns table;
    bool table_open; /* once there is a group */
    bool lost;       /* out of memory */
    uint64_t group_count;
    uint64_t object_count; /* in them */
};

/* ---- Groups ---------------------------------------------------------------------------------- */

static void open_table(struct duplicates *verb)
{
    verb->lost |= columns_init(&verb->table, stdout, 3) != 0;
    verb->table_open = true;
    columns_cell_number(&verb->table, "GROUP");
    columns_cell(&verb->table, "OBJECT");
    columns_cell_number(&verb->table, "SCORE");
}

static void give_table(struct duplicates *verb, const struct situ_group *group)
{
    char number[24];
    char score[32];
    if (!verb->table_open) {
        open_table(verb);
    }
    for (size_t i = 0; i < group->count; i++) {
        (void)snprintf(number, sizeof number, "%" PRIu64, verb->group_count);
        (void)snprintf(score, sizeof score, "%.4f", group->objects[i].score);
        columns_cell_number(&verb->table, number);
        columns_cell(&verb->table, group->objects[i].object);
        columns_cell_number(&verb->table, score);
    }
    if (columns_due(&verb->table)) {
        progress_clear(&verb->progress);
        columns_print(&verb->table);
    }
}

static void give_json(const struct duplicates *verb, const struct situ_group *group)
{
    (void)fputs("{\"group\":[", stdout);
    for (size_t i = 0; i < group->count; i++) {
        (void)fputs(i > 0 ? ",{" : "{", stdout);
        escape_print_json_object(stdout, group->objects[i].object,
                                 situ_group_raw_name(verb->groups, i));
        (void)printf(",\"score\":%.6g}", group->objects[i].score);
    }
    (void)puts("]}");
}

static void give_csv(const struct duplicates *verb, const struct situ_group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        (void)printf("%" PRIu64 ",", verb->group_count);
        escape_print_csv(stdout, group->objects[i].object);
        (void)printf(",%.6g\n", group->objects[i].score);
    }
}

static void give(struct duplicates *verb, const struct situ_group *group)
{
    verb->group_count++;
    verb->object_count += group->count;
    if (verb->format == SINK_TABLE) {
        give_table(verb, group);
        return;
    }
    progress_clear(&verb->progress);
    if (verb->format == SINK_JSONL) {
        give_json(verb, group);
    } else {
        give_csv(verb, group);
    }
}

/* ---- Running --------------------------------------------------------------------------------- */

static int on_wait(void *context)
{
    struct duplicates *verb = context;
    if (interrupt_seen()) {
        return 1;
    }
    if (verb->table_open && columns_due(&verb->table)) {
        progress_clear(&verb->progress);
        columns_print(&verb->table);
    }
    progress_update(&verb->progress, situ_groups_looked_at(verb->groups), verb->total);
    return 0;
}

/* Used by the progress bar only. */
static uint64_t rows_of(const struct duplicates *verb, const char *name)
{
    struct situ_index *index = NULL;
    uint64_t rows = 0;
    if (verb->progress.enabled && situ_index_show(verb->cli->array, name, &index, NULL) == 0) {
        rows = index->rows;
    }
    situ_index_free(index);
    return rows;
}

/* 1 after a group, 0 at the end, negative after a fault. */
static int step(struct duplicates *verb, struct situ_error *error)
{
    const struct situ_group *group;
    int more = situ_group_next(verb->groups, &group, error);
    if (more > 0) {
        give(verb, group);
    }
    return more;
}

static int tell_end(const struct duplicates *verb, int more, const struct situ_error *error)
{
    if (more < 0 && interrupt_seen()) {
        return interrupt_status();
    }
    if (more < 0) {
        (void)cli_say_error(verb->cli, error);
        return verb->group_count > 0 ? STATUS_SOME_FAILED : STATUS_NOTHING;
    }
    int status = cli_finish_output(STATUS_GOOD);
    if (status == STATUS_GOOD && !verb->quiet) {
        (void)fprintf(stderr, "%" PRIu64 " groups of %" PRIu64 " objects, among %" PRIu64 "\n",
                      verb->group_count, verb->object_count, situ_groups_looked_at(verb->groups));
    }
    uint64_t damaged = situ_groups_damaged(verb->groups);
    if (damaged > 0) {
        cli_say("%" PRIu64 " rows of the index cannot be read now, and were not compared", damaged);
    }
    return status == STATUS_GOOD && damaged > 0 ? STATUS_SOME_FAILED : status;
}

static int run(struct duplicates *verb, const char *name)
{
    struct situ_error error;
    if (cli_open(verb->cli)) {
        return STATUS_NOTHING;
    }
    progress_init(&verb->progress, !verb->no_progress, false);
    verb->total = rows_of(verb, name);
    struct situ_duplicates_options options = {.struct_size = sizeof options,
                                              .progress = verb->progress.enabled,
                                              .on_wait = on_wait,
                                              .context = verb};
    interrupt_hold();
    int more =
        situ_duplicates(verb->cli->array, name, verb->min_score, &options, &verb->groups, &error);
    bool begun = more == 0;
    if (begun && verb->format == SINK_CSV) {
        (void)puts("group,object,score");
    }
    more = begun ? 1 : more;
    while (more > 0 && !ferror(stdout)) {
        more = step(verb, &error);
    }
    progress_clear(&verb->progress);
    if (verb->table_open) {
        verb->lost |= columns_done(&verb->table) != 0;
    }
    int status = verb->lost ? STATUS_NOTHING : tell_end(verb, more, &error);
    situ_groups_free(verb->groups);
    return status;
}

/* ---- The command line ------------------------------------------------------------------------ */

static int verb_run(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"min-score", required_argument, NULL, 's'},
                                            {"format", required_argument, NULL, 'f'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"no-progress", no_argument, NULL, 'P'},
                                            COMMON_OPTIONS};
    struct duplicates verb = {.cli = cli, .min_score = 0.98};
    int option;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((option = getopt_long(argc, argv, "f:qh", options, NULL)) != -1) {
        verb.quiet |= option == 'q';
        verb.no_progress |= option == 'P';
        if (option == 's' && !cli_parse_real(optarg, &verb.min_score)) {
            return cli_misused("duplicates", "--min-score takes a number");
        }
        if (option == 'f' &&
            (!sink_format_parse(optarg, &verb.format) || verb.format == SINK_NPY)) {
            return cli_misused("duplicates", "--format is table, jsonl or csv");
        }
        if (!strchr("sfqP", option) && !cli_common_option(cli, option, &verb_duplicates)) {
            return cli_misused("duplicates", NULL);
        }
    }
    if (argc - optind != 1) {
        return cli_misused("duplicates", "give an index");
    }
    return run(&verb, argv[optind]);
}

const struct verb verb_duplicates = {
    .name = "duplicates",
    .usage =
        "situ duplicates INDEX [--min-score S] [--format FORM] [--quiet] [--no-progress]\n"
        "\n"
        "Lists groups of objects that are nearly the same: that score at least S (0.98) with one\n"
        "another. FORM is table, jsonl or csv.\n",
    .run = verb_run,
};
