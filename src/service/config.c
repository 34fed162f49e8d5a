/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings by section and name, from the file and from the command line. Main thread.
 */
#include "service/config.h"

#include <errno.h>
#include <getopt.h>
#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/name.h"
#include "cache/cache.h"
#include "model/package.h"
#include "store/backend.h"
#include "store/exclusion.h"

#define DEFAULT_FILE "/etc/situ/situd.conf"

enum setting_kind {
    SETTING_TEXT,
    SETTING_LIST,
    SETTING_FLAG,
    SETTING_NUMBER,
    SETTING_SECONDS,
    SETTING_DAYS,
    SETTING_BYTES,
    SETTING_BYTES_OR_OFF, /* "off" is 0 */
    SETTING_OCTAL,
    SETTING_ENGINE
};

struct setting {
    const char *section;
    const char *name;
    const char *option; /* command line; NULL: file only */
    enum setting_kind kind;
    bool zero_ok; /* numbers: 0 selects a default; other numbers must be above 0 */
    size_t offset;
    size_t count_offset; /* lists */
};

/* clang-format off */
#define TEXT(section, name, option, field)                                                         \
    {section, name, option, SETTING_TEXT, false, offsetof(struct config, field), 0}
#define FLAG(section, name, option, field)                                                         \
    {section, name, option, SETTING_FLAG, false, offsetof(struct config, field), 0}
#define VALUE(section, name, option, kind, field)                                                  \
    {section, name, option, kind, false, offsetof(struct config, field), 0}
#define CHOICE(section, name, option, kind, field)                                                 \
    {section, name, option, kind, true, offsetof(struct config, field), 0}
/* clang-format on */

static const struct setting settings[] = {
    {"situd", "models", "models", SETTING_LIST, false, offsetof(struct config, models),
     offsetof(struct config, model_count)},
    {"situd", "preload", "preload", SETTING_LIST, false, offsetof(struct config, preload),
     offsetof(struct config, preload_count)},
    TEXT("situd", "state", "state", state),
    TEXT("situd", "import_root", "import-root", import_root),
    TEXT("situd", "worker", "worker", worker),
    VALUE("situd", "engine", "engine", SETTING_ENGINE, engine),
    FLAG("situd", "require_sandbox", "require-sandbox", require_sandbox),
    FLAG("situd", "debug", "debug", debug),
    FLAG("situd", "access_log", "access-log", access_log),
    TEXT("situd", "audit", "audit", audit),
    CHOICE("situd", "lanes", "lanes", SETTING_NUMBER, lanes),
    CHOICE("situd", "memory_budget", "memory-budget", SETTING_BYTES, memory_budget),
    CHOICE("situd", "worker_memory", "worker-memory", SETTING_BYTES, worker_memory),
    {"listen", "address", "listen", SETTING_LIST, false, offsetof(struct config, listen),
     offsetof(struct config, listen_count)},
    VALUE("listen", "socket_mode", "socket-mode", SETTING_OCTAL, socket_mode),
    TEXT("listen", "socket_group", "socket-group", socket_group),
    TEXT("listen", "tls_certificate", "tls-certificate", tls_certificate),
    TEXT("listen", "tls_key", "tls-key", tls_key),
    TEXT("listen", "token_file", "token-file", token_file),
    TEXT("listen", "loopback_users", "loopback-users", loopback_users),
    FLAG("listen", "insecure", "insecure", insecure),
    CHOICE("jobs", "keep", "keep-jobs", SETTING_DAYS, keep_jobs_s),
    CHOICE("results", "size", "cache-size", SETTING_BYTES_OR_OFF, cache_bytes),
    VALUE("limits", "queue", "queue", SETTING_NUMBER, queue),
    VALUE("limits", "connections", "connections", SETTING_NUMBER, connections),
    VALUE("limits", "body_bytes", "body-bytes", SETTING_BYTES, body_bytes),
    VALUE("limits", "answer_bytes", "answer-bytes", SETTING_BYTES, answer_bytes),
    VALUE("limits", "package_bytes", NULL, SETTING_BYTES, package_bytes),
    VALUE("limits", "object_seconds", "object-seconds", SETTING_SECONDS, object_ms),
    VALUE("limits", "request_seconds", "request-seconds", SETTING_SECONDS, request_ms),
    VALUE("limits", "load_seconds", "load-seconds", SETTING_SECONDS, load_ms),
    VALUE("limits", "header_seconds", "header-seconds", SETTING_SECONDS, header_ms),
    VALUE("limits", "body_seconds", "body-seconds", SETTING_SECONDS, body_ms),
    VALUE("limits", "idle_seconds", "idle-seconds", SETTING_SECONDS, idle_ms),
};

