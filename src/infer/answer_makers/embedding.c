/* SPDX-License-Identifier: Apache-2.0
 *
 * Embeddings: the row of the primary output, normalised where the package says so.
 */
#include <math.h>

#include "infer/answer_maker.h"
#include "infer/row.h"

/* x / |x|, in double; a zero vector stays. */
static void normalize(float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)values[i] * (double)values[i];
    }
    double scale = sum > 0 ? 1 / sqrt(sum) : 1;
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)((double)values[i] * scale);
    }
}

static int make(const struct infer_item *item, size_t top, struct answer *answer,
                struct error *error)
{
    (void)top;
    float *values = NULL;
    int r = row_read_image(&item->outputs[0], &values, &answer->embedding_size, error);
    if (r < 0) {
        return r;
    }
    if (item->request->model->spec->normalize_embedding) {
        normalize(values, answer->embedding_size);
    }
    answer->embedding = values;
    answer->memory = values;
    return 0;
}

static const char *const outputs[] = {"image_embeds", "pooler_output", "embeddings",
                                      "sentence_embedding", NULL};

const struct answer_maker answer_maker_embedding = {
    .kind = &answer_embedding, .outputs = outputs, .rank = 2, .make = make};
