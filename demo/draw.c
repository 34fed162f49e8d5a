/* SPDX-License-Identifier: Apache-2.0
 *
 * situ-draw: draws pictures of a dozen kinds of scenes and textures, with which the demonstration's
 * model is trained and tested, and large photos for measurements. Reads the command line, writes
 * the files. One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "draw_canvas.h"
#include "draw_kinds.h"
#include "draw_picture.h"

enum { EXIT_USAGE = 2, PATH_SIZE = 4096, COUNT_MAX = 10000000 };

struct options {
    struct picture_plan plan;
    uint64_t count;
    const char *out;    /* borrowed from the command line, as `labels` is */
    const char *labels; /* NULL: none */
    bool folders;
};

static const char help[] =
    "usage: situ-draw [--out DIR] [--count N] [--seed S] [--size WxH|MIN-MAX] [--kind KIND]\n"
    "                 [--folders] [--labels FILE.tsv] [--large]\n"
    "       situ-draw --list-kinds\n"
    "\n"
    "Draws pictures as DIR/KIND-NUMBER.jpg; the same seed gives the same pictures.\n"
    "\n"
    "  --out DIR         the folder, created if it is missing (pictures)\n"
    "  --count N         number of pictures, of all kinds in turn (12)\n"
    "  --seed S          seed of the random choices (1)\n"
    "  --size WxH        all of one size, in pixels\n"
    "  --size MIN-MAX    random sizes, the longer edge within these (320-640)\n"
    "  --kind KIND       only this kind\n"
    "  --folders         a folder for each kind: DIR/KIND/KIND-NUMBER.jpg\n"
    "  --labels FILE     writes a line `file<TAB>kind` for each picture\n"
    "  --large           photos of 4000 x 3000 pixels, 3.5 to 4.5 MB each\n";

/* Reads the decimal number at *text and moves *text past it; false if there is no number up to
 * `limit`. */
static bool take_number(const char **text, uint64_t limit, uint64_t *ret_value)
{
    char *end = NULL;

    if (**text < '0' || **text > '9') {
        return false;
    }
    errno = 0;
    unsigned long long value = strtoull(*text, &end, 10);
    if (errno != 0 || value > limit) {
        return false;
    }
    *text = end;
    *ret_value = value;
    return true;
}

static int parse_number(const char *name, const char *text, uint64_t limit, uint64_t *ret_value,
                        struct error *error)
{
    const char *rest = text;

    if (!take_number(&rest, limit, ret_value) || *rest != '\0') {
        return error_set(error, ERROR_MALFORMED, "%s: '%s' is not a number up to %llu", name, text,
                         (unsigned long long)limit);
    }
    return 0;
}

static int parse_size(const char *text, struct picture_plan *plan, struct error *error)
{
    const char *rest = text;
    uint64_t first = 0;
    uint64_t second = 0;
    char between = '\0';
    bool good = take_number(&rest, CANVAS_EDGE_MAX, &first);

    if (good) {
        between = *rest;
        good = between == 'x' || between == '-';
    }
    if (good) {
        rest++;
        good = take_number(&rest, CANVAS_EDGE_MAX, &second) && *rest == '\0';
    }
    if (!good || first < PICTURE_EDGE_MIN || second < PICTURE_EDGE_MIN ||
        (between == '-' && first > second)) {
        return error_set(error, ERROR_MALFORMED,
                         "--size: '%s' is neither WIDTHxHEIGHT nor MIN-MAX within %d to %d", text,
                         PICTURE_EDGE_MIN, CANVAS_EDGE_MAX);
    }
    if (between == 'x') {
        plan->width = (int)first;
        plan->height = (int)second;
    } else {
        plan->edge_min = (int)first;
        plan->edge_max = (int)second;
    }
    return 0;
}

static int parse_kind(const char *text, struct picture_plan *plan, struct error *error)
{
    plan->kind = kind_find(text);
    if (plan->kind < 0) {
        return error_set(error, ERROR_NOT_FOUND, "--kind: no kind '%s'; --list-kinds shows them",
                         text);
    }
    return 0;
}

static void print_kinds(void)
{
    for (int i = 0; i < KIND_COUNT; i++) {
        (void)puts(kind_at(i)->name);
    }
}

/* 0, a negative errno, or 1 if nothing is left to do. */
static int parse_option(int option, const char *value, struct options *options, struct error *error)
{
    switch (option) {
    case 'c':
        return parse_number("--count", value, COUNT_MAX, &options->count, error);
    case 's':
        return parse_number("--seed", value, UINT64_MAX, &options->plan.seed, error);
    case 'z':
        return parse_size(value, &options->plan, error);
    case 'k':
        return parse_kind(value, &options->plan, error);
    case 'o':
        options->out = value;
        return 0;
    case 't':
        options->labels = value;
        return 0;
    case 'f':
        options->folders = true;
        return 0;
    case 'L':
        options->plan.large = true;
        return 0;
    case 'K':
        print_kinds();
        return 1;
    case 'h':
        (void)fputs(help, stdout);
        return 1;
    default:
        return error_set(error, ERROR_MALFORMED, "see situ-draw --help");
    }
}