enum { SETTING_COUNT = sizeof settings / sizeof settings[0] };

static int bad_value(struct error *error, const struct setting *setting, const char *value,
                     const char *wanted)
{
    return error_set(error, ERROR_MALFORMED, "[%s] %s = %.100s: %s is wanted", setting->section,
                     setting->name, value, wanted);
}

static int set_text(char **place, const char *value, struct error *error)
{
    char *copy = strdup(value);
    if (!copy) {
        return error_memory(error, NULL);
    }
    free(*place);
    *place = copy;
    return 0;
}

/* The factor of the unit after a number, if any; *end is moved past the unit. */
static double scale_of(enum setting_kind kind, char **end)
{
    static const char units[] = "KMGT";
    const char *unit = **end ? strchr(units, **end) : NULL;
    double scale = 1;
    switch (kind) {
    case SETTING_SECONDS:
        return 1000;
    case SETTING_DAYS:
        return 86400;
    case SETTING_BYTES:
    case SETTING_BYTES_OR_OFF:
        for (ptrdiff_t i = 0; unit && i <= unit - units; i++) {
            scale *= 1024;
        }
        *end += unit ? 1 : 0;
        return scale;
    default:
        return scale;
    }
}

static int set_number(uint64_t *place, const struct setting *setting, const char *value,
                      struct error *error)
{
    char *end = NULL;
    errno = 0;
    double number = strtod(value, &end);
    bool bytes = setting->kind == SETTING_BYTES || setting->kind == SETTING_BYTES_OR_OFF;
    bool days = setting->kind == SETTING_DAYS;
    double highest = bytes ? 1e15 : setting->kind == SETTING_SECONDS || days ? 1e10 : 1e6;
    bool is_number = end != value;
    double scale = scale_of(setting->kind, &end);
    if (!is_number || *end != '\0' || errno != 0 || !(number >= 0) || number * scale > highest) {
        return bad_value(error, setting, value,
                         setting->kind == SETTING_SECONDS ? "a number of seconds"
                         : days                           ? "a number of days"
                         : bytes                          ? "a size such as 512M or 4G"
                                                          : "a number");
    }
    *place = (uint64_t)(number * scale);
    bool zero = !(number > 0);
    return *place > 0 || (setting->zero_ok && zero)
               ? 0
               : bad_value(error, setting, value, "more than 0");
}

static int set_flag(bool *place, const struct setting *setting, const char *value,
                    struct error *error)
{
    if (strcmp(value, "yes") == 0 || strcmp(value, "true") == 0 || strcmp(value, "1") == 0) {
        *place = true;
    } else if (strcmp(value, "no") == 0 || strcmp(value, "false") == 0 || strcmp(value, "0") == 0) {
        *place = false;
    } else {
        return bad_value(error, setting, value, "yes or no");
    }
    return 0;
}

static int apply(struct config *config, const struct setting *setting, const char *value,
                 struct error *error)
{
    void *place = (char *)config + setting->offset;
    switch (setting->kind) {
    case SETTING_TEXT:
        return *value ? set_text(place, value, error)
                      : bad_value(error, setting, value, "something");
    case SETTING_FLAG:
        return set_flag(place, setting, value, error);
    case SETTING_OCTAL: {
        char *end = NULL;
        unsigned long mode = strtoul(value, &end, 8);
        if (end == value || *end != '\0' || mode > 0777) {
            return bad_value(error, setting, value, "an octal mode such as 0660");
        }
        *(unsigned *)place = (unsigned)mode;
        return 0;
    }
    case SETTING_LIST: {
        char **list = place;
        size_t *count = (size_t *)(void *)((char *)config + setting->count_offset);
        if (*count == CONFIG_LIST_MAX) {
            return bad_value(error, setting, value, "at most 64 of them");
        }
        return set_text(&list[(*count)++], value, error);
    }
    case SETTING_ENGINE: {
        const struct engine_facts *engine = engine_facts_find(value);
        *(const struct engine_facts **)place = engine;
        return engine ? 0 : engine_facts_unknown(value, error);
    }
    case SETTING_BYTES_OR_OFF:
        if (strcmp(value, "off") == 0) {
            *(uint64_t *)place = 0;
            return 0;
        }
        return set_number(place, setting, value, error);
    default:
        return set_number(place, setting, value, error);
    }
}

