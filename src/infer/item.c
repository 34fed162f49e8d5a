/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests and their items before they are submitted and after their outcome: see item.h. On the
 * owner's thread.
 */
#include "infer/item.h"

#include <stdlib.h>

#include "base/clock.h"

void infer_request_init(struct infer_request *request, struct model *model, enum queue_class class,
                        uint64_t wait_ms, infer_done *done, void *owner)
{
    *request = (struct infer_request){.model = model, .done = done, .owner = owner};
    queue_source_init(&request->source, class);
    request->deadline_ns =
        wait_ms == INFER_NO_DEADLINE ? INT64_MAX : clock_now_ns() + (int64_t)wait_ms * NS_PER_MS;
}

void infer_request_set_items(struct infer_request *request, struct infer_item *items, size_t count)
{
    request->items = items;
    request->item_count = count;
    for (size_t i = 0; i < count; i++) {
        items[i].request = request;
    }
}

void infer_item_reset(struct infer_item *item)
{
    if (item->output_bytes > 0) {
        atomic_fetch_sub(&item->request->output_bytes, item->output_bytes);
        item->output_bytes = 0;
    }
    if (item->budget_bytes > 0) {
        budget_give(item->request->answers, item->budget_bytes);
        item->budget_bytes = 0;
    }
    free(item->output_memory);
    item->output_memory = NULL;
    item->outputs = NULL;
    item->output_count = 0;
    answer_done(&item->answer);
    item->read_bytes = 0;
    item->began_ns = item->input_ns = item->run_ns = 0;
    item->cached = item->keep = false;
    item->has_identity = item->looked_up = false;
    item->alone = false;
    item->kills = 0;
    item->error = (struct error){0};
}
