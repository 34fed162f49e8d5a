/* SPDX-License-Identifier: Apache-2.0
 *
 * CRC-32C (Castagnoli; RFC 3720, appendix B.4): detects accidental damage, not manipulation. Uses
 * the processor's instruction if it has one. Pure; any thread.
 */
#ifndef SITU_BASE_CRC32C_H
#define SITU_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues `sum`, 0 at the beginning, with these bytes. */
uint32_t crc32c_add(uint32_t sum, const void *bytes, size_t size);

/* The same without that instruction; for tests. */
uint32_t crc32c_add_plain(uint32_t sum, const void *bytes, size_t size);

#endif
