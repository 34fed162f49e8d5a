/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs on the main thread, which waits for signals; requests are served meanwhile.
 */
#include "daemon/reload.h"

#include <stdio.h>

#include "api/api.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/listen.h"

/* A part that accepts changes while situd runs. `fresh` is the new configuration, checked; it is
 * freed after the call, so a part copies what it keeps. On an error, which is logged, the part
 * keeps its previous state, and the other parts are still called. */
struct reload_part {
    const char *name;
    int (*reload)(struct api *api, const struct config *fresh, struct error *error);
};

static int reload_stores(struct api *api, const struct config *fresh, struct error *error)
{
    return service_reload_stores(api->service, fresh, error);
}

static const struct reload_part parts[] = {
    {"tokens", api_load_tokens},
    {"loopback_users", api_load_users},
    {"certificates", api_reload_certificates},
    {"stores", reload_stores},
    {"audit", api_open_audit},
};

static void log_failure(const char *part, const struct error *error)
{
    char quoted[ERROR_MESSAGE_SIZE + 64];
    log_event(LOG_LEVEL_ERROR, "reload_failed", "part=%s reason=%s", part,
              log_quote(quoted, sizeof quoted, error->message));
}

/* With Type=notify-reload in the unit, `systemctl reload` waits for READY=1. */
static void notify_reloading(void)
{
    char text[64];
    (void)snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld",
                   (long long)(clock_now_ns() / 1000));
    listen_notify(text);
}

void reload(struct api *api, int argc, char **argv)
{
    struct config fresh = {0};
    struct error error = {0};
    unsigned failed = 0;
    notify_reloading();
    if (config_read(argc, argv, &fresh, &error) != CONFIG_RUN || config_check(&fresh, &error) < 0 ||
        listen_check_config(&fresh, &error) < 0) {
        log_failure("configuration", &error);
        failed++;
    } else {
        char names[256];
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
            struct error cause = {0};
            if (parts[i].reload(api, &fresh, &cause) < 0) {
                log_failure(parts[i].name, &cause);
                failed++;
            }
        }
        if (config_differences(&api->service->config, &fresh, names, sizeof names) > 0) {
            log_event(LOG_LEVEL_WARNING, "restart_needed", "settings=%s", names);
        }
    }
    config_done(&fresh);
    log_event(LOG_LEVEL_INFO, "reloaded", "failed=%u", failed);
    listen_notify("READY=1");
}
