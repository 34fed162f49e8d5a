/* SPDX-License-Identifier: Apache-2.0
 *
 * CRC-32C (Castagnoli; RFC 3720, appendix B.4): against bytes that changed by themselves, not
 * against people. By the processor's own instruction where it has one. Pure; any thread.
 */
#ifndef SITU_BASE_CRC32C_H
#define SITU_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The sum of what `sum` stands for (0 at the beginning) and the bytes behind it. */
uint32_t crc32c_add(uint32_t sum, const void *bytes, size_t size);

/* The same without that instruction; for tests. */
uint32_t crc32c_add_plain(uint32_t sum, const void *bytes, size_t size);

#endif
