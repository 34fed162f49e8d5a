/* SPDX-License-Identifier: Apache-2.0
 *
 * Damaged rows, written again after a new inference. A row that cannot be inferred for now is
 * retried a few times, and then left to the next scrub; searches leave it out meanwhile.
 */
#include "retrieval/repair.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "retrieval/feed.h"
#include "retrieval/index_table.h"
#include "retrieval/retrieval_spec.h"

enum { TRIES = 5, RETRY_MS = 1000 /* doubled with each try */ };

static void drop_first(struct build *build)
{
    build->repair = (struct repair){.tries = 0};
    damaged_rows_drop_first(&build->damaged);
}

/* Does the row exist, and cannot be read? */
static bool is_damaged(struct build *build, const char *key)
{
    struct error error = {.code = ERROR_NONE};
    bool found = false;
    cleanup_free float *row = calloc(index_shape(build->index).dimension, sizeof *row);
    return row && index_get(build->index, key, row, &found, &error) < 0 && error.code == ERROR_IO;
}

static bool is_given_up(void *owner)
{
    return entry_is_ending(owner);
}

static int put_again(struct build *build, const char *key, struct error *error)
{
    const struct retrieval_host *host = &build->entry->retrieval->host;
    cleanup_buffer struct buffer object = BUFFER_INIT;
    cleanup_free float *vector = NULL;
    uint32_t dimension = 0;
    buffer_printf(&object, "%s/%s", build->spec.select.store, key);
    const char *name = buffer_text(&object);
    if (!name) {
        return error_memory(error, NULL);
    }
    struct retrieval_embed_request request = {
        .spec = &build->spec, .object = name, .is_given_up = is_given_up, .owner = build->entry};
    int r = host->embed(host->context, &request, &vector, &dimension, error);
    if (r == 0 && dimension != index_shape(build->index).dimension) {
        r = error_set(error, ERROR_UNFIT, "the embedding has %u values", dimension);
    }
    return r == 0 ? feed_put(build, key, vector, error) : r;
}

static void log_outcome(const struct build *build, const char *key, const struct error *error)
{
    char text[2 * ERROR_MESSAGE_SIZE];
    char reason[2 * ERROR_MESSAGE_SIZE];
    if (error->code == ERROR_NONE) {
        log_event(LOG_LEVEL_INFO, "index_row_repaired", "index=%s key=%s", build->spec.name,
                  log_quote(text, sizeof text, key));
    } else {
        log_event(LOG_LEVEL_WARNING, "index_row_not_repaired", "index=%s key=%s reason=%s",
                  build->spec.name, log_quote(text, sizeof text, key),
                  log_quote(reason, sizeof reason, error->message));
    }
}

bool repair_step(struct build *build)
{
    struct repair *repair = &build->repair;
    struct error error = {.code = ERROR_NONE};
    if (!build->entry->retrieval->host.embed || !retrieval_spec_is_fed(&build->spec) ||
        !feed_is_settled(build) || clock_now_ns() < repair->retry_ns) {
        return false;
    }
    cleanup_free char *key = damaged_rows_first(&build->damaged);
    if (!key) {
        return false;
    }
    if (!is_damaged(build, key)) {
        drop_first(build); /* it was replaced or removed */
        return true;
    }
    int r = put_again(build, key, &error);
    if (r < 0 && entry_is_ending(build->entry)) {
        return false; /* not a failure of the row */
    }
    repair->tries++;
    if (r < 0 && repair->tries < TRIES) {
        repair->retry_ns = clock_now_ns() + ((int64_t)RETRY_MS << repair->tries) * NS_PER_MS;
        return true;
    }
    log_outcome(build, key, &error);
    drop_first(build);
    return true;
}
