/* SPDX-License-Identifier: Apache-2.0
 *
 * situd's configuration: the command line and situd.conf (INI). The command line takes precedence.
 * A configuration that was read is constant.
 */
#ifndef SITU_SERVICE_CONFIG_H
#define SITU_SERVICE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "data/engine_facts.h"
#include "store/settings.h"

enum { CONFIG_LIST_MAX = 64 };

struct config_store {
    char *name; /* owned */
    struct store_settings settings;
    char *exclude;       /* owned; patterns in addition to the defaults, one a line; NULL: none */
    bool keeps_defaults; /* objects that exclusion_default matches are listed and selected, too */
};

struct config {
    struct config_store stores[CONFIG_LIST_MAX];
    size_t store_count;
    char *listen[CONFIG_LIST_MAX]; /* owned; "unix:PATH" or "HOST:PORT" */
    size_t listen_count;
    char *models[CONFIG_LIST_MAX]; /* owned; directories of packages */
    size_t model_count;
    char *preload[CONFIG_LIST_MAX]; /* owned; names of models, NAME or NAME@VERSION */
    size_t preload_count;

    char *file;        /* owned; the configuration file that was read, or NULL */
    char *state;       /* owned */
    char *import_root; /* owned, or NULL */
    char *worker;      /* owned; path of situ-worker */
    const struct engine_facts *engine;
    char *socket_group;
    unsigned socket_mode;
    char *tls_certificate; /* owned; paths of PEM files, or NULL */
    char *tls_key;
    char *token_file;
    char *loopback_users; /* owned; names separated by blanks; NULL: all users */
    bool insecure;
    bool require_sandbox;
    bool check_only;
    bool debug;
    bool access_log;
    char *audit; /* owned; a file, or "journal"; NULL: none */

    uint64_t lanes;         /* 0: cores + 1 */
    uint64_t memory_budget; /* bytes; 0: half of the machine's memory */
    uint64_t worker_memory; /* address space of a worker in bytes; 0: by the model's size */
    uint64_t keep_jobs_s;   /* ended jobs are removed after this time; 0: never */
    uint64_t cache_bytes;   /* size of the result cache's file; 0: no cache */
    uint64_t queue;
    uint64_t connections;
    uint64_t body_bytes;
    uint64_t answer_bytes; /* of all requests together */
    uint64_t package_bytes;
    uint64_t object_ms;
    uint64_t request_ms;
    uint64_t load_ms;
    uint64_t header_ms;
    uint64_t body_ms;
    uint64_t idle_ms;
};

enum config_outcome { CONFIG_RUN, CONFIG_EXIT_OK, CONFIG_EXIT_USAGE };

/* Reads the command line and the file; `--help` and `--version` print and return CONFIG_EXIT_OK. On
 * CONFIG_EXIT_USAGE *error has the cause, with file and line where it came from a file. */
must_check enum config_outcome config_read(int argc, char **argv, struct config *ret_config,
                                           struct error *error);

/* One setting of a section, as in the file. Outside of config.c for tests. */
must_check int config_set(struct config *config, const char *section, const char *name,
                          const char *value, struct error *error);

/* Checks a whole configuration, except its addresses: it serves something, and its files are
 * readable. */
must_check int config_check(const struct config *config, struct error *error);

/* Writes the names of settings that differ and that a reload does not apply (all except stores,
 * tokens, users of loopback addresses, certificates and the audit log), separated by commas,
 * truncated to fit; returns their number. A fresh memory budget of 0 is the default and never
 * differs. */
size_t config_differences(const struct config *running, const struct config *fresh, char *ret_names,
                          size_t size);

/* The limit of all bodies in memory together; it always has room for the body of a control request.
 */
uint64_t config_bodies_bytes(const struct config *config);

void config_done(struct config *config);

#endif
