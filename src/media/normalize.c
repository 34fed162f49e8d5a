/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of normalize.h and their use. Compiled without contraction to fused multiply-add,
 * which would round once where numpy rounds twice.
 */
#include "media/normalize.h"

#include <string.h>

static float element_value(const struct pipeline *p, int colour, int byte)
{
    float value = (float)byte;
    if (p->rescale) {
        value = (float)((double)byte * p->rescale_factor);
        if (p->rescale_offset != 0.0) {
            value = value + (float)p->rescale_offset;
        }
    }
    if (p->normalize) {
        value = (value - (float)p->mean[colour]) / (float)p->std[colour];
        if (p->normalize_twice) {
            value = value / (float)p->std[colour];
        }
    }
    return value;
}

static uint8_t to_byte(float value)
{
    if (!(value > 0.0f)) {
        return 0; /* also not a number */
    }
    return value >= 255.0f ? 255 : (uint8_t)value;
}

static void make_table(struct byte_table *table, const struct pipeline *p, int colour)
{
    memset(table, 0, sizeof(*table));
    table->element_size = (unsigned)datatype_size(p->datatype);
    for (int byte = 0; byte < 256; byte++) {
        float value = element_value(p, colour, byte);
        const void *element;
        if (p->datatype == DATATYPE_FP16) {
            table->elements.f16[byte] = float_to_half(value);
            element = &table->elements.f16[byte];
        } else if (p->datatype == DATATYPE_UINT8) {
            table->elements.u8[byte] = to_byte(value);
            element = &table->elements.u8[byte];
        } else {
            table->elements.f32[byte] = value;
            element = &table->elements.f32[byte];
        }
        for (unsigned i = 0; i < table->element_size; i++) {
            table->bytes[i][byte] = ((const uint8_t *)element)[i];
        }
    }
}

static bool same_doubles(const double *a, const double *b, size_t count)
{
    return memcmp(a, b, count * sizeof(*a)) == 0;
}

static bool same_values(const struct pipeline *a, const struct pipeline *b)
{
    return a->rescale == b->rescale && a->normalize == b->normalize &&
           a->normalize_twice == b->normalize_twice && a->datatype == b->datatype &&
           same_doubles(&a->rescale_factor, &b->rescale_factor, 1) &&
           same_doubles(&a->rescale_offset, &b->rescale_offset, 1) &&
           same_doubles(a->mean, b->mean, 3) && same_doubles(a->std, b->std, 3);
}

void normalizer_set(struct normalizer *normalizer, const struct pipeline *pipeline)
{
    if (normalizer->ready && same_values(&normalizer->made_for, pipeline)) {
        return;
    }
    for (int colour = 0; colour < 3; colour++) {
        make_table(&normalizer->tables[colour], pipeline, colour);
    }
    normalizer->made_for = *pipeline;
    normalizer->ready = true;
}

static int source_colour(const struct tensor_image *image, int channel)
{
    return image->flip ? 2 - channel : channel;
}

/* Index of the element of a channel at (y, x). */
static size_t element_index(const struct tensor_image *image, int channel, uint32_t y, uint32_t x)
{
    if (image->layout == LAYOUT_NHWC) {
        return ((size_t)y * image->width + x) * 3 + (size_t)channel;
    }
    return ((size_t)channel * image->height + y) * image->width + x;
}

/* Every third element, from `to` on. */
static void interleave(const struct byte_table *table, const uint8_t *bytes, void *elements,
                       size_t count)
{
    if (table->element_size == sizeof(float)) {
        float *to = elements;
        for (size_t i = 0; i < count; i++) {
            to[3 * i] = table->elements.f32[bytes[i]];
        }
    } else if (table->element_size == sizeof(uint16_t)) {
        uint16_t *to = elements;
        for (size_t i = 0; i < count; i++) {
            to[3 * i] = table->elements.f16[bytes[i]];
        }
    } else {
        uint8_t *to = elements;
        for (size_t i = 0; i < count; i++) {
            to[3 * i] = table->elements.u8[bytes[i]];
        }
    }
}

void normalizer_row(const struct normalizer *normalizer, const struct tensor_image *image,
                    uint32_t y, uint32_t x, const struct planar_row *row)
{
    for (int channel = 0; channel < 3; channel++) {
        int colour = source_colour(image, channel);
        const struct byte_table *table = &normalizer->tables[colour];
        const uint8_t *bytes = row->bytes + (size_t)colour * row->plane;
        void *to = image->data + element_index(image, channel, y, x) * table->element_size;
        if (image->layout == LAYOUT_NHWC) {
            interleave(table, bytes, to, row->count);
        } else {
            normalizer->kernels->lookup(table, bytes, to, row->count);
        }
    }
}

void normalizer_fill(const struct normalizer *normalizer, const struct tensor_image *image,
                     const uint8_t colour[3])
{
    size_t pixels = (size_t)image->height * image->width;
    size_t step = image->layout == LAYOUT_NHWC ? 3 : 1;
    for (int channel = 0; channel < 3; channel++) {
        int source = source_colour(image, channel);
        const struct byte_table *table = &normalizer->tables[source];
        size_t size = table->element_size;
        char *to = image->data + element_index(image, channel, 0, 0) * size;
        const char *element = (const char *)&table->elements + colour[source] * size;
        for (size_t i = 0; i < pixels; i++) {
            memcpy(to + i * step * size, element, size);
        }
    }
}
