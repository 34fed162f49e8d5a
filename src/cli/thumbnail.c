/* SPDX-License-Identifier: Apache-2.0
 *
 * situ thumbnail: a small picture of a stored one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/patience.h"

static int write_file(const char *path, const void *bytes, size_t size)
{
    char text[128] = "";
    FILE *out = fopen(path, "wbe");
    bool good = out && fwrite(bytes, size, 1, out) == 1;
    int errnum = good ? 0 : errno;
    if (out && fclose(out) != 0 && good) {
        good = false;
        errnum = errno;
    }
    if (!good) {
        cli_say("cannot write '%s': %s", path, strerror_r(errnum, text, sizeof text));
    }
    return good ? STATUS_GOOD : STATUS_NOTHING;
}

static int run(struct cli *cli, const char *object, uint32_t edge, const char *path)
{
    struct patience patience;
    struct situ_error error;
    void *bytes = NULL;
    size_t size = 0;
    int status = STATUS_GOOD;
    if (cli_open(cli)) {
        return STATUS_NOTHING;
    }
    patience_begin(&patience, cli, NULL, "it makes the thumbnail");
    int failed = situ_thumbnail(cli->array, object, edge, &bytes, &size, &error);
    patience_end(&patience);
    if (failed) {
        return cli_say_object_error(cli, object, &error);
    }
    if (path) {
        status = write_file(path, bytes, size);
    } else {
        (void)fwrite(bytes, size, 1, stdout);
        status = cli_finish_output(STATUS_GOOD);
    }
    free(bytes);
    return status;
}

static int verb_run(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                            {"edge", required_argument, NULL, 'e'},
                                            COMMON_OPTIONS};
    const char *path = NULL;
    uint64_t edge = 0;
    int option;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
        path = option == 'o' ? optarg : path;
        if (option == 'e' && !cli_parse_number(optarg, 16, 512, &edge)) {
            return cli_misused("thumbnail", "--edge takes a number of 16 to 512");
        }
        if (!strchr("oe", option) && !cli_common_option(cli, option, &verb_thumbnail)) {
            return cli_misused("thumbnail", NULL);
        }
    }
    if (argc - optind != 1) {
        return cli_misused("thumbnail", "give an object");
    }
    if (!path && isatty(STDOUT_FILENO)) {
        return cli_misused("thumbnail", "a JPEG is nothing for a terminal: give --output FILE");
    }
    return run(cli, argv[optind], (uint32_t)edge, path);
}

const struct verb verb_thumbnail = {
    .name = "thumbnail",
    .usage = "situ thumbnail OBJECT [--output FILE] [--edge PIXELS]\n"
             "\n"
             "Writes a small JPEG of a stored image, made on the array, to FILE or stdout.\n",
    .run = verb_run,
};