/* The store of that name; a new one has the default kind and no settings. */
static int find_store(struct config *config, const char *name, struct config_store **ret_store,
                      struct error *error)
{
    struct error name_error;
    if (name_check(name, "a model name", &name_error) < 0) {
        return error_set(error, ERROR_MALFORMED,
                         "store name '%.80s': 1 to 64 of A-Z a-z 0-9 . _ - are allowed", name);
    }
    for (size_t i = 0; i < config->store_count; i++) {
        if (strcmp(config->stores[i].name, name) == 0) {
            *ret_store = &config->stores[i];
            return 0;
        }
    }
    if (config->store_count == CONFIG_LIST_MAX) {
        return error_set(error, ERROR_TOO_LARGE, "more than %d stores", CONFIG_LIST_MAX);
    }
    *ret_store = &config->stores[config->store_count];
    (*ret_store)->settings.backend = store_backend_at(0);
    int r = set_text(&(*ret_store)->name, name, error);
    config->store_count += r == 0;
    return r;
}

/* A setting of the store's back end. */
static int set_of_backend(struct config_store *store, const char *name, const char *value,
                          struct error *error)
{
    switch (store_settings_set(&store->settings, name, value)) {
    case 0:
        return 0;
    case -ENOENT:
        return error_set(error, ERROR_MALFORMED,
                         "[store %.60s] %.60s is not a setting; see situd.conf(5)", store->name,
                         name);
    case -EEXIST:
        return error_set(error, ERROR_CONFLICT, "store '%s' is given twice", store->name);
    default:
        return error_memory(error, NULL);
    }
}

static int add_exclude(struct config_store *store, const char *pattern, struct error *error)
{
    char *lines = NULL;
    struct error reason;
    struct exclusion *exclusion = NULL;
    if (exclusion_check(pattern, &reason) < 0) {
        return error_set(error, ERROR_MALFORMED, "store '%s': exclude = %.100s: %.200s",
                         store->name, pattern, reason.message);
    }
    if (asprintf(&lines, "%s%s\n", store->exclude ? store->exclude : "", pattern) < 0) {
        return error_memory(error, NULL);
    }
    free(store->exclude);
    store->exclude = lines;
    cleanup_free char *all = NULL;
    if (asprintf(&all, "%s%s", exclusion_default, lines) < 0) {
        all = NULL;
        return error_memory(error, NULL);
    }
    int r = exclusion_new(all, NULL, &exclusion, &reason); /* refuses too many patterns */
    exclusion_free(exclusion);
    return r == 0 ? 0
                  : error_set(error, ERROR_MALFORMED, "store '%s': exclude: %.200s", store->name,
                              reason.message);
}

/* Settings of a section [store NAME]. */
static int set_store(struct config *config, const char *store_name, const char *name,
                     const char *value, struct error *error)
{
    struct config_store *store = NULL;
    struct setting setting = {.section = "store NAME", .name = name};
    int r = find_store(config, store_name, &store, error);
    if (r < 0 || !store) {
        return r;
    }
    if (strcmp(name, "kind") == 0) {
        return store_settings_choose(&store->settings, value, error);
    }
    if (strcmp(name, "exclude") == 0) {
        return add_exclude(store, value, error);
    }
    if (strcmp(name, "exclude_defaults") == 0) {
        bool defaults = true;
        r = set_flag(&defaults, &setting, value, error);
        store->keeps_defaults = !defaults;
        return r;
    }
    return set_of_backend(store, name, value, error);
}

