/* SPDX-License-Identifier: Apache-2.0
 *
 * A text with large tensors in it, read from its start to its end piece by piece: the tensors stay
 * where they are, and their digits are made when they are read. So an answer takes the memory of
 * its tensors, not several times as much. Not shared between threads.
 */
#ifndef SITU_DATA_PIECES_H
#define SITU_DATA_PIECES_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "data/tensor.h"

struct piece {
    size_t at;              /* comes before this byte of the text */
    enum datatype datatype; /* as a JSON array; DATATYPE_NONE: the bytes themselves */
    const void *data;       /* borrowed */
    size_t count;           /* of numbers, or bytes */
};

struct pieces {
    struct buffer text;
    struct piece *list; /* owned; in order of their places */
    size_t count;
    size_t capacity;
};

#define PIECES_INIT ((struct pieces){.text = BUFFER_INIT})

void pieces_done(struct pieces *pieces);

/* At the end of what the text is now; `data` must outlive the pieces. A failure shows in the text's
 * buffer. */
void pieces_add_numbers(struct pieces *pieces, enum datatype datatype, const void *data,
                        size_t count);
/* A BYTES tensor, valid and of UTF-8, in the form of tensor_bytes.h, as an array of strings. */
void pieces_add_strings(struct pieces *pieces, const void *data, size_t size);
void pieces_add_bytes(struct pieces *pieces, const void *data, size_t size);

/* The place of the next byte to read. */
struct pieces_reader {
    const struct pieces *pieces; /* borrowed */
    size_t taken;                /* of the text */
    size_t piece;
    size_t element;      /* of that piece, or byte where it is of bytes or strings */
    struct buffer ready; /* digits that were made and not read yet */
    size_t ready_taken;
};

void pieces_reader_init(struct pieces_reader *reader, const struct pieces *pieces);
void pieces_reader_done(struct pieces_reader *reader);

/* Fills `to` with up to `room` bytes, and returns how many; 0 at the end. -ENOMEM. */
must_check long pieces_read(struct pieces_reader *reader, char *to, size_t room);

/* How many bytes there are to read, in all. Makes all digits. -ENOMEM. */
must_check int pieces_size(const struct pieces *pieces, size_t *ret_size);

#endif
