/* SPDX-License-Identifier: Apache-2.0
 *
 * situ search: the stored objects most like one that is stored, or like a file of this machine.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/escape.h"
#include "cli/figures.h"
#include "cli/html_page.h"
#include "cli/local_file.h"
#include "cli/patience.h"
#include "cli/sink.h"

enum { OPTION_PREFIX = 2000, OPTION_MIN_SCORE, OPTION_HTML, OPTION_NO_SELF };

struct search_verb {
    struct cli *cli; /* borrowed */
    struct situ_search_options options;
    enum sink_format format;
    const char *html; /* file of the page; NULL: none */
    bool upload;
    bool quiet;
    const char *index;
    const char *query;
    bool local;  /* the query was a file, and these are its bytes */
    char *bytes; /* owned */
    size_t size;
};

/* ---- Requests -------------------------------------------------------------------------------- */

static int search_file(struct search_verb *verb, struct situ_hits **ret_hits,
                       struct situ_error *error)
{
    verb->local = true;
    if (local_file_read(verb->query, &verb->bytes, &verb->size, error)) {
        return -1; /* SITU_UNREADABLE, SITU_TOO_LARGE: reported with the name */
    }
    return situ_search_bytes(verb->cli->array, verb->index, verb->bytes, verb->size, &verb->options,
                             ret_hits, error);
}

/* Whether the array has the store that the name begins with; true if that is unknown. */
static bool store_is_known(const struct search_verb *verb)
{
    struct situ_stores *stores;
    size_t length = strcspn(verb->query, "/");
    if (situ_store_list(verb->cli->array, &stores, NULL)) {
        return true;
    }
    bool known = false;
    for (size_t i = 0; i < stores->count; i++) {
        const char *name = stores->stores[i]->name;
        known |= strlen(name) == length && strncmp(name, verb->query, length) == 0;
    }
    situ_stores_free(stores);
    return known;
}

static bool can_be_object(const char *name)
{
    return strchr(name, '/') && name[0] != '/' && strncmp(name, "./", 2) != 0 &&
           strncmp(name, "../", 3) != 0;
}

/* A name of the form STORE/KEY is an object, unless the store does not exist. */
static int search(struct search_verb *verb, struct situ_hits **ret_hits, struct situ_error *error)
{
    if (verb->upload || !can_be_object(verb->query)) {
        return search_file(verb, ret_hits, error);
    }
    int r =
        situ_search(verb->cli->array, verb->index, verb->query, &verb->options, ret_hits, error);
    if (r && error->code == SITU_NOT_FOUND && local_file_exists(verb->query)) {
        if (!store_is_known(verb)) {
            return search_file(verb, ret_hits, error);
        }
        cli_say("there is a file '%s' on this machine: --upload searches by it", verb->query);
    }
    return r;
}

/* ---- Output ---------------------------------------------------------------------------------- */

/* Four decimals; zero has no sign. */
static void print_value(char text[32], double value)
{
    (void)snprintf(text, 32, "%.4f", fabs(value) < 0.00005 ? 0.0 : value);
}

static int print_table(const struct situ_hits *hits)
{
    struct columns table;
    char text[32];
    int r = columns_init(&table, stdout, 3);
    if (r == 0) {
        columns_cell(&table, "OBJECT");
        columns_cell_number(&table, "SCORE");
        columns_cell_number(&table, "DISTANCE");
    }
    for (size_t i = 0; r == 0 && i < hits->count; i++) {
        columns_cell(&table, hits->hits[i].object);
        print_value(text, hits->hits[i].score);
        columns_cell_number(&table, text);
        print_value(text, hits->hits[i].distance);
        columns_cell_number(&table, text);
    }
    return columns_done(&table);
}

static void print_rows(const struct situ_hits *hits, bool json)
{
    if (!json) {
        (void)puts("object,rank,score,distance");
    }
    for (size_t i = 0; i < hits->count; i++) {
        const struct situ_hit *hit = &hits->hits[i];
        if (json) {
            (void)putchar('{');
            escape_print_json_object(stdout, hit->object, situ_hit_raw_name(hits, i));
            (void)printf(",\"score\":%.6g,\"distance\":%.6g}\n", hit->score, hit->distance);
        } else {
            escape_print_csv(stdout, hit->object);
            (void)printf(",%zu,%.6g,%.6g\n", i + 1, hit->score, hit->distance);
        }
    }
}

static void print_closing(const struct search_verb *verb, const struct situ_hits *hits)
{
    char figure[FIGURE_SIZE];
    uint64_t sent;
    uint64_t received;
    if (hits->damaged > 0) {
        cli_say("%" PRIu64 " rows of the index cannot be read now, and might have been among these",
                hits->damaged);
    }
    if (!verb->quiet) {
        situ_traffic(verb->cli->array, &sent, &received);
        (void)fprintf(stderr, "%zu found, %s over the network\n", hits->count,
                      figure_bytes(figure, sent + received));
    }
}

