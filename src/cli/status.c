/* SPDX-License-Identifier: Apache-2.0
 *
 * situ status: the status of the array.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/escape.h"
#include "cli/figures.h"

/* What the array does not report to who has rights for a part of it. */
static const char *const hidden = "-";

static void print_degraded(const struct situ_array_status *status)
{
    const char *store = NULL;
    const char *reason = NULL;
    for (size_t i = 0; situ_array_degraded(status, i, &store, &reason) == 1; i++) {
        char line[512];
        (void)snprintf(line, sizeof line, "store %.64s is unavailable: %.300s", store,
                       reason[0] ? reason : hidden);
        cli_print_field(i == 0 ? "degraded" : "", line);
    }
}

static void print_lanes(const struct situ_array_status *status, bool partial)
{
    char line[256];
    char busy[FIGURE_SIZE];
    (void)snprintf(busy, sizeof busy, "%" PRIu32, status->lanes_busy);
    (void)snprintf(line, sizeof line, "%" PRIu32 " on %" PRIu32 " core%s, %s busy", status->lanes,
                   status->cores, status->cores == 1 ? "" : "s", partial ? hidden : busy);
    cli_print_field("lanes", line);
    (void)snprintf(line, sizeof line, "%" PRIu32 " object%s", status->queue,
                   status->queue == 1 ? "" : "s");
    cli_print_field("waiting", partial ? hidden : line);
}

static void print_work(const struct situ_array_status *status, bool partial)
{
    char line[256];
    char figures[3][FIGURE_SIZE];
    (void)snprintf(line, sizeof line, "%" PRIu64 " object%s, %s read, %s sent, %s received",
                   status->objects, status->objects == 1 ? "" : "s",
                   figure_bytes(figures[0], status->bytes_read),
                   figure_bytes(figures[1], status->bytes_sent),
                   figure_bytes(figures[2], status->bytes_received));
    cli_print_field("so far", partial ? hidden : line);
}

static void print_status(const struct cli *cli, const struct situ_array_status *status)
{
    char line[256];
    char figures[2][FIGURE_SIZE];
    bool partial = situ_array_status_is_partial(status) == 1;

    cli_print_field("array", situ_address(cli->array));
    cli_print_field("version", status->version);
    (void)snprintf(line, sizeof line, "%.32s, up %s", status->state,
                   figure_seconds(figures[0], status->uptime_s));
    cli_print_field("state", line);
    print_degraded(status);
    print_lanes(status, partial);
    (void)snprintf(line, sizeof line, "%" PRIu32 " loaded, %s of %s", status->models_loaded,
                   figure_bytes(figures[0], status->memory_bytes),
                   figure_bytes(figures[1], status->memory_budget_bytes));
    cli_print_field("models", line);
    (void)snprintf(line, sizeof line, "Landlock %s, seccomp %s", status->landlock ? "on" : "OFF",
                   status->seccomp ? "on" : "OFF");
    cli_print_field("sandbox", line);
    if (status->sandbox_warning[0]) {
        cli_print_field("", status->sandbox_warning);
    }
    print_work(status, partial);
}

static int verb_run(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, COMMON_OPTIONS};
    struct situ_array_status *status;
    struct situ_error error;
    bool json = false;
    int option;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        json |= option == 'j';
        if (option != 'j' && !cli_common_option(cli, option, &verb_status)) {
            return cli_misused("status", NULL);
        }
    }
    if (optind < argc) {
        return cli_misused("status", "status takes no names");
    }
    if (cli_open(cli)) {
        return STATUS_NOTHING;
    }
    if (situ_status(cli->array, &status, &error)) {
        return cli_say_error(cli, &error);
    }
    if (json) {
        (void)puts(status->json);
    } else {
        print_status(cli, status);
    }
    situ_array_status_free(status);
    return cli_finish_output(STATUS_GOOD);
}

const struct verb verb_status = {
    .name = "status",
    .usage = "situ status [--json]\n"
             "\n"
             "Shows the status of the array.\n",
    .run = verb_run,
};
