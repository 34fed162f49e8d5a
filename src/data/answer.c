/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of the kinds of answers, and the head that all of them have in the result cache.
 */
#include "data/answer.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "data/test_rows.h"

enum { FORMAT = 1, HEAD = 4 };

/* Those of tests, which a build with -Dtest_backends=true has. */
#define DECLARE(name) extern const struct answer_kind answer_##name;
#define ROW(name) &answer_##name,

ANSWER_TEST_ROWS(DECLARE)

const struct answer_kind *const answer_kinds[] = {
    &answer_classes,   /* image-classification */
    &answer_embedding, /* feature-extraction */
    &answer_tensors,   /* tensor */
    &answer_failure,   /* of no task */
    ANSWER_TEST_ROWS(ROW) NULL,
};

int answer_encode(struct buffer *out, const struct answer *answer)
{
    if (!answer->kind) {
        return -EINVAL;
    }
    const uint8_t head[HEAD] = {FORMAT, answer->kind->code};
    size_t start = out->size;
    size_t count = 0;
    buffer_append(out, head, sizeof head);
    int r = answer->kind->encode(out, answer, &count);
    r = r < 0 ? r : buffer_ok(out);
    if (r < 0) {
        return r;
    }
    bytes_put_u16((uint8_t *)out->data + start + 2, (uint16_t)count);
    return 0;
}

static const struct answer_kind *find_code(uint8_t code)
{
    const struct answer_kind *const *kind = answer_kinds;
    while (*kind && (*kind)->code != code) {
        kind++;
    }
    return *kind;
}

int answer_decode(const uint8_t *bytes, size_t size, struct answer *ret_answer)
{
    if (size < HEAD || bytes[0] != FORMAT) {
        return -EBADMSG;
    }
    struct answer answer = {.kind = find_code(bytes[1])};
    if (!answer.kind) {
        return -EBADMSG;
    }
    int r = answer.kind->decode(bytes + HEAD, size - HEAD, bytes_get_u16(bytes + 2), &answer);
    if (r == 0) {
        *ret_answer = answer;
    }
    return r;
}

void answer_done(struct answer *answer)
{
    free(answer->memory);
    *answer = (struct answer){0};
}
