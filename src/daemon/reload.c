/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs on the main thread, which waits for signals; requests go on beside it.
 */
#include "daemon/reload.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/listen.h"
#include "daemon/secrets.h"

/* A part that takes changes while situd runs. `fresh` is the configuration as it is now, checked;
 * it ends with the call, so what is kept of it is copied. On an error, which is logged, the part
 * goes on with what it had; the others are asked all the same. */
struct reload_part {
    const char *name;
    int (*reload)(struct service *service, const struct config *fresh, struct error *error);
};

static int reload_tokens(struct service *service, const struct config *fresh, struct error *error)
{
    return secrets_load_tokens(&service->secrets, fresh, error);
}

static int reload_certificates(struct service *service, const struct config *fresh,
                               struct error *error)
{
    cleanup_buffer struct buffer certificate = BUFFER_INIT;
    cleanup_buffer struct buffer key = BUFFER_INIT;
    int r = secrets_read_tls(fresh, true, &certificate, &key, error);
    if (r < 0 || certificate.size == 0) {
        return r;
    }
    return http_server_certify(service->http, certificate.data, key.data, error);
}

static int cache_store(void *context, struct store *store, const char *name, struct error *error)
{
    struct service *service = context;
    if (!service->cache || reuse_add_store(service->cache, store, name) == 0) {
        return 0;
    }
    return error_set(error, ERROR_INTERNAL, "store '%s': no place in the result cache", name);
}

static int reload_stores(struct service *service, const struct config *fresh, struct error *error)
{
    struct stores_hooks hooks = {.added = cache_store, .context = service};
    return stores_reload(service->stores, fresh, &hooks, error);
}

static const struct reload_part parts[] = {
    {"tokens", reload_tokens},
    {"certificates", reload_certificates},
    {"stores", reload_stores},
};

static void log_failure(const char *part, const struct error *error)
{
    char quoted[ERROR_MESSAGE_SIZE + 64];
    log_event(LOG_LEVEL_ERROR, "reload_failed", "part=%s reason=%s", part,
              log_quote(quoted, sizeof quoted, error->message));
}

/* systemd holds `systemctl reload` back until READY=1 where the unit says Type=notify-reload. */
static void notify_reloading(void)
{
    char text[64];
    (void)snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld",
                   (long long)(clock_now_ns() / 1000));
    listen_notify(text);
}

void reload(struct service *service, int argc, char **argv)
{
    struct config fresh = {0};
    struct error error = {0};
    unsigned failed = 0;
    notify_reloading();
    if (config_read(argc, argv, &fresh, &error) != CONFIG_RUN || config_check(&fresh, &error) < 0) {
        log_failure("configuration", &error);
        failed++;
    } else {
        char names[256];
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
            struct error cause = {0};
            if (parts[i].reload(service, &fresh, &cause) < 0) {
                log_failure(parts[i].name, &cause);
                failed++;
            }
        }
        if (config_differences(&service->config, &fresh, names, sizeof names) > 0) {
            log_event(LOG_LEVEL_WARNING, "restart_needed", "settings=%s", names);
        }
    }
    config_done(&fresh);
    log_event(LOG_LEVEL_INFO, "reloaded", "failed=%u", failed);
    listen_notify("READY=1");
}
