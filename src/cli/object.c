/* SPDX-License-Identifier: Apache-2.0
 *
 * situ object list: the objects of a store.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/escape.h"
#include "cli/figures.h"
#include "cli/left_out.h"

struct listing {
    bool sizes;
    bool all;
    bool null;
    bool json;
    bool terminal;
};

static void print_object(const struct listing *listing, const struct situ_object *object,
                         const char *raw_name)
{
    char figure[FIGURE_SIZE];
    if (listing->json) {
        (void)putchar('{');
        escape_print_json_object(stdout, object->name, raw_name);
        if (listing->sizes) {
            (void)printf(",\"size\":%" PRIu64, object->size_bytes);
        }
        (void)puts("}");
        return;
    }
    if (listing->sizes) {
        (void)printf("%10s  ", figure_bytes(figure, object->size_bytes));
    }
    if (listing->terminal) {
        escape_print(stdout, object->name);
    } else {
        (void)fputs(raw_name, stdout);
    }
    (void)putchar(listing->null ? '\0' : '\n');
}

/* On a terminal, and wherever nothing was listed or --all was given. */
static void tell_left_out(const struct listing *listing, const struct situ_left_out *left_out,
                          bool empty)
{
    char text[LEFT_OUT_SIZE];
    if (left_out_any(left_out) && (listing->all || empty || isatty(STDERR_FILENO))) {
        cli_say("left out: %s%s", left_out_text(text, left_out),
                left_out->skipped > 0 ? "; --all lists what is skipped" : "");
    }
}

static int list(struct cli *cli, const char *selection, const struct listing *listing)
{
    struct situ_list_options options = {
        .struct_size = sizeof options, .sizes = listing->sizes, .all = listing->all};
    struct situ_objects *objects;
    const struct situ_object *object;
    struct situ_error error;
    bool empty = true;
    bool unlisted = false;

    int more = situ_object_list(cli->array, selection, &options, &objects, &error);
    if (more == 0) {
        more = 1;
        while (more > 0 && !ferror(stdout)) {
            more = situ_object_next(objects, &object, &error);
            if (more > 0) {
                empty = false;
                print_object(listing, object, situ_object_raw_name(objects));
            } else if (situ_objects_unlisted(objects)) {
                (void)cli_say_error(cli, &error);
                unlisted = true;
                more = 1;
            }
        }
    }
    struct situ_left_out left_out = {.struct_size = sizeof left_out};
    (void)situ_objects_left_out(objects, &left_out);
    situ_objects_free(objects);
    if (more < 0) {
        (void)fflush(stdout);
        return cli_say_error(cli, &error);
    }
    int status = cli_finish_output(STATUS_GOOD);
    if (status == STATUS_GOOD) {
        tell_left_out(listing, &left_out, empty);
        status = unlisted ? STATUS_SOME_FAILED : STATUS_GOOD;
    }
    return status;
}

static int verb_run(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"long", no_argument, NULL, 'l'},
                                            {"all", no_argument, NULL, 'a'},
                                            {"null", no_argument, NULL, '0'},
                                            {"json", no_argument, NULL, 'j'},
                                            COMMON_OPTIONS};
    struct listing listing = {.terminal = isatty(STDOUT_FILENO)};
    int option;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((option = getopt_long(argc, argv, "la0h", options, NULL)) != -1) {
        listing.sizes |= option == 'l';
        listing.all |= option == 'a';
        listing.null |= option == '0';
        listing.json |= option == 'j';
        if (!strchr("la0j", option) && !cli_common_option(cli, option, &verb_object)) {
            return cli_misused("object", NULL);
        }
    }
    if (argc - optind != 2 || strcmp(argv[optind], "list") != 0) {
        return cli_misused("object", "give: situ object list STORE[/PREFIX]");
    }
    return cli_open(cli) ? STATUS_NOTHING : list(cli, argv[optind + 1], &listing);
}

const struct verb verb_object = {
    .name = "object",
    .usage = "situ object list STORE[/PREFIX] [options]\n"
             "\n"
             "Lists the objects whose name begins with STORE/PREFIX.\n"
             "\n"
             "  -l, --long   with sizes\n"
             "  -a, --all    also files with an unknown suffix\n"
             "  -0, --null   names end with a NUL byte, for 'situ infer -0 MODEL -'\n"
             "      --json   one JSON object a line\n",
    .run = verb_run,
};
