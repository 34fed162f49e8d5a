/* SPDX-License-Identifier: Apache-2.0
 *
 * Chooses the inner loops by what the CPU has. The choice is process-wide: made once, or forced by
 * a test or the bench before it starts any work.
 */
#include "media/kernels.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "media/media.h"

static int has_c(void)
{
    return 1;
}

#ifdef __x86_64__
static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

static int has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
           __builtin_cpu_supports("avx512vnni");
}
#endif

#ifdef __aarch64__
static int has_neon(void)
{
    return 1; /* part of the base architecture */
}
#endif

static const struct {
    const struct kernels *kernels;
    int (*available)(void);
} forms[] = {
/* best first */
#ifdef __x86_64__
    {&kernels_avx512, has_avx512},
    {&kernels_avx2, has_avx2},
#endif
#ifdef __aarch64__
    {&kernels_neon, has_neon},
#endif
    {&kernels_c, has_c},
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
        kernels = forms[i].available() ? forms[i].kernels : NULL;
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
        if (strcmp(forms[i].kernels->name, name) == 0 && forms[i].available()) {
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
