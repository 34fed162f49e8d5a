/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the code between a body's bytes and the daemon: chunks, and the decoders of content
 * codings. The first byte selects one. However the bytes are cut, the output is the same.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/body_chunks.h"
#include "http/body_decoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MOST = 8 << 20 };

struct outcome {
    int result;
    uint64_t size;
    uint64_t sum;
    bool whole;
};

static void take(struct outcome *outcome, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        outcome->sum = outcome->sum * 31 + (unsigned char)bytes[i];
    }
    outcome->size += size;
}

static struct outcome run_chunks(const char *bytes, size_t size, size_t step)
{
    struct http_chunks chunks = HTTP_CHUNKS_INIT;
    struct http_refusal refusal = {0};
    struct outcome outcome = {0};
    for (size_t at = 0; at < size && chunks.state != CHUNK_END;) {
        size_t room = size - at < step ? size - at : step;
        if (chunks.state == CHUNK_DATA) {
            size_t piece = room < chunks.left ? room : (size_t)chunks.left;
            take(&outcome, bytes + at, piece);
            http_chunks_took(&chunks, piece);
            at += piece;
            continue;
        }
        ptrdiff_t used = http_chunks_skip(&chunks, bytes + at, room, &refusal);
        if (used < 0) {
            if (!refusal.status) {
                abort();
            }
            outcome.result = -EINVAL;
            return outcome;
        }
        at += (size_t)used;
    }
    outcome.whole = chunks.state == CHUNK_END;
    return outcome;
}

static struct outcome run_decoder(const char *coding, const char *bytes, size_t size, size_t step)
{
    struct http_decoder *decoder = NULL;
    struct outcome outcome = {0};
    if (http_decoder_new(coding, &decoder) < 0) {
        abort();
    }
    for (size_t at = 0; outcome.size < OUT_MOST;) {
        size_t used = 0;
        size_t out_size = 0;
        size_t room = size - at < step ? size - at : step;
        outcome.result = http_decoder_put(decoder, bytes + at, room, &used);
        if (outcome.result < 0) {
            break;
        }
        at += used;
        const char *out = http_decoder_output(decoder, &out_size);
        take(&outcome, out, out_size);
        http_decoder_taken(decoder);
        if (used == 0 && out_size == 0) {
            break;
        }
    }
    outcome.whole = outcome.result == 0 && http_decoder_is_whole(decoder);
    http_decoder_free(decoder);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const codings[] = {"gzip", "deflate", "zstd"};
    if (size == 0) {
        return 0;
    }
    const char *bytes = (const char *)data + 1;
    size--;
    unsigned kind = data[0] % 4;
    struct outcome whole = kind == 3 ? run_chunks(bytes, size, size + 1)
                                     : run_decoder(codings[kind], bytes, size, size + 1);
    struct outcome pieces =
        kind == 3 ? run_chunks(bytes, size, 1) : run_decoder(codings[kind], bytes, size, 1);
    bool cut = whole.size >= OUT_MOST || pieces.size >= OUT_MOST;
    if (!cut && (whole.result != pieces.result || whole.whole != pieces.whole ||
                 (whole.result == 0 && (whole.size != pieces.size || whole.sum != pieces.sum)))) {
        abort();
    }
    return 0;
}
