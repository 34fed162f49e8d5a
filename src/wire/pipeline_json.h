/* SPDX-License-Identifier: Apache-2.0
 *
 * A pipeline in words, as in `GET /v1/models/M`: the steps in their order; a step that is not done
 * is null.
 *
 *   {"decode":"exact","exif_transpose":false,
 *    "resize":{"mode":"shortest_edge","shortest_edge":256,"resample":"bilinear"},
 *    "center_crop":{"height":224,"width":224,"rounding":"floor"},"pad":null,
 *    "rescale":{"factor":0.00392156862745098,"offset":0},
 *    "normalize":{"mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225],"twice":false},
 *    "channels":"RGB","layout":"NCHW","datatype":"FP32"}
 */
#ifndef SITU_WIRE_PIPELINE_JSON_H
#define SITU_WIRE_PIPELINE_JSON_H

#include "base/json_write.h"
#include "wire/pipeline.h"

void pipeline_put_json(struct json_writer *w, const char *key, const struct pipeline *pipeline);

#endif
