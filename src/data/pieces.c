/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts with tensors in them. Runs on whatever thread sends the text.
 */
#include "data/pieces.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "data/tensor_bytes.h"
#include "data/tensor_json.h"

enum { DIGITS_BYTES = 16 << 10 }; /* made at a time, or a little more */

void pieces_done(struct pieces *pieces)
{
    buffer_done(&pieces->text);
    free(pieces->list);
    *pieces = PIECES_INIT;
}

static void add(struct pieces *pieces, const struct piece *piece)
{
    if (pieces->count == pieces->capacity) {
        size_t capacity = pieces->capacity ? pieces->capacity * 2 : 4;
        struct piece *list = realloc(pieces->list, capacity * sizeof *list);
        if (!list) {
            pieces->text.failed = true;
            return;
        }
        pieces->list = list;
        pieces->capacity = capacity;
    }
    pieces->list[pieces->count++] = *piece;
}

void pieces_add_numbers(struct pieces *pieces, enum datatype datatype, const void *data,
                        size_t count)
{
    add(pieces, &(struct piece){pieces->text.size, datatype, data, count});
}

void pieces_add_bytes(struct pieces *pieces, const void *data, size_t size)
{
    add(pieces, &(struct piece){pieces->text.size, DATATYPE_NONE, data, size});
}

void pieces_add_strings(struct pieces *pieces, const void *data, size_t size)
{
    add(pieces, &(struct piece){pieces->text.size, DATATYPE_BYTES, data, size});
}

void pieces_reader_init(struct pieces_reader *reader, const struct pieces *pieces)
{
    *reader = (struct pieces_reader){.pieces = pieces};
}

void pieces_reader_done(struct pieces_reader *reader)
{
    buffer_done(&reader->ready);
}

static size_t copy(char *to, size_t room, const void *from, size_t size)
{
    size = size < room ? size : room;
    memcpy(to, from, size);
    return size;
}

/* The digits of the next elements, with brackets and commas as they come. */
static int make_digits(struct pieces_reader *reader, const struct piece *piece)
{
    size_t size = datatype_size(piece->datatype);
    const char *data = piece->data;
    buffer_clear(&reader->ready);
    reader->ready_taken = 0;
    if (reader->element == 0) {
        buffer_append_char(&reader->ready, '[');
    }
    while (reader->element < piece->count && reader->ready.size < DIGITS_BYTES &&
           buffer_ok(&reader->ready) == 0) {
        if (reader->element > 0) {
            buffer_append_char(&reader->ready, ',');
        }
        tensor_json_write_element(&reader->ready, piece->datatype, data + reader->element * size);
        reader->element++;
    }
    if (reader->element == piece->count) {
        buffer_append_char(&reader->ready, ']');
        reader->element = 0;
        reader->piece++;
    }
    return buffer_ok(&reader->ready);
}

/* The same of strings. */
static int make_strings(struct pieces_reader *reader, const struct piece *piece)
{
    struct tensor_bytes left = {(const char *)piece->data + reader->element,
                                piece->count - reader->element};
    const char *data = NULL;
    size_t size = 0;
    buffer_clear(&reader->ready);
    reader->ready_taken = 0;
    buffer_append_text(&reader->ready, reader->element == 0 ? "[" : ",");
    for (const char *comma = "";
         reader->ready.size < DIGITS_BYTES && tensor_bytes_next(&left, &data, &size); comma = ",") {
        buffer_append_text(&reader->ready, comma);
        json_put_bytes(&JSON_WRITER(&reader->ready), NULL, data, size);
    }
    bool stuck =
        piece->count - left.size == reader->element; /* no element, or none that is whole */
    reader->element = piece->count - left.size;
    if (left.size == 0 || stuck) {
        buffer_append_char(&reader->ready, ']');
        reader->element = 0;
        reader->piece++;
    }
    return buffer_ok(&reader->ready);
}

/* The next bytes, which may be none although it is not the end. */
static long read_some(struct pieces_reader *reader, char *to, size_t room)
{
    const struct pieces *pieces = reader->pieces;
    if (reader->ready_taken < reader->ready.size) {
        size_t size = copy(to, room, reader->ready.data + reader->ready_taken,
                           reader->ready.size - reader->ready_taken);
        reader->ready_taken += size;
        return (long)size;
    }
    const struct piece *piece = reader->piece < pieces->count ? &pieces->list[reader->piece] : NULL;
    size_t end = piece ? piece->at : pieces->text.size;
    if (reader->taken < end) {
        size_t size = copy(to, room, pieces->text.data + reader->taken, end - reader->taken);
        reader->taken += size;
        return (long)size;
    }
    if (piece && piece->datatype != DATATYPE_NONE) {
        return piece->datatype == DATATYPE_BYTES ? make_strings(reader, piece)
                                                 : make_digits(reader, piece);
    }
    size_t size = 0;
    if (piece) {
        size = copy(to, room, (const char *)piece->data + reader->element,
                    piece->count - reader->element);
        reader->element += size;
        if (reader->element == piece->count) {
            reader->element = 0;
            reader->piece++;
        }
    }
    return (long)size;
}

static bool at_end(const struct pieces_reader *reader)
{
    return reader->ready_taken == reader->ready.size && reader->piece == reader->pieces->count &&
           reader->taken == reader->pieces->text.size;
}

long pieces_read(struct pieces_reader *reader, char *to, size_t room)
{
    size_t used = 0;
    while (used < room && !at_end(reader)) {
        long size = read_some(reader, to + used, room - used);
        if (size < 0) {
            return size;
        }
        used += (size_t)size;
    }
    return (long)used;
}

int pieces_size(const struct pieces *pieces, size_t *ret_size)
{
    char block[4096];
    struct pieces_reader reader;
    size_t total = 0;
    long size = 0;
    pieces_reader_init(&reader, pieces);
    while ((size = pieces_read(&reader, block, sizeof block)) > 0) {
        total += (size_t)size;
    }
    pieces_reader_done(&reader);
    *ret_size = total;
    return size < 0 ? (int)size : 0;
}