int config_set(struct config *config, const char *section, const char *name, const char *value,
               struct error *error)
{
    if (strncmp(section, "store ", 6) == 0) {
        return set_store(config, section + 6, name, value, error);
    }
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (strcmp(settings[i].section, section) == 0 && strcmp(settings[i].name, name) == 0) {
            return apply(config, &settings[i], value, error);
        }
    }
    return error_set(error, ERROR_MALFORMED, "[%.60s] %.60s is not a setting; see situd.conf(5)",
                     section, name);
}

struct reading {
    struct config *config;
    struct error *error;
    const bool *on_command_line; /* by setting: the file does not override these */
    bool stores_on_command_line;
};

static int on_line(void *user, const char *section, const char *name, const char *value)
{
    struct reading *reading = user;
    if (reading->error->code != ERROR_NONE) {
        return 0; /* the first error is reported, with its line */
    }
    if (reading->stores_on_command_line && strncmp(section, "store ", 6) == 0) {
        return 1;
    }
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (reading->on_command_line[i] && strcmp(settings[i].section, section) == 0 &&
            strcmp(settings[i].name, name) == 0) {
            return 1;
        }
    }
    return config_set(reading->config, section, name, value, reading->error) == 0;
}

static int read_file(struct reading *reading, const char *path)
{
    struct error inner = {0};
    struct error *outer = reading->error;
    reading->error = &inner;
    int line = ini_parse(path, on_line, reading);
    if (line == 0) {
        return set_text(&reading->config->file, path, outer);
    }
    if (line < 0) {
        char text[64];
        return error_set(outer, ERROR_NOT_FOUND, "%s: %s", path,
                         error_text(errno, text, sizeof text));
    }
    return error_set(outer, ERROR_MALFORMED, "%s:%d: %.300s", path, line,
                     inner.message[0] ? inner.message : "not `name = value`");
}

static void print_help(void)
{
    (void)printf("usage: situd --store NAME=DIRECTORY [--models DIRECTORY] [options]\n"
                 "       situd --config FILE\n\n"
                 "Runs DNN inference on stored objects in the storage node. Options:\n");
    for (size_t i = 0; store_backend_at(i); i++) {
        const struct store_backend *backend = store_backend_at(i);
        if (backend->help) {
            (void)printf("  --store NAME=%-12s %s as store NAME (repeatable)\n", backend->argument,
                         backend->help);
        }
    }
    (void)printf("  --models DIRECTORY        serve its model packages (repeatable)\n"
                 "  --preload MODEL           load it at startup and keep it loaded (repeatable)\n"
                 "  --state DIRECTORY         for added models, jobs, indexes and the cache\n"
                 "  --listen ADDRESS          listen on unix:PATH or HOST:PORT (repeatable)\n"
                 "  --socket-mode MODE, --socket-group GROUP\n"
                 "  --tls-certificate FILE --tls-key FILE --token-file FILE, or --insecure:\n"
                 "                            required for addresses other than loopback\n"
                 "  --loopback-users NAMES    whom loopback addresses serve without a token\n"
                 "  --import-root DIRECTORY   let clients add models from paths below it\n"
                 "  --require-sandbox         refuse to run workers without Landlock and seccomp\n"
                 "  --lanes N, --memory-budget SIZE, --worker-memory SIZE, --queue N,\n"
                 "  --connections N, --body-bytes SIZE, --answer-bytes SIZE, --object-seconds S,\n"
                 "  --request-seconds S, --load-seconds S, --header-seconds S, --body-seconds S,\n"
                 "  --idle-seconds S\n"
                 "  --keep-jobs DAYS          remove ended jobs after this time; 0: never\n"
                 "  --cache-size SIZE         maximum size of the result cache; 0: no cache\n"
                 "  --worker FILE, --engine NAME\n"
                 "  --config FILE             default: " DEFAULT_FILE ", if it exists\n"
                 "  --check                   check the configuration and exit\n"
                 "  --audit FILE              log refusals and changes there; or journal\n"
                 "  --access-log, --debug, --version, --help\n\n"
                 "See situd(8) and situd.conf(5).\n");
}

