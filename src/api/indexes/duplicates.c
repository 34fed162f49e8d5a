/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /v1/indexes/INDEX/duplicates: a line for each group, once all are found. Runs on a task
 * thread, for minutes; it ends when the client leaves.
 */
#include <errno.h>
#include <string.h>

#include "api/call.h"
#include "api/indexes/indexes.h"
#include "api/line_stream.h"
#include "base/clock.h"
#include "base/json_write.h"
#include "base/log.h"
#include "data/object_name.h"
#include "service/duplicates.h"
#include "wire/search_request.h"
#include "wire/search_response.h"

enum {
    AT_ONCE = 2, /* such requests: each uses a core for minutes */
    SEND_BYTES = 64 << 10,
};

#define MIN_SCORE 0.98
#define PROGRESS_NS NS_PER_S

struct listing {
    struct retrieval_use *use;     /* owned */
    struct retrieval_reach reach;  /* owned; what the caller may see */
    struct duplicates *duplicates; /* owned */
    struct line_stream *stream;    /* borrowed */
    bool progress;                 /* with lines of progress */
    int64_t progress_ns;           /* when the last one was written */
    struct buffer lines;
    struct buffer line;       /* of the group that is being written */
    struct json_writer group; /* over the line */
    size_t members;           /* in it */
    uint64_t group_count;     /* lines of groups */
};

static void listing_done(struct listing *listing)
{
    duplicates_free(listing->duplicates);
    retrieval_reach_done(&listing->reach);
    retrieval_use_free(listing->use);
    buffer_done(&listing->lines);
    buffer_done(&listing->line);
}

static int on_progress(void *context, uint64_t objects)
{
    struct listing *listing = context;
    int64_t now_ns = clock_now_ns();
    if (!line_stream_is_open(listing->stream)) {
        return -EPIPE;
    }
    if (!listing->progress || now_ns - listing->progress_ns < PROGRESS_NS) {
        return 0;
    }
    listing->progress_ns = now_ns;
    buffer_printf(&listing->lines, "{\"progress\":{\"objects\":%llu}}\n",
                  (unsigned long long)objects);
    return line_stream_send(listing->stream, &listing->lines);
}

/* ---- groups ---- */

static int end_group(struct listing *listing)
{
    if (listing->members > 1) {
        json_end_array(&listing->group);
        json_end_object(&listing->group);
        buffer_append(&listing->lines, listing->line.data, listing->line.size);
        buffer_append_char(&listing->lines, '\n');
        listing->group_count++;
    }
    listing->members = 0;
    buffer_clear(&listing->line);
    return listing->lines.size >= SEND_BYTES ? line_stream_send(listing->stream, &listing->lines)
                                             : buffer_ok(&listing->line);
}

static int on_member(void *context, const struct duplicates_member *member)
{
    struct listing *listing = context;
    struct json_writer *w = &listing->group;
    cleanup_buffer struct buffer name = BUFFER_INIT;
    int r = member->is_first ? end_group(listing) : 0;
    if (r < 0) {
        return r;
    }
    retrieval_use_name(listing->use, member->key, &name);
    const char *text = buffer_text(&name);
    if (!text) {
        return -ENOMEM;
    }
    if (listing->members++ == 0) {
        *w = JSON_WRITER(&listing->line);
        json_begin_object(w, NULL);
        json_begin_array(w, "group");
    }
    json_begin_object(w, NULL);
    object_name_put(w, "object", text);
    search_response_number(w, "score", member->score);
    json_end_object(w);
    return 0;
}

static int write_groups(struct listing *listing)
{
    int r = duplicates_each(listing->duplicates, on_member, listing);
    if (r == 0) {
        r = end_group(listing);
    }
    if (r < 0) {
        return r;
    }
    uint64_t damaged = duplicates_damaged(listing->duplicates);
    struct json_writer w = JSON_WRITER(&listing->lines);
    json_begin_object(&w, NULL);
    json_begin_object(&w, "done");
    json_put_unsigned(&w, "objects", duplicates_objects(listing->duplicates));
    json_put_unsigned(&w, "groups", listing->group_count);
    if (damaged > 0) {
        json_put_unsigned(&w, "damaged", damaged);
    }
    json_end_object(&w);
    json_end_object(&w);
    buffer_append_char(&listing->lines, '\n');
    return line_stream_send(listing->stream, &listing->lines);
}

/* ---- the request ---- */

static int prepare(struct call *call, struct listing *listing, struct error *error)
{
    struct service *service = call->service;
    const char *min_score = http_request_query(call->request, "min_score");
    const char *progress = http_request_query(call->request, "progress");
    struct duplicates_options options = {
        .min_score = MIN_SCORE, .threads = service->cores, .pool = service->search_pool};
    if (min_score && !search_request_number(min_score, &options.min_score)) {
        return error_set(error, ERROR_MALFORMED, "min_score=%.40s: must be a number", min_score);
    }
    listing->progress = progress && strcmp(progress, "1") == 0;
    int r = retrieval_use(service->retrieval, &call->access, RIGHT_SEARCH, call->captures[0],
                          &listing->use, error);
    if (r < 0) {
        return r;
    }
    if (retrieval_use_reach(listing->use, &call->access, "", &listing->reach) < 0) {
        return error_memory(error, NULL);
    }
    options.index = retrieval_use_index(listing->use);
    options.none = listing->reach.none;
    options.prefixes = listing->reach.prefixes;
    return duplicates_new(&options, &listing->duplicates, error);
}

static void find(struct call *call)
{
    struct error error = {0};
    struct listing listing = {.members = 0};
    if (prepare(call, &listing, &error) < 0) {
        call_respond_error(call, &error);
    } else {
        listing.stream = line_stream_begin(call);
        listing.progress_ns = clock_now_ns();
    }
    if (listing.stream) {
        int r = duplicates_search(listing.duplicates, on_progress, &listing, &error);
        r = r < 0 ? r : write_groups(&listing);
        if (r < 0 && error.code != ERROR_NONE) {
            char message[ERROR_MESSAGE_SIZE];
            log_event(LOG_LEVEL_WARNING, "duplicates_failed", "index=%s message=%s",
                      call->captures[0], log_quote(message, sizeof message, error.message));
        }
        line_stream_end(listing.stream, r < 0);
    }
    listing_done(&listing);
}

void indexes_duplicates(struct call *call)
{
    struct api *api = call->api;
    if (atomic_fetch_add(&api->duplicates_running, 1) < AT_ONCE) {
        find(call);
    } else {
        call_respond_status(call, 429, "others look for duplicates; try again later");
    }
    atomic_fetch_sub(&api->duplicates_running, 1);
}
