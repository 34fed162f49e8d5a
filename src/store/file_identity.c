/* SPDX-License-Identifier: Apache-2.0
 *
 * Identities of files, and the rules about their time stamps.
 */
#include "store/file_identity.h"

#include "base/clock.h"

/* Twice the coarsest tick of a kernel's clock (HZ=100), and the coarsest unit of a file system that
 * stores whole seconds only (FAT: two). */
#define FRESH_NS (20 * NS_PER_MS)
#define FRESH_WHOLE_SECONDS_NS (2 * NS_PER_S)
/* Clocks of machines that share files do not differ by so much. A camera's may, and mtime can be
 * set. */
#define CTIME_AHEAD_NS (INT64_C(24) * 3600 * NS_PER_S)
#define MTIME_AHEAD_NS (INT64_C(1) * 3600 * NS_PER_S)
/* Copies over a network rarely stall for longer. */
#define SETTLE_NS (500 * NS_PER_MS)

enum { FILESYSTEM, INODE, SIZE, MTIME, CTIME };

struct identity file_identity_pack(const struct file_identity *file)
{
    const uint64_t words[IDENTITY_WORDS] = {[FILESYSTEM] = file->filesystem,
                                            [INODE] = file->inode,
                                            [SIZE] = file->size_bytes,
                                            [MTIME] = (uint64_t)file->mtime_ns,
                                            [CTIME] = (uint64_t)file->ctime_ns};
    return identity_of_words(words);
}

struct file_identity file_identity_unpack(const struct identity *identity)
{
    return (struct file_identity){.filesystem = identity_word(identity, FILESYSTEM),
                                  .inode = identity_word(identity, INODE),
                                  .size_bytes = identity_word(identity, SIZE),
                                  .mtime_ns = (int64_t)identity_word(identity, MTIME),
                                  .ctime_ns = (int64_t)identity_word(identity, CTIME)};
}

static bool is_fresh(int64_t changed_ns, int64_t now_ns, int64_t ahead_ns)
{
    int64_t fresh_ns = changed_ns % NS_PER_S == 0 ? FRESH_WHOLE_SECONDS_NS : FRESH_NS;
    return changed_ns > now_ns - fresh_ns && changed_ns < now_ns + ahead_ns;
}

bool file_identity_times_are_fresh(int64_t mtime_ns, int64_t ctime_ns, int64_t now_ns)
{
    return is_fresh(ctime_ns, now_ns, CTIME_AHEAD_NS) || is_fresh(mtime_ns, now_ns, MTIME_AHEAD_NS);
}

bool file_identity_is_fresh(const struct identity *identity, int64_t now_ns)
{
    struct file_identity file = file_identity_unpack(identity);
    return file_identity_times_are_fresh(file.mtime_ns, file.ctime_ns, now_ns);
}

static int64_t left_ns(int64_t changed_ns, int64_t now_ns)
{
    int64_t settle_ns = changed_ns % NS_PER_S == 0 ? FRESH_WHOLE_SECONDS_NS : SETTLE_NS;
    bool lately = changed_ns > now_ns - settle_ns && changed_ns <= now_ns + FRESH_NS;
    return lately ? changed_ns + settle_ns - now_ns : 0;
}

int64_t file_identity_settles_in_ns(const struct identity *identity, int64_t now_ns)
{
    struct file_identity file = file_identity_unpack(identity);
    int64_t by_ctime_ns = left_ns(file.ctime_ns, now_ns);
    int64_t by_mtime_ns = left_ns(file.mtime_ns, now_ns);
    return by_ctime_ns > by_mtime_ns ? by_ctime_ns : by_mtime_ns;
}

bool file_identity_is_same_remounted(const struct identity *before, const struct identity *now)
{
    struct file_identity a = file_identity_unpack(before);
    struct file_identity b = file_identity_unpack(now);
    return a.inode == b.inode && a.size_bytes == b.size_bytes && a.mtime_ns == b.mtime_ns;
}
