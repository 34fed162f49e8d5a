/* SPDX-License-Identifier: Apache-2.0
 *
 * The inner loops for AVX2. Exactness: a 22 bit weight is w = low + 65536 high with `low` a signed
 * 16 bit number; VPMADDWD multiplies two taps by either part and adds them in 32 bits, and both
 * sums are put together modulo 2^32, which is what plain C computes.
 */
#include "media/kernels.h"

#include <errno.h>
#include <immintrin.h>
#include <string.h>

enum {
    QUAD = 4, /* outputs at a time in `rows` */
    STEP = 4, /* taps of a step of `rows`: 12 bytes of a 16 byte load */
    PAIR = 2, /* taps of a step of `columns` */
};

/* Two taps' weights as VPMADDWD takes them. */
struct weight_pair {
    int16_t low[PAIR];
    int16_t high[PAIR];
};

/* Four taps of one output: the low parts, then the high parts. */
struct row_step {
    int16_t low[STEP];
    int16_t high[STEP];
};

static void split(int32_t weight, int16_t *low, int16_t *high)
{
    *low = (int16_t)(weight & 0xffff);
    *high = (int16_t)((weight - *low) / 65536);
}

static size_t steps_of(uint32_t taps, uint32_t step)
{
    return (taps + step - 1) / step;
}

static void *allocate(size_t size)
{
    size_t rounded = kernels_round_up(size, 32);
    void *memory = aligned_alloc(32, rounded);
    if (memory) {
        memset(memory, 0, rounded);
    }
    return memory;
}

/* The steps of a quad are ordered [step][output], so that two outputs fill a register. */
static int pack_rows(struct coefficients *c)
{
    size_t steps = steps_of(c->taps, STEP);
    size_t quads = (c->axis.count + QUAD - 1) / QUAD;
    size_t size = quads * steps * sizeof(struct row_step) * QUAD;
    struct row_step *packed = allocate(size);
    if (!packed) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < c->axis.count; i++) {
        struct row_step *quad = packed + i / QUAD * QUAD * steps;
        for (uint32_t k = 0; k < c->used[i]; k++) {
            struct row_step *to = &quad[(size_t)(k / STEP) * QUAD + i % QUAD];
            split(c->weights[i * c->taps + k], &to->low[k % STEP], &to->high[k % STEP]);
        }
    }
    c->packed_rows = packed;
    c->size_bytes += size;
    return 0;
}

static int pack_columns(struct coefficients *c)
{
    size_t steps = steps_of(c->taps, PAIR);
    size_t size = c->axis.count * steps * sizeof(struct weight_pair);
    struct weight_pair *packed = allocate(size);
    if (!packed) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < c->axis.count; i++) {
        for (uint32_t k = 0; k < c->used[i]; k++) {
            struct weight_pair *to = &packed[i * steps + k / PAIR];
            split(c->weights[i * c->taps + k], &to->low[k % PAIR], &to->high[k % PAIR]);
        }
    }
    c->packed_columns = packed;
    c->size_bytes += size;
    return 0;
}

struct sums {
    __m256i low, high;
};

static inline __m256i join(const struct sums *sums)
{
    __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(sums->high, 16), sums->low);
    return _mm256_srai_epi32(sum, COEFFICIENT_BITS);
}

static inline void add_taps(struct sums *sums, __m256i words, __m256i low, __m256i high)
{
    sums->low = _mm256_add_epi32(sums->low, _mm256_madd_epi16(words, low));
    sums->high = _mm256_add_epi32(sums->high, _mm256_madd_epi16(words, high));
}

/* Four taps of two outputs, each in its half: sums of red, green, blue and nothing. */
static inline void row_taps(struct sums *sums, const uint8_t *a, const uint8_t *b,
                            const struct row_step *step)
{
    const __m256i first =
        _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, 0, -1, 3, -1, 1,
                         -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1);
    const __m256i second =
        _mm256_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1, 6, -1, 9, -1,
                         7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
    __m128i low = _mm_loadu_si128((const __m128i *)(const void *)a);
    __m128i high = _mm_loadu_si128((const __m128i *)(const void *)b);
    __m256i pixels = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
    __m256i weights = _mm256_load_si256((const __m256i *)(const void *)step);
    add_taps(sums, _mm256_shuffle_epi8(pixels, first), _mm256_shuffle_epi32(weights, 0x00),
             _mm256_shuffle_epi32(weights, 0xaa));
    add_taps(sums, _mm256_shuffle_epi8(pixels, second), _mm256_shuffle_epi32(weights, 0x55),
             _mm256_shuffle_epi32(weights, 0xff));
}

/* Sums of outputs (0 | 1) and (2 | 3) to four bytes of each colour. */
static inline void row_store(const struct sums *ab, const struct sums *cd, uint8_t *planar,
                             size_t plane)
{
    const __m128i order = _mm_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15);
    __m256i words = _mm256_packs_epi32(join(ab), join(cd));
    __m256i bytes = _mm256_packus_epi16(words, words);
    __m128i colours =
        _mm_unpacklo_epi8(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
    colours = _mm_shuffle_epi8(colours, order);
    int32_t red = _mm_extract_epi32(colours, 0);
    int32_t green = _mm_extract_epi32(colours, 1);
    int32_t blue = _mm_extract_epi32(colours, 2);
    memcpy(planar, &red, sizeof(red));
    memcpy(planar + plane, &green, sizeof(green));
    memcpy(planar + 2 * plane, &blue, sizeof(blue));
}

