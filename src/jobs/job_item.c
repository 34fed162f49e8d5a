/* SPDX-License-Identifier: Apache-2.0
 *
 * The next object of a selection, with its identity, and the lines of those that are none.
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

int item_look(struct job_item *item, struct error *error)
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
    r = item_look(ret_item, &ret_item->fault);
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

/* `{"object":"..."`. What is flawed is encoded in any case, for a reader of the log takes it so. */
static void write_name(struct buffer *out, const char *object, bool flawed)
{
    cleanup_buffer struct buffer encoded = BUFFER_INIT;
    buffer_append_char(out, '{');
    if (!flawed) {
        object_name_write(out, "object", object);
        return;
    }
    object_name_encode(&encoded, object);
    const char *text = buffer_text(&encoded);
    if (!text) {
        out->failed = true;
        return;
    }
    buffer_append_text(out, "\"object\":");
    json_write_string(out, text);
    buffer_append_text(out, strcmp(text, object) != 0 ? ",\"encoded\":true" : "");
}

void job_item_write_gone(struct buffer *out, const char *object, bool flawed)
{
    write_name(out, object, flawed);
    buffer_append_text(out, ",\"gone\":true}");
}

void job_item_write_failure(struct buffer *out, const char *object, bool flawed,
                            enum error_code code, const char *message)
{
    write_name(out, object, flawed);
    buffer_printf(out, ",\"error\":{\"code\":\"%s\",\"message\":", error_code_name(code));
    json_write_string(out, message);
    buffer_append_text(out, "}}");
}