static void set_defaults(struct config *config)
{
    *config = (struct config){
        .socket_mode = 0660,
        .keep_jobs_s = LIMIT_JOB_KEEP_S,
        .cache_bytes = CACHE_LIMIT_BYTES_DEFAULT,
        .queue = LIMIT_QUEUE,
        .connections = LIMIT_CONNECTIONS,
        .body_bytes = LIMIT_BODY_BYTES,
        .answer_bytes = LIMIT_ANSWER_BYTES,
        .package_bytes = LIMIT_PACKAGE_BYTES,
        .object_ms = LIMIT_OBJECT_MS,
        .request_ms = LIMIT_REQUEST_MS,
        .load_ms = LIMIT_LOAD_MS,
        .header_ms = LIMIT_HEADER_MS,
        .body_ms = LIMIT_BODY_MS,
        .idle_ms = LIMIT_IDLE_MS,
        .engine = engine_facts_at(0),
    };
}

/* In a build tree the worker is next to situd; otherwise it is at its installed path. */
static int default_worker(struct config *config, struct error *error)
{
    if (config->worker) {
        return 0;
    }
    char self[4096];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    if (size > 0) { /* in a build tree situ-worker is in the directory of its room */
        self[size] = '\0';
        char *slash = strrchr(self, '/');
        *slash = '\0';
        char *beside = NULL;
        if (asprintf(&beside, "%s/../worker/situ-worker", self) > 0 && access(beside, X_OK) == 0) {
            config->worker = beside;
            return 0;
        }
        free(beside);
    }
    return set_text(&config->worker, SITU_WORKER_PATH, error);
}

static int default_state(struct config *config, struct error *error)
{
    if (config->state) {
        return 0;
    }
    if (geteuid() == 0) {
        return set_text(&config->state, "/var/lib/situ", error);
    }
    /* NOLINTBEGIN(concurrency-mt-unsafe): before any thread */
    const char *given = getenv("STATE_DIRECTORY");
    const char *base = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    /* NOLINTEND(concurrency-mt-unsafe) */
    char path[4096];
    if (given && *given) {
        return set_text(&config->state, given, error);
    }
    if (base && *base) {
        (void)snprintf(path, sizeof path, "%s/situ", base);
    } else if (home && *home) {
        (void)snprintf(path, sizeof path, "%s/.local/state/situ", home);
    } else {
        return error_set(error, ERROR_MALFORMED, "no place for the state: give --state DIRECTORY");
    }
    return set_text(&config->state, path, error);
}

enum { OPTION_STORE = 1000, OPTION_CONFIG, OPTION_CHECK, OPTION_HELP, OPTION_VERSION };

static size_t make_options(struct option *options)
{
    size_t count = 0;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (settings[i].option) {
            options[count++] = (struct option){
                settings[i].option,
                settings[i].kind == SETTING_FLAG ? no_argument : required_argument, NULL, (int)i};
        }
    }
    options[count++] = (struct option){"store", required_argument, NULL, OPTION_STORE};
    options[count++] = (struct option){"config", required_argument, NULL, OPTION_CONFIG};
    options[count++] = (struct option){"check", no_argument, NULL, OPTION_CHECK};
    options[count++] = (struct option){"help", no_argument, NULL, OPTION_HELP};
    options[count++] = (struct option){"version", no_argument, NULL, OPTION_VERSION};
    options[count] = (struct option){0};
    return count;
}

static int add_store_argument(struct config *config, const char *argument, struct error *error)
{
    const char *equals = argument ? strchr(argument, '=') : NULL;
    if (!equals || equals == argument || equals[1] == '\0') {
        return error_set(error, ERROR_MALFORMED,
                         "--store %.200s: must be NAME=DIRECTORY, for example photos=/srv/photos",
                         argument);
    }
    char name[128];
    (void)snprintf(name, sizeof name, "%.*s", (int)(equals - argument), argument);
    struct config_store *store = NULL;
    struct store_settings given;
    size_t before = config->store_count;
    int r = find_store(config, name, &store, error);
    if (r < 0 || !store) {
        return r;
    }
    if (config->store_count == before) {
        return error_set(error, ERROR_CONFLICT, "store '%s' is given twice", name);
    }
    r = store_settings_read(equals + 1, &given, error);
    if (r == 0) {
        store->settings = given;
    }
    return r;
}

