/* SPDX-License-Identifier: Apache-2.0
 *
 * The records of the index's meta database, one unnamed LMDB database; the first byte of a key is
 * the kind. Every value begins with a CRC-32C over its key and the rest of it, since LMDB has no
 * checksums. Decoding is strict, for untrusted input. Pure; any thread.
 *
 *   'h'                    the head: format, shape, id, generation, counters
 *   'k' node piece         a key, or the first pieces of one (key_table.h): slot, child node
 *   'n'                    the owner's note
 *   's' slot               the slot's key and its row's tag, or since when it is free
 */
#ifndef SITU_INDEX_RECORDS_H
#define SITU_INDEX_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "index/index.h"

enum {
    RECORDS_FORMAT = 1,
    RECORD_HEAD_BYTES = 64,
    RECORD_ENTRY_BYTES = 16,
    RECORD_SLOT_BYTES = 16, /* before the key */
    RECORD_MAX = 4 + RECORD_SLOT_BYTES + INDEX_KEY_MAX,
    RECORD_PIECE = 502, /* LMDB's keys have at most 511 bytes */
    RECORD_KEY_MAX = 1 + 8 + RECORD_PIECE,
};

enum record_space {
    RECORD_SPACE_HEAD = 'h',
    RECORD_SPACE_KEY = 'k',
    RECORD_SPACE_NOTE = 'n',
    RECORD_SPACE_SLOT = 's',
};

#define NO_SLOT UINT32_MAX

struct record_key {
    size_t size;
    uint8_t bytes[RECORD_KEY_MAX];
};

struct record_value {
    size_t size;
    uint8_t bytes[RECORD_MAX];
};

/* The one record that every commit replaces. */
struct record_head {
    uint32_t format;
    struct index_shape shape;
    uint64_t id;          /* random: tells rows of another index */
    uint64_t generation;  /* of the commit that wrote it; 1 is the empty index */
    uint64_t next_number; /* of a row */
    uint64_t next_node;   /* of the key table */
    uint64_t slots;
    uint64_t live; /* of them */
};

struct record_entry {
    uint32_t slot;  /* NO_SLOT: no key ends here */
    uint64_t child; /* node of longer keys; 0: none */
};

struct record_slot {
    bool live;
    uint64_t tag;    /* live: of its row */
    uint64_t freed;  /* not live: the generation that freed it */
    const char *key; /* live: borrowed from the bytes read, without NUL */
    size_t key_size;
};

void record_head_key(struct record_key *ret_key);
void record_note_key(struct record_key *ret_key);
void record_slot_key(uint32_t slot, struct record_key *ret_key);
void record_entry_key(uint64_t node, const char *piece, size_t size, struct record_key *ret_key);

void record_head_encode(const struct record_head *head, struct record_value *ret_value);
void record_entry_encode(const struct record_key *key, const struct record_entry *entry,
                         struct record_value *ret_value);
void record_slot_encode(const struct record_key *key, const struct record_slot *slot,
                        struct record_value *ret_value);
/* At most INDEX_NOTE_MAX bytes. */
void record_note_encode(const void *note, size_t size, struct record_value *ret_value);

/* -EBADMSG where the checksum or the form is wrong; -ENOTSUP: a head of a newer format. */
must_check int record_head_decode(const void *value, size_t size, struct record_head *ret_head);
must_check int record_entry_decode(const void *key, size_t key_size, const void *value, size_t size,
                                   struct record_entry *ret_entry);
must_check int record_slot_decode(const void *key, size_t key_size, const void *value, size_t size,
                                  uint32_t *ret_number, struct record_slot *ret_slot);
must_check int record_note_decode(const void *value, size_t size, const uint8_t **ret_note,
                                  size_t *ret_size);

#endif
