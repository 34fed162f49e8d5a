/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes that do not resist attackers who know the seed: one for tables in memory, and one whose
 * values are stored. Pure; any thread. For digests of contents see cache/cache.h.
 */
#ifndef SITU_BASE_HASH_H
#define SITU_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* For tables in memory (XXH3): never store the value. */
uint64_t hash_bytes(const void *bytes, size_t size, uint64_t seed);

/* FNV-1a of a text. Its values are on disk, in the keys of long names in tables of known objects
 * and in the tokens of jobs that fill indexes, so it must never change. */
uint64_t hash_stored_text(const char *text);

#endif