static enum config_outcome read_arguments(int argc, char **argv, struct reading *reading,
                                          bool *on_command_line, const char **ret_file)
{
    struct option options[SETTING_COUNT + 6];
    struct config *config = reading->config;
    (void)make_options(options);
    opterr = 0;
    optind = 0; /* restart: a reload parses the command line again */
    for (;;) {
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): the main thread only */
        int c = getopt_long(argc, argv, "", options, NULL);
        if (c == -1) {
            break;
        }
        int r = 0;
        if (c == OPTION_HELP) {
            print_help();
            return CONFIG_EXIT_OK;
        }
        if (c == OPTION_VERSION) {
            (void)printf("situd %s\n", SITU_VERSION);
            return CONFIG_EXIT_OK;
        }
        if (c == OPTION_STORE) {
            reading->stores_on_command_line = true;
            r = add_store_argument(config, optarg, reading->error);
        } else if (c == OPTION_CONFIG) {
            *ret_file = optarg;
        } else if (c == OPTION_CHECK) {
            config->check_only = true;
        } else if (c >= 0 && c < SETTING_COUNT) {
            on_command_line[c] = true;
            r = apply(config, &settings[c], optarg ? optarg : "yes", reading->error);
        } else {
            r = error_set(reading->error, ERROR_MALFORMED,
                          "unknown or incomplete option %.100s; see situd --help",
                          argv[optind - 1]);
        }
        if (r < 0) {
            return CONFIG_EXIT_USAGE;
        }
    }
    if (optind < argc) {
        (void)error_set(reading->error, ERROR_MALFORMED, "unexpected argument '%.100s'",
                        argv[optind]);
        return CONFIG_EXIT_USAGE;
    }
    return CONFIG_RUN;
}

enum config_outcome config_read(int argc, char **argv, struct config *ret_config,
                                struct error *error)
{
    bool on_command_line[SETTING_COUNT] = {false};
    struct reading reading = {
        .config = ret_config, .error = error, .on_command_line = on_command_line};
    const char *file = NULL;
    set_defaults(ret_config);
    enum config_outcome outcome = read_arguments(argc, argv, &reading, on_command_line, &file);
    if (outcome != CONFIG_RUN) {
        return outcome;
    }
    if (!file && !reading.stores_on_command_line && access(DEFAULT_FILE, F_OK) == 0) {
        file = DEFAULT_FILE;
    }
    if ((file && read_file(&reading, file) < 0) || default_worker(ret_config, error) < 0 ||
        default_state(ret_config, error) < 0) {
        return CONFIG_EXIT_USAGE;
    }
    return CONFIG_RUN;
}

static int check_readable(const char *path, const char *what, struct error *error)
{
    char text[64];
    if (path && access(path, R_OK) < 0) {
        return error_set(error, ERROR_NOT_FOUND, "%s %s: %s", what, path,
                         error_text(errno, text, sizeof text));
    }
    return 0;
}

/* A store that is missing now may be mounted later, and is served then. */
static void warn_of_stores(const struct config *config)
{
    for (size_t i = 0; i < config->store_count; i++) {
        struct error error = {.code = ERROR_NONE};
        const struct store_settings *given = &config->stores[i].settings;
        if (given->backend->check(given, true, &error) < 0) {
            (void)fprintf(stderr, "situd: warning: store '%s': %s\n", config->stores[i].name,
                          error.message);
        }
    }
}

static int check_files(const struct config *config, struct error *error)
{
    const struct {
        const char *path;
        const char *what;
    } files[] = {
        {config->tls_certificate, "TLS certificate"},
        {config->tls_key, "TLS key"},
        {config->token_file, "token file"},
    };
    int r = 0;
    for (size_t i = 0; i < config->model_count && r == 0; i++) {
        r = check_readable(config->models[i], "model directory", error);
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0] && r == 0; i++) {
        r = check_readable(files[i].path, files[i].what, error);
    }
    return r;
}

