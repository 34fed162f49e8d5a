/* SPDX-License-Identifier: Apache-2.0
 *
 * CRC-32C with the instruction of x86-64 (SSE 4.2) or AArch64, eight bytes at a time; otherwise
 * with a table for half bytes, which is small and slow. The polynomial is 0x1EDC6F41, bit-reversed.
 */
#include "base/crc32c.h"

#include <stdbool.h>
#include <string.h>

#if defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#endif

uint32_t crc32c_add_plain(uint32_t sum, const void *bytes, size_t size)
{
    static const uint32_t half[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    const uint8_t *at = bytes;
    uint32_t rest = ~sum;
    for (size_t i = 0; i < size; i++) {
        rest ^= at[i];
        rest = rest >> 4 ^ half[rest & 15];
        rest = rest >> 4 ^ half[rest & 15];
    }
    return ~rest;
}

#if defined(__x86_64__)

static bool has_instruction(void)
{
    return __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2"))) static uint32_t add_fast(uint32_t sum, const uint8_t *at,
                                                           size_t size)
{
    uint64_t rest = ~sum;
    for (; size >= 8; size -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        rest = __builtin_ia32_crc32di(rest, word);
    }
    uint32_t low = (uint32_t)rest;
    for (; size > 0; size--, at++) {
        low = __builtin_ia32_crc32qi(low, *at);
    }
    return ~low;
}

#elif defined(__aarch64__)

static bool has_instruction(void)
{
    return (getauxval(AT_HWCAP) & (1UL << 7)) != 0; /* HWCAP_CRC32 */
}

__attribute__((target("+crc"))) static uint32_t add_fast(uint32_t sum, const uint8_t *at,
                                                         size_t size)
{
    uint32_t rest = ~sum;
    for (; size >= 8; size -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        rest = __crc32cd(rest, word);
    }
    for (; size > 0; size--, at++) {
        rest = __crc32cb(rest, *at);
    }
    return ~rest;
}

#else

static bool has_instruction(void)
{
    return false;
}

static uint32_t add_fast(uint32_t sum, const uint8_t *at, size_t size)
{
    return crc32c_add_plain(sum, at, size);
}

#endif

uint32_t crc32c_add(uint32_t sum, const void *bytes, size_t size)
{
    return has_instruction() ? add_fast(sum, bytes, size) : crc32c_add_plain(sum, bytes, size);
}
