/* SPDX-License-Identifier: Apache-2.0
 *
 * The public struct situ_model with the document behind it. Any thread.
 */
#ifndef SITU_CLIENT_MODEL_H
#define SITU_CLIENT_MODEL_H

#include "client/document.h"

struct model {
    struct situ_model public; /* first, so that situ_model_free finds the rest */
    struct document document;
};

/* Does a request whose answer is one model object. The caller frees *ret_model. */
must_check int model_request(struct situ *array, const struct request *request,
                             struct situ_model **ret_model, struct situ_error *error);

#endif
