/* SPDX-License-Identifier: Apache-2.0
 *
 * The digests that keys are made of: of contents, store names and tasks. Any thread.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/bytes.h"
#include "cache/cache.h"

int cache_hash(const void *bytes, size_t size, struct cache_digest *ret_digest)
{
    unsigned length = 0;
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (EVP_Digest(bytes, size, digest, &length, EVP_sha256(), NULL) != 1 ||
        length != sizeof ret_digest->bytes) {
        return -EPROTO;
    }
    memcpy(ret_digest->bytes, digest, sizeof ret_digest->bytes);
    return 0;
}

int cache_store_id(const char *name, uint64_t *ret_id)
{
    struct cache_digest digest;
    int r = cache_hash(name, strlen(name), &digest);
    if (r == 0) {
        *ret_id = bytes_get_u64(digest.bytes);
    }
    return r;
}

static void cleanup_hash_function(EVP_MD_CTX **hash)
{
    EVP_MD_CTX_free(*hash);
}

int cache_task_digest(const uint8_t model_digest[32], const void *parameters, size_t size,
                      struct cache_digest *ret_task)
{
    static const char prefix[] = "situ task 1";
    __attribute__((cleanup(cleanup_hash_function))) EVP_MD_CTX *hash = EVP_MD_CTX_new();
    unsigned length = 0;
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (!hash) {
        return -ENOMEM;
    }
    if (EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1 ||
        EVP_DigestUpdate(hash, prefix, sizeof prefix) != 1 ||
        EVP_DigestUpdate(hash, model_digest, 32) != 1 ||
        EVP_DigestUpdate(hash, parameters, size) != 1 ||
        EVP_DigestFinal_ex(hash, digest, &length) != 1 || length != sizeof ret_task->bytes) {
        return -EPROTO;
    }
    memcpy(ret_task->bytes, digest, sizeof ret_task->bytes);
    return 0;
}
