/* SPDX-License-Identifier: Apache-2.0
 *
 * The digest of a package. Reads every byte of it once. Any thread.
 */
#include "model/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "model/directory.h"

enum { READ_SIZE = 256 * 1024 };

static void cleanup_hash_function(EVP_MD_CTX **hash)
{
    EVP_MD_CTX_free(*hash);
}
#define cleanup_hash __attribute__((cleanup(cleanup_hash_function)))

static int hash_error(struct error *error)
{
    return error_set(error, ERROR_INTERNAL, "SHA-256 is not to be had from libcrypto");
}

static int hash_head(EVP_MD_CTX *hash, const char *path, uint64_t size)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(size >> (8 * i));
    }
    return EVP_DigestUpdate(hash, path, strlen(path) + 1) == 1 &&
                   EVP_DigestUpdate(hash, bytes, sizeof bytes) == 1
               ? 0
               : -EPROTO;
}

static int hash_file(EVP_MD_CTX *hash, int root, const char *path, char *chunk, struct error *error)
{
    cleanup_fd int fd = -1;
    uint64_t left = 0;
    int r = directory_open_file(root, path, &fd, &left, error);
    if (r < 0) {
        return r;
    }
    if (hash_head(hash, path, left) < 0) {
        return hash_error(error);
    }
    for (;;) {
        ssize_t got = read(fd, chunk, READ_SIZE);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            char text[96];
            return error_set(error, ERROR_IO, "'%.200s' cannot be read: %s", path,
                             error_text(errno, text, sizeof text));
        }
        if ((uint64_t)got > left || (got == 0 && left > 0)) {
            return error_set(error, ERROR_CHANGED, "'%.200s' changed while it was read", path);
        }
        if (got == 0) {
            return 0;
        }
        left -= (uint64_t)got;
        if (EVP_DigestUpdate(hash, chunk, (size_t)got) != 1) {
            return hash_error(error);
        }
    }
}

int digest_files(int root, const struct model_spec *spec, uint8_t ret_digest[MODEL_DIGEST_SIZE],
                 struct error *error)
{
    static const char prefix[] = "situ model package 1";
    cleanup_hash EVP_MD_CTX *hash = EVP_MD_CTX_new();
    cleanup_free char *chunk = malloc(READ_SIZE);
    if (!hash || !chunk) {
        return error_memory(error, "a model package");
    }
    if (EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1 ||
        EVP_DigestUpdate(hash, prefix, sizeof prefix) != 1) {
        return hash_error(error);
    }
    for (size_t i = 0; i < spec->file_count; i++) {
        int r = hash_file(hash, root, spec->files[i].path, chunk, error);
        if (r < 0) {
            return r;
        }
    }
    unsigned size = 0;
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (EVP_DigestFinal_ex(hash, digest, &size) != 1 || size != MODEL_DIGEST_SIZE) {
        return hash_error(error);
    }
    memcpy(ret_digest, digest, MODEL_DIGEST_SIZE);
    return 0;
}