int config_check(const struct config *config, struct error *error)
{
    if (config->store_count == 0 && config->model_count == 0) {
        return error_set(error, ERROR_MALFORMED,
                         "nothing to serve: give --store NAME=DIRECTORY (or --config FILE)");
    }
    for (size_t i = 0; i < config->store_count; i++) {
        struct error fault = {.code = ERROR_NONE};
        const struct store_settings *given = &config->stores[i].settings;
        if (given->backend->check(given, false, &fault) < 0) {
            return error_set(error, fault.code, "store '%s' %.400s", config->stores[i].name,
                             fault.message);
        }
    }
    if (config->lanes >= LIMIT_LANES) {
        return error_set(error, ERROR_MALFORMED, "lanes: at most %u", LIMIT_LANES - 1);
    }
    if (config->check_only) {
        warn_of_stores(config);
    }
    int r = check_files(config, error);
    if (r < 0) {
        return r;
    }
    if (access(config->worker, X_OK) < 0) {
        return error_set(error, ERROR_NOT_FOUND, "worker program %s is not there: give --worker",
                         config->worker);
    }
    if (!config->tls_certificate != !config->tls_key) {
        return error_set(error, ERROR_MALFORMED,
                         "tls_certificate and tls_key go together: one of them is missing");
    }
    return 0;
}

static bool same_text(const char *a, const char *b)
{
    return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

static bool same_list(char *const *a, char *const *b, size_t count_a, size_t count_b)
{
    bool same = count_a == count_b;
    for (size_t i = 0; i < count_a && same; i++) {
        same = same_text(a[i], b[i]);
    }
    return same;
}

static const void *field(const struct config *config, size_t offset)
{
    return (const char *)config + offset;
}

static bool same_setting(const struct setting *setting, const struct config *a,
                         const struct config *b)
{
    const void *left = field(a, setting->offset);
    const void *right = field(b, setting->offset);
    switch (setting->kind) {
    case SETTING_TEXT:
        return same_text(*(char *const *)left, *(char *const *)right);
    case SETTING_LIST:
        return same_list(left, right, *(const size_t *)field(a, setting->count_offset),
                         *(const size_t *)field(b, setting->count_offset));
    case SETTING_FLAG:
        return *(const bool *)left == *(const bool *)right;
    case SETTING_OCTAL:
        return *(const unsigned *)left == *(const unsigned *)right;
    case SETTING_ENGINE:
        return *(const struct engine_facts *const *)left ==
               *(const struct engine_facts *const *)right;
    default:
        return *(const uint64_t *)left == *(const uint64_t *)right;
    }
}

static bool is_reloaded(const struct setting *setting)
{
    return setting->offset == offsetof(struct config, token_file) ||
           setting->offset == offsetof(struct config, audit) ||
           setting->offset == offsetof(struct config, loopback_users) ||
           setting->offset == offsetof(struct config, tls_certificate) ||
           setting->offset == offsetof(struct config, tls_key);
}

size_t config_differences(const struct config *running, const struct config *fresh, char *ret_names,
                          size_t size)
{
    size_t count = 0;
    size_t used = 0;
    ret_names[0] = '\0';
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        bool budget = settings[i].offset == offsetof(struct config, memory_budget);
        if (is_reloaded(&settings[i]) || (budget && fresh->memory_budget == 0) ||
            same_setting(&settings[i], running, fresh)) {
            continue;
        }
        count++;
        int more =
            snprintf(ret_names + used, size - used, "%s%s", used > 0 ? "," : "", settings[i].name);
        used += more > 0 && (size_t)more < size - used ? (size_t)more : 0;
    }
    return count;
}

uint64_t config_bodies_bytes(const struct config *config)
{
    uint64_t bytes = config->body_bytes * 4;
    return bytes > LIMIT_JSON_BYTES ? bytes : LIMIT_JSON_BYTES;
}

void config_done(struct config *config)
{
    for (size_t i = 0; i < CONFIG_LIST_MAX; i++) {
        free(config->stores[i].name);
        store_settings_done(&config->stores[i].settings);
        free(config->stores[i].exclude);
        free(config->listen[i]);
        free(config->models[i]);
        free(config->preload[i]);
    }
    free(config->file);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (settings[i].kind == SETTING_TEXT) {
            char **text = (char **)(void *)((char *)config + settings[i].offset);
            free(*text);
        }
    }
    *config = (struct config){0};
}
