/* SPDX-License-Identifier: Apache-2.0
 *
 * One object at a time: a stored one, with the short GET, or bytes in memory. In the caller's
 * thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "client/client_result.h"
#include "client/name_check.h"
#include "client/transfer.h"
#include "client/url.h"

/* The checked arguments of both calls. */
struct order {
    struct model_name model;
    struct situ_run_options options;
};

static int order_read(struct order *order, const struct situ *array, const char *model,
                      const struct situ_run_options *options, struct situ_error *error)
{
    if (!array) {
        return -EINVAL;
    }
    int r = client_options(&order->options, sizeof order->options, options, error);
    if (r) {
        return r;
    }
    if (order->options.top > LIMIT_TOP) {
        return client_fail(error, SITU_USAGE, "options: top is above %u", LIMIT_TOP);
    }
    return model_name_parse(model, &order->model, error);
}

static void write_target(struct buffer *target, const struct order *order, const char *object)
{
    buffer_append_text(target, "/v1/infer/");
    url_append(target, order->model.name, false);
    if (object) {
        buffer_append_char(target, '/');
        url_append(target, object, true);
    }
    if (order->options.top) {
        url_append_number(target, "top", order->options.top);
    }
    if (order->model.version[0]) {
        url_append_query(target, "version", order->model.version);
    }
    if (order->options.labels == SITU_LABELS_NONE) {
        url_append_query(target, "labels", "0");
    }
    if (order->options.no_cache) {
        url_append_query(target, "cache", "0");
    }
}

static int finish(struct situ *array, const struct request *request,
                  struct situ_result **ret_result, struct situ_error *error)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    int r = request_perform(array, request, &text, error);
    if (r) {
        return r;
    }
    struct json *root = NULL;
    struct error reason;
    if (json_parse_large(text.data, text.size, "result", &root, &reason)) {
        return client_fail_answer(error, &reason);
    }
    struct client_result *held = calloc(1, sizeof *held);
    if (!held) {
        json_free(root);
        return client_fail_memory(error);
    }
    r = client_result_take(held, root, NULL, error);
    if (r == 0 && held->result.code != SITU_OK) {
        r = client_fail(error, (enum situ_code)held->result.code, "%s", held->result.message);
    }
    if (r) {
        situ_result_free(&held->result);
        return r;
    }
    *ret_result = &held->result;
    return 0;
}

int situ_infer(struct situ *array, const char *model, const char *object,
               const struct situ_run_options *options, struct situ_result **ret_result,
               struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    struct order order;
    if (!ret_result) {
        return client_fail(error, SITU_USAGE, "situ_infer: no place for the result");
    }
    *ret_result = NULL;
    int r = order_read(&order, array, model, options, error);
    if (r) {
        return r;
    }
    r = object_name_check(object, error);
    if (r) {
        return r;
    }
    write_target(&target, &order, object);
    struct request request = request_of("GET", &target);
    return finish(array, &request, ret_result, error);
}

/* The image is three parameters, and the last two are those of every call. */
/* NOLINTNEXTLINE(readability-function-size) */
int situ_infer_bytes(struct situ *array, const char *model, const char *name, const void *bytes,
                     size_t size, const struct situ_run_options *options,
                     struct situ_result **ret_result, struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    struct order order;
    if (!ret_result) {
        return client_fail(error, SITU_USAGE, "situ_infer_bytes: no place for the result");
    }
    *ret_result = NULL;
    int r = order_read(&order, array, model, options, error);
    if (r) {
        return r;
    }
    if (!bytes && size > 0) {
        return client_fail(error, SITU_USAGE, "situ_infer_bytes: no bytes");
    }
    write_target(&target, &order, NULL);
    if (name) {
        url_append_query(&target, "name", name);
    }
    struct request request = request_of("POST", &target);
    request.content = CONTENT_OCTETS;
    request.body = bytes ? bytes : "";
    request.body_size = size;
    return finish(array, &request, ret_result, error);
}
