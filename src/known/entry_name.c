/* SPDX-License-Identifier: Apache-2.0
 *
 * Making and reading of entry names.
 */
#include "known/entry_name.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum { SPACE_OWN = '\0', SPACE_ROOT = 'k', SPACE_GROUP = 'l' };

size_t entry_name_make_group(uint64_t group, struct entry_name *ret_name)
{
    ret_name->bytes[0] = group == 0 ? SPACE_ROOT : SPACE_GROUP;
    ret_name->size = 1;
    if (group != 0) {
        bytes_put_big_u64(ret_name->bytes + 1, group);
        ret_name->size += sizeof group;
    }
    return ret_name->size;
}

bool entry_name_make(uint64_t group, const char *rest, struct entry_name *ret_name)
{
    size_t size = strnlen(rest, ENTRY_NAME_PIECE + 1);
    bool link = size > ENTRY_NAME_PIECE;
    size = link ? ENTRY_NAME_PIECE : size;
    uint8_t *at = ret_name->bytes + entry_name_make_group(group, ret_name);
    memcpy(at, rest, size);
    if (link) {
        at[size++] = '\0';
    }
    ret_name->size += size;
    return link;
}

void entry_name_make_own(const char *word, struct entry_name *ret_name)
{
    size_t size = strnlen(word, ENTRY_NAME_SIZE_MAX - 1);
    ret_name->bytes[0] = SPACE_OWN;
    memcpy(ret_name->bytes + 1, word, size);
    ret_name->size = 1 + size;
}

int entry_name_parse(const void *bytes, size_t size, struct entry_name_parts *ret_parts)
{
    const uint8_t *at = bytes;
    struct entry_name_parts parts = {.kind = ENTRY_NAME_OBJECT};
    size_t head = 1;
    if (size > 0 && *at == SPACE_GROUP && size > 1 + sizeof parts.group) {
        head += sizeof parts.group;
        parts.group = bytes_get_big_u64(at + 1);
        if (parts.group == 0 || parts.group > ENTRY_NAME_GROUP_MAX) {
            return -EBADMSG;
        }
    } else if (size < 2 || (*at != SPACE_ROOT && *at != SPACE_OWN)) {
        return -EBADMSG;
    }
    parts.piece = (const char *)at + head;
    parts.size = size - head;
    if (*at == SPACE_OWN) {
        parts.kind = ENTRY_NAME_OWN;
    } else if (parts.size == ENTRY_NAME_PIECE + 1 && parts.piece[ENTRY_NAME_PIECE] == '\0') {
        parts.kind = ENTRY_NAME_LINK;
        parts.size = ENTRY_NAME_PIECE;
    }
    if (parts.size > ENTRY_NAME_PIECE || memchr(parts.piece, '\0', parts.size)) {
        return -EBADMSG;
    }
    *ret_parts = parts;
    return 0;
}