static int parse_options(int argc, char **argv, struct options *options, struct error *error)
{
    static const struct option names[] = {
        {"count", required_argument, NULL, 'c'},
        {"seed", required_argument, NULL, 's'},
        {"size", required_argument, NULL, 'z'},
        {"kind", required_argument, NULL, 'k'},
        {"out", required_argument, NULL, 'o'},
        {"labels", required_argument, NULL, 't'},
        {"folders", no_argument, NULL, 'f'},
        {"large", no_argument, NULL, 'L'},
        {"list-kinds", no_argument, NULL, 'K'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };

    for (;;) {
        /* The program has one thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
        int option = getopt_long(argc, argv, "", names, NULL);
        if (option < 0) {
            break;
        }
        int r = parse_option(option, optarg, options, error);
        if (r != 0) {
            return r;
        }
    }
    if (optind < argc) {
        return error_set(error, ERROR_MALFORMED, "'%s' is not an option; see situ-draw --help",
                         argv[optind]);
    }
    return 0;
}

static int io_error(struct error *error, const char *path)
{
    char text[128];
    int errnum = errno;

    return error_set(error, ERROR_IO, "%s: %s", path, error_text(errnum, text, sizeof(text)));
}

static int make_folder(const char *path, struct error *error)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        return io_error(error, path);
    }
    return 0;
}

static int write_file(const char *path, const uint8_t *bytes, size_t size, struct error *error)
{
    cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    if (fd < 0) {
        return io_error(error, path);
    }
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0) {
            return io_error(error, path);
        }
        bytes += written;
        size -= (size_t)written;
    }
    return 0;
}

/* "KIND-NUMBER.jpg" or "KIND/KIND-NUMBER.jpg", as written into the table of labels. */
static void name_file(const struct options *options, uint64_t number, char *name, size_t size)
{
    const char *kind = kind_at(picture_kind(&options->plan, number))->name;

    (void)snprintf(name, size, "%s%s%s-%05llu.jpg", options->folders ? kind : "",
                   options->folders ? "/" : "", kind, (unsigned long long)number);
}

static int draw_one(const struct options *options, uint64_t number, FILE *labels,
                    struct error *error)
{
    cleanup_free uint8_t *bytes = NULL;
    size_t size = 0;
    char name[128];
    char path[PATH_SIZE];

    name_file(options, number, name, sizeof(name));
    int length = snprintf(path, sizeof(path), "%s/%s", options->out, name);
    if (length < 0 || (size_t)length >= sizeof(path)) {
        return error_set(error, ERROR_MALFORMED, "--out: the path is too long");
    }
    int r = picture_draw(&options->plan, number, &bytes, &size, error);
    if (r != 0) {
        return r;
    }
    r = write_file(path, bytes, size, error);
    if (r != 0 || !labels) {
        return r;
    }
    const char *kind = kind_at(picture_kind(&options->plan, number))->name;
    return fprintf(labels, "%s\t%s\n", name, kind) < 0 ? io_error(error, options->labels) : 0;
}

static int make_folders(const struct options *options, struct error *error)
{
    int r = make_folder(options->out, error);

    for (int i = 0; r == 0 && options->folders && i < KIND_COUNT; i++) {
        char path[PATH_SIZE];
        int length = snprintf(path, sizeof(path), "%s/%s", options->out, kind_at(i)->name);

        if (length < 0 || (size_t)length >= sizeof(path)) {
            return error_set(error, ERROR_MALFORMED, "--out: the path is too long");
        }
        if (options->plan.kind < 0 || options->plan.kind == i) {
            r = make_folder(path, error);
        }
    }
    return r;
}

static int draw_all(const struct options *options, struct error *error)
{
    FILE *labels = NULL;
    int r = make_folders(options, error);

    if (r == 0 && options->labels) {
        labels = fopen(options->labels, "we");
        if (!labels) {
            r = io_error(error, options->labels);
        }
    }
    for (uint64_t number = 0; r == 0 && number < options->count; number++) {
        r = draw_one(options, number, labels, error);
    }
    if (labels && fclose(labels) != 0 && r == 0) {
        r = io_error(error, options->labels);
    }
    return r;
}

int main(int argc, char **argv)
{
    struct options options = {
        .plan = {.seed = 1, .kind = -1, .edge_min = 320, .edge_max = 640},
        .count = KIND_COUNT,
        .out = "pictures",
    };
    struct error error = {0};
    int r = parse_options(argc, argv, &options, &error);

    if (r == 0) {
        r = draw_all(&options, &error);
        if (r == 0) {
            return EXIT_SUCCESS;
        }
        (void)fprintf(stderr, "situ-draw: %s\n", error.message);
        return EXIT_FAILURE;
    }
    if (r < 0) {
        (void)fprintf(stderr, "situ-draw: %s\n", error.message);
        return EXIT_USAGE;
    }
    return EXIT_SUCCESS;
}
