/* SPDX-License-Identifier: Apache-2.0
 *
 * The next object of a selection, with its identity; and the lines of removed and failed objects.
 */
#include "jobs/job_item.h"

#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "data/object_name.h"

bool jobs_code_pauses(enum error_code code)
{
    return code == ERROR_CANCELLED || code == ERROR_UNAVAILABLE || code == ERROR_BUSY ||
           code == ERROR_MEMORY;
}

int job_item_look(struct job_item *item, struct error *error)
{
    struct object_state state;
    int r = store_stat(item->store, item->key, &state, error);
    if (r == 0) {
        item->identity = state.identity;
        item->size_bytes = state.size_bytes;
    }
    return r;
}

int job_item_next(struct job_selection *selection, struct job_item *ret_item, struct error *error)
{
    struct selected selected;
    int r = job_selection_next(selection, &selected, error);
    if (r <= 0) {
        return r;
    }
    ret_item->object = selected.object;
    ret_item->key = selected.key;
    ret_item->store = selected.store;
    ret_item->flawed = selected.flawed;
    ret_item->unlisted = selected.unlisted;
    ret_item->known = ret_item->failing = false;
    ret_item->identity = (struct identity){0};
    ret_item->size_bytes = 0;
    if (!selected.key) {
        ret_item->kind = JOB_ITEM_FAULT;
        ret_item->fault = selected.fault;
        return 1;
    }
    ret_item->kind = JOB_ITEM_OBJECT;
    r = job_item_look(ret_item, &ret_item->fault);
    if (r < 0) {
        if (jobs_code_pauses(ret_item->fault.code)) {
            if (error) {
                *error = ret_item->fault;
            }
            return error_code_errno(ret_item->fault.code);
        }
        ret_item->kind = JOB_ITEM_FAULT;
    }
    return 1;
}

/* The object's name. That of a flawed one is encoded in any case: a reader of the log expects it.
 */
static void put_name(struct json_writer *w, const char *object, bool flawed)
{
    if (!flawed) {
        object_name_put(w, "object", object);
        return;
    }
    cleanup_buffer struct buffer encoded = BUFFER_INIT;
    object_name_encode(&encoded, object);
    const char *text = buffer_text(&encoded);
    if (!text) {
        w->out->failed = true;
        return;
    }
    json_put_string(w, "object", text);
    if (strcmp(text, object) != 0) {
        json_put_bool(w, "encoded", true);
    }
}

void job_item_write_gone(struct buffer *out, const char *object, bool flawed)
{
    struct json_writer w = JSON_WRITER(out);
    json_begin_object(&w, NULL);
    put_name(&w, object, flawed);
    json_put_bool(&w, "gone", true);
    json_end_object(&w);
}

void job_item_write_failure(struct buffer *out, const char *object, bool flawed,
                            enum error_code code, const char *message)
{
    struct json_writer w = JSON_WRITER(out);
    json_begin_object(&w, NULL);
    put_name(&w, object, flawed);
    json_begin_object(&w, "error");
    json_put_string(&w, "code", error_code_name(code));
    json_put_string(&w, "message", message);
    json_end_object(&w);
    json_end_object(&w);
}
