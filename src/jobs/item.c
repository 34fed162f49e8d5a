/* SPDX-License-Identifier: Apache-2.0
 *
 * The next object of a selection, with its identity, and the lines of those that are none.
 */
#include "jobs/item.h"

#include "base/buffer.h"
#include "jobs/record.h"
#include "wire/json.h"

bool item_code_pauses(enum error_code code)
{
    return code == ERROR_CANCELLED || code == ERROR_UNAVAILABLE || code == ERROR_BUSY ||
           code == ERROR_MEMORY;
}

int item_next(struct selection *selection, struct item *ret_item, struct error *error)
{
    struct selected selected;
    int r = selection_next(selection, &selected, error);
    if (r <= 0) {
        return r;
    }
    ret_item->object = selected.object;
    ret_item->key = selected.key;
    ret_item->store = selected.store;
    ret_item->flawed = selected.flawed;
    ret_item->unlisted = selected.unlisted;
    ret_item->identity = (struct object_identity){0};
    if (!selected.key) {
        ret_item->kind = ITEM_FAULT;
        ret_item->fault = selected.fault;
        return 1;
    }
    ret_item->kind = ITEM_OBJECT;
    if (store_stat(selected.store, selected.key, &ret_item->identity, &ret_item->fault) < 0) {
        if (item_code_pauses(ret_item->fault.code)) {
            if (error) {
                *error = ret_item->fault;
            }
            return error_code_errno(ret_item->fault.code);
        }
        ret_item->kind = ITEM_FAULT;
        ret_item->identity = (struct object_identity){0};
    }
    return 1;
}

void item_write_failure(struct buffer *out, const char *object, bool flawed, enum error_code code,
                        const char *message)
{
    cleanup_free char *encoded = NULL;
    if (flawed && record_encode_name(object, &encoded) < 0) {
        out->failed = true;
        return;
    }
    buffer_append_text(out, "{\"object\":");
    json_write_string(out, encoded ? encoded : object);
    buffer_printf(out, ",\"error\":{\"code\":\"%s\",\"message\":", error_code_name(code));
    json_write_string(out, message);
    buffer_append_text(out, "}}");
}
