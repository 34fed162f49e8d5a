/* SPDX-License-Identifier: Apache-2.0
 *
 * Instruction sets that inner loops are written for, and whether this CPU has them. Any thread.
 */
#ifndef SITU_BASE_ISA_H
#define SITU_BASE_ISA_H

#include <stdbool.h>

enum isa {
    ISA_C, /* every CPU */
    ISA_AVX2,
    ISA_AVX512, /* F, BW, VL and VNNI */
    ISA_AVX512_VBMI,
    ISA_NEON, /* part of AArch64 */
};

bool isa_is_available(enum isa isa);

#endif
