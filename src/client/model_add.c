/* SPDX-License-Identifier: Apache-2.0
 *
 * situ_model_add: sends a package of this machine to the array while it is read.
 */
#include <errno.h>

#include "client/model_object.h"
#include "client/name_check.h"
#include "client/pack.h"
#include "client/url.h"

struct upload {
    struct pack pack;
    struct situ_add_options options;
    uint64_t sent;
};

static int read_upload(void *context, char *bytes, size_t size, size_t *ret_size)
{
    struct upload *upload = context;
    int r = pack_read(&upload->pack, bytes, size, ret_size);
    if (r) {
        return r;
    }
    upload->sent += *ret_size;
    if (upload->options.progress &&
        upload->options.progress(upload->options.context, upload->sent, upload->pack.size)) {
        return client_fail(&upload->pack.fault, SITU_CANCELLED, "the upload was stopped");
    }
    return 0;
}

static int send_pack(struct situ *array, const struct model_name *name, struct upload *upload,
                     struct situ_model **ret_model, struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    model_target(&target, name, "");
    if (upload->options.preset) {
        url_append_query(&target, "preset", upload->options.preset);
    }
    struct body_source source = {.read = read_upload, .context = upload, .size = upload->pack.size};
    struct request request = request_of("PUT", &target);
    request.content = CONTENT_OCTETS;
    request.source = &source;
    upload->pack.fault.code = SITU_OK;
    int r = model_fetch(array, &request, ret_model, error);
    if (r && upload->pack.fault.code != SITU_OK && error) {
        *error = upload->pack.fault;
    }
    return r;
}

int situ_model_add(struct situ *array, const char *name, const char *path,
                   const struct situ_add_options *options, struct situ_model **ret_model,
                   struct situ_error *error)
{
    struct upload upload = {.pack.fd = -1};
    struct model_name model_name;
    if (ret_model) {
        *ret_model = NULL;
    }
    if (!array || !path) {
        return -EINVAL;
    }
    int r = client_options(&upload.options, sizeof upload.options, options, error);
    if (r) {
        return r;
    }
    r = model_name_parse(name, &model_name, error);
    if (r) {
        return r;
    }
    if (model_name.version[0]) {
        return client_fail(
            error, SITU_USAGE,
            "model '%s': a package becomes the next version by itself, leave out '@%s'", name,
            model_name.version);
    }
    r = pack_open(&upload.pack, path, error);
    if (r == 0) {
        r = send_pack(array, &model_name, &upload, ret_model, error);
    }
    pack_done(&upload.pack);
    return r;
}
