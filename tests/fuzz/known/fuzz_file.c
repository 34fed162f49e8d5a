/* SPDX-License-Identifier: Apache-2.0
 *
 * Opens a table with any bytes as its data file, walks it and writes to it: damage is reported at
 * opening or does no harm. LMDB trusts its file, so a gap in the check would be a signal here.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "known/known.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *directory(void)
{
    static char path[64];
    if (path[0] == '\0') {
        (void)snprintf(path, sizeof path, "/tmp/situ-fuzz-known-%d", (int)getpid());
    }
    return path;
}

static void remove_directory(void)
{
    struct error error;
    (void)!known_remove(directory(), &error);
}

static void walk_all(struct known *known)
{
    struct known_walk *walk = NULL;
    struct known_object object;
    struct error error;
    const char *key = NULL;
    uint64_t seen = 0;
    if (known_walk_new(known, "", "a", &walk, &error) == 0) {
        while (known_walk_next(walk, &key, &object, &error) == 1) {
            if (++seen > known_count(known)) {
                abort();
            }
        }
    }
    known_walk_free(walk);
}

static void write_some(struct known *known)
{
    static const struct known_object object = {.state = KNOWN_GOOD, .trusted = true};
    char key[1025];
    struct error error;
    struct known_batch *batch = NULL;
    memset(key, 'm', sizeof key);
    if (known_batch_new(known, &batch) < 0) {
        return;
    }
    for (size_t length = 1; length <= 1024; length += 93) {
        key[length] = '\0';
        if (known_batch_put(batch, key, &object) < 0 || known_batch_remove(batch, "b") < 0) {
            abort();
        }
        key[length] = 'm';
    }
    (void)!known_batch_commit(batch, "note", 4, &error);
    known_batch_free(batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[96];
    char note[256];
    size_t note_size = 0;
    struct error error;
    struct known *known = NULL;
    if (access(directory(), F_OK) < 0) {
        (void)atexit(remove_directory);
        (void)!known_open(directory(), 0, &known, &error);
        known_close(known);
        known = NULL;
    }
    (void)snprintf(path, sizeof path, "%s/data.mdb", directory());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size || close(fd) < 0) {
        abort();
    }
    if (known_open(directory(), UINT64_C(1) << 22, &known, &error) < 0) {
        return 0;
    }
    (void)!known_note(known, note, sizeof note, &note_size, &error);
    walk_all(known);
    write_some(known);
    walk_all(known);
    known_close(known);
    return 0;
}
