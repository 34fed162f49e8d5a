/* SPDX-License-Identifier: Apache-2.0
 *
 * What the CPU has: see isa.h.
 */
#include "base/isa.h"

#ifdef __x86_64__
static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}
#endif

bool isa_is_available(enum isa isa)
{
    switch (isa) {
    case ISA_C:
        return true;
#ifdef __x86_64__
    case ISA_AVX2:
        return __builtin_cpu_supports("avx2");
    case ISA_AVX512:
        return has_avx512();
    case ISA_AVX512_VBMI:
        return has_avx512() && __builtin_cpu_supports("avx512vbmi");
#endif
#ifdef __aarch64__
    case ISA_NEON:
        return true;
#endif
    default:
        return false;
    }
}