/* At most four taps for all outputs, as with mild reductions and enlargements. */
static void rows_short(const struct coefficients *c, const uint8_t *pixels, uint8_t *planar,
                       size_t plane)
{
    const struct row_step *step = c->packed_rows;
    const __m256i half = _mm256_set1_epi32(COEFFICIENT_HALF), zero = _mm256_setzero_si256();
    for (size_t i = 0; i < c->axis.count; i += QUAD, step += QUAD) {
        const uint32_t *start = &c->start[i];
        struct sums ab = {half, zero}, cd = {half, zero};
        row_taps(&ab, pixels + (size_t)start[0] * 3, pixels + (size_t)start[1] * 3, step);
        row_taps(&cd, pixels + (size_t)start[2] * 3, pixels + (size_t)start[3] * 3, step + 2);
        row_store(&ab, &cd, planar + i, plane);
    }
}

/* The pixels of step k of an output. One that has fewer steps than its neighbours continues with
 * its first pixels and weights of zero, so that nothing is read far after the row. */
static inline const uint8_t *step_pixels(const struct coefficients *c, size_t output, size_t k,
                                         const uint8_t *pixels)
{
    size_t pixel = c->start[output] + (k * STEP < c->used[output] ? k * STEP : 0);
    return pixels + pixel * 3;
}

static void rows_long(const struct coefficients *c, const uint8_t *pixels, uint8_t *planar,
                      size_t plane)
{
    const struct row_step *step = c->packed_rows;
    size_t steps = steps_of(c->taps, STEP);
    const __m256i half = _mm256_set1_epi32(COEFFICIENT_HALF), zero = _mm256_setzero_si256();
    for (size_t i = 0; i < c->axis.count; i += QUAD) {
        struct sums ab = {half, zero}, cd = {half, zero};
        for (size_t k = 0; k < steps; k++, step += QUAD) {
            row_taps(&ab, step_pixels(c, i, k, pixels), step_pixels(c, i + 1, k, pixels), step);
            row_taps(&cd, step_pixels(c, i + 2, k, pixels), step_pixels(c, i + 3, k, pixels),
                     step + 2);
        }
        row_store(&ab, &cd, planar + i, plane);
    }
}

static void rows_avx2(const struct coefficients *c, const uint8_t *pixels, uint8_t *planar,
                      size_t plane)
{
    if (c->taps <= STEP) {
        rows_short(c, pixels, planar, plane);
    } else {
        rows_long(c, pixels, planar, plane);
    }
}

/* Two taps of 32 columns: four groups of eight sums, in the order of unpacking. */
static inline void column_taps(struct sums sums[4], const uint8_t *r0, const uint8_t *r1,
                               const struct weight_pair *weights)
{
    const __m256i zero = _mm256_setzero_si256();
    int32_t low_words, high_words;
    memcpy(&low_words, weights->low, sizeof(low_words));
    memcpy(&high_words, weights->high, sizeof(high_words));
    __m256i low = _mm256_set1_epi32(low_words), high = _mm256_set1_epi32(high_words);
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)r0);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)r1);
    __m256i pairs = _mm256_unpacklo_epi8(a, b);
    add_taps(&sums[0], _mm256_unpacklo_epi8(pairs, zero), low, high);
    add_taps(&sums[1], _mm256_unpackhi_epi8(pairs, zero), low, high);
    pairs = _mm256_unpackhi_epi8(a, b);
    add_taps(&sums[2], _mm256_unpacklo_epi8(pairs, zero), low, high);
    add_taps(&sums[3], _mm256_unpackhi_epi8(pairs, zero), low, high);
}

static void columns_avx2(const struct coefficients *c, uint32_t output, const uint8_t *const *rows,
                         uint8_t *out, size_t size)
{
    const struct weight_pair *packed = c->packed_columns;
    packed += output * steps_of(c->taps, PAIR);
    size_t steps = steps_of(c->used[output], PAIR);
    const __m256i half = _mm256_set1_epi32(COEFFICIENT_HALF), zero = _mm256_setzero_si256();
    for (size_t at = 0; at < size; at += 32) {
        struct sums sums[4] = {{half, zero}, {half, zero}, {half, zero}, {half, zero}};
        for (size_t k = 0; k < steps; k++) {
            column_taps(sums, rows[k * PAIR] + at, rows[k * PAIR + 1] + at, &packed[k]);
        }
        /* Packing undoes the order of the unpacking above, and clips. */
        __m256i low = _mm256_packs_epi32(join(&sums[0]), join(&sums[1]));
        __m256i high = _mm256_packs_epi32(join(&sums[2]), join(&sums[3]));
        _mm256_storeu_si256((__m256i *)(void *)(out + at), _mm256_packus_epi16(low, high));
    }
}

/* Gathers are no faster than plain loads here. */
static void lookup_avx2(const struct byte_table *table, const uint8_t *bytes, void *elements,
                        size_t count)
{
    kernels_c.lookup(table, bytes, elements, count);
}

const struct kernels kernels_avx2 = {
    .name = "avx2",
    .pack_rows = pack_rows,
    .pack_columns = pack_columns,
    .rows = rows_avx2,
    .columns = columns_avx2,
    .lookup = lookup_avx2,
};
