/* SPDX-License-Identifier: Apache-2.0
 *
 * Chooses the inner loops by the CPU's features. The choice is process-wide: made once, or set by a
 * test or a benchmark before any work starts.
 */
#include "index/scan_kernels.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "base/isa.h"
#include "index/index.h"

static const struct {
    const struct scan_kernels *kernels;
    enum isa isa;
} forms[] = {
/* best first */
#ifdef __x86_64__
    {&scan_kernels_avx512, ISA_AVX512},
    {&scan_kernels_avx2, ISA_AVX2},
#endif
#ifdef __aarch64__
    {&scan_kernels_neon, ISA_NEON},
#endif
    {&scan_kernels_c, ISA_C},
};

enum { FORM_COUNT = sizeof(forms) / sizeof(forms[0]) };

static _Atomic(const struct scan_kernels *) *selection(void)
{
    static _Atomic(const struct scan_kernels *) selected;
    return &selected;
}

const struct scan_kernels *scan_kernels_selected(void)
{
    const struct scan_kernels *kernels = atomic_load(selection());
    if (kernels) {
        return kernels;
    }
    for (int i = 0; !kernels && i < FORM_COUNT; i++) {
        kernels = isa_is_available(forms[i].isa) ? forms[i].kernels : NULL;
    }
    atomic_store(selection(), kernels);
    return kernels;
}

const char *index_isa(void)
{
    return scan_kernels_selected()->name;
}

int index_select_isa(const char *name)
{
    for (int i = 0; i < FORM_COUNT; i++) {
        if (strcmp(forms[i].kernels->name, name) == 0 && isa_is_available(forms[i].isa)) {
            atomic_store(selection(), forms[i].kernels);
            return 0;
        }
    }
    return -ENOTSUP;
}