static int tell(const struct search_verb *verb, const struct situ_hits *hits)
{
    int status = STATUS_GOOD;
    if (verb->format == SINK_TABLE) {
        status = print_table(hits) ? STATUS_NOTHING : STATUS_GOOD;
    } else {
        print_rows(hits, verb->format == SINK_JSONL);
    }
    status = status ? status : cli_finish_output(STATUS_GOOD);
    if (status == STATUS_GOOD && verb->html) {
        struct html_page page = {.index = verb->index,
                                 .query = verb->query,
                                 .local = verb->local,
                                 .bytes = verb->bytes,
                                 .size = verb->size,
                                 .hits = hits};
        status = html_page_write(verb->cli, &page, verb->html);
    }
    if (status == STATUS_GOOD) {
        print_closing(verb, hits);
    }
    return status;
}

static int run(struct search_verb *verb)
{
    struct situ_hits *hits = NULL;
    struct situ_error error;
    struct patience patience;
    if (cli_open(verb->cli)) {
        return STATUS_NOTHING;
    }
    int status = STATUS_NOTHING;
    patience_begin(&patience, verb->cli, NULL, "it makes the embedding, which may load a model");
    int failed = search(verb, &hits, &error);
    patience_end(&patience);
    if (failed) {
        (void)cli_say_object_error(verb->cli, verb->query, &error);
    } else {
        status = tell(verb, hits);
    }
    situ_hits_free(hits);
    free(verb->bytes);
    return status;
}

/* ---- The command line ------------------------------------------------------------------------ */

/* 1 if it was an option of this verb, 0 if not, -1 after a message. */
static int take_option(struct search_verb *verb, int option)
{
    uint64_t value = 0;
    const char *fault = NULL;
    switch (option) {
    case 'k':
        fault = cli_parse_number(optarg, 1, 1000, &value) ? NULL : "-k takes a number of 1 to 1000";
        verb->options.k = (uint32_t)value;
        break;
    case OPTION_PREFIX:
        verb->options.prefix = optarg;
        break;
    case OPTION_MIN_SCORE:
        fault =
            cli_parse_real(optarg, &verb->options.min_score) ? NULL : "--min-score takes a number";
        verb->options.has_min_score = 1;
        break;
    case OPTION_NO_SELF:
        verb->options.exclude_self = 1;
        break;
    case OPTION_HTML:
        verb->html = optarg;
        break;
    case 'f':
        if (!sink_format_parse(optarg, &verb->format) || verb->format == SINK_NPY) {
            fault = "--format is table, jsonl or csv";
        }
        break;
    case 'u':
        verb->upload = true;
        break;
    case 'q':
        verb->quiet = true;
        break;
    default:
        return 0;
    }
    if (fault) {
        (void)cli_misused("search", fault);
    }
    return fault ? -1 : 1;
}

static int verb_run(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {
        {"hits", required_argument, NULL, 'k'},
        {"prefix", required_argument, NULL, OPTION_PREFIX},
        {"min-score", required_argument, NULL, OPTION_MIN_SCORE},
        {"no-self", no_argument, NULL, OPTION_NO_SELF},
        {"format", required_argument, NULL, 'f'},
        {"html", required_argument, NULL, OPTION_HTML},
        {"upload", no_argument, NULL, 'u'},
        {"quiet", no_argument, NULL, 'q'},
        COMMON_OPTIONS};
    struct search_verb verb = {.cli = cli, .options.struct_size = sizeof verb.options};
    int option;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((option = getopt_long(argc, argv, "k:f:uqh", options, NULL)) != -1) {
        int taken = take_option(&verb, option);
        if (taken < 0) {
            return STATUS_NOTHING;
        }
        if (taken == 0 && !cli_common_option(cli, option, &verb_search)) {
            return cli_misused("search", NULL);
        }
    }
    if (argc - optind != 2) {
        return cli_misused("search", "give an index, and an object or a file");
    }
    verb.index = argv[optind];
    verb.query = argv[optind + 1];
    return run(&verb);
}

const struct verb verb_search = {
    .name = "search",
    .usage =
        "situ search INDEX OBJECT|FILE [options]\n"
        "\n"
        "Finds the stored objects most similar to one. STORE/KEY is an object; a name without a\n"
        "slash, or one that begins with / or ./, is a file of this machine, as is one whose store\n"
        "does not exist.\n"
        "\n"
        "  -k, --hits K         how many (10)\n"
        "      --prefix P       only objects whose name begins with P, such as photos/2024/\n"
        "      --min-score S    only those that score at least S\n"
        "      --no-self        without the query object\n"
        "  -f, --format FORM    table, jsonl or csv (table)\n"
        "      --html FILE      also write a page with the pictures\n"
        "  -u, --upload         the name is a file\n"
        "  -q, --quiet          no closing line\n",
    .run = verb_run,
};
