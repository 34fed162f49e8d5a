/* SPDX-License-Identifier: Apache-2.0
 *
 * situ infer --upload: the bytes of local files go to the array, one file after the other.
 */
#include <stdlib.h>

#include "cli/infer.h"
#include "cli/local_file.h"
#include "cli/patience.h"

static void upload_one(struct infer *infer, const char *path)
{
    struct situ_result *result = NULL;
    struct situ_error error;
    char *bytes = NULL;
    size_t size = 0;

    int failed = local_file_read(path, &bytes, &size, &error);
    if (!failed) {
        struct patience patience;
        patience_begin(&patience, infer->cli, infer->model, "it infers the image");
        failed = situ_infer_bytes(infer->cli->array, infer->model, NULL, bytes, size,
                                  &infer->options, &result, &error);
        patience_end(&patience);
    }
    free(bytes);
    if (failed) {
        infer_fail(infer, path, &error);
        return;
    }
    struct situ_result named = *result;
    named.object = path;
    follow_give(&infer->follow, &named);
    situ_result_free(result);
}

void infer_upload(struct infer *infer)
{
    infer->follow.shown.total = infer->names.count;
    for (size_t i = 0; i < infer->names.count && !infer->follow.stopped; i++) {
        upload_one(infer, infer->names.items[i]);
    }
}
