/* SPDX-License-Identifier: Apache-2.0
 *
 * Chooses the inner loops by what the CPU has. The choice is process-wide: made once, or forced by
 * a test or the bench before it starts any work.
 */
#include "media/kernels.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "base/isa.h"
#include "media/media.h"

static const struct {
    const struct kernels *kernels;
    enum isa isa;
} forms[] = {
/* best first */
#ifdef __x86_64__
    {&kernels_avx512, ISA_AVX512_VBMI},
    {&kernels_avx2, ISA_AVX2},
#endif
#ifdef __aarch64__
    {&kernels_neon, ISA_NEON},
#endif
    {&kernels_c, ISA_C},
};

enum { FORM_COUNT = sizeof(forms) / sizeof(forms[0]) };

static _Atomic(const struct kernels *) *selection(void)
{
    static _Atomic(const struct kernels *) selected;
    return &selected;
}

const struct kernels *kernels_selected(void)
{
    const struct kernels *kernels = atomic_load(selection());
    for (int i = 0; !kernels && i < FORM_COUNT; i++) {
        kernels = isa_is_available(forms[i].isa) ? forms[i].kernels : NULL;
    }
    atomic_store(selection(), kernels);
    return kernels;
}

const char *media_isa(void)
{
    return kernels_selected()->name;
}

int media_select_isa(const char *name)
{
    for (int i = 0; i < FORM_COUNT; i++) {
        if (strcmp(forms[i].kernels->name, name) == 0 && isa_is_available(forms[i].isa)) {
            atomic_store(selection(), forms[i].kernels);
            return 0;
        }
    }
    return -ENOTSUP;
}

int kernels_prepare_rows(const struct kernels *kernels, struct coefficients *c)
{
    return c->packed_rows || !kernels->pack_rows ? 0 : kernels->pack_rows(c);
}

int kernels_prepare_columns(const struct kernels *kernels, struct coefficients *c)
{
    return c->packed_columns || !kernels->pack_columns ? 0 : kernels->pack_columns(c);
}
