/* SPDX-License-Identifier: Apache-2.0
 *
 * Making and reading of entry names.
 */
#include "known/name.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum { SPACE_OWN = '\0', SPACE_ROOT = 'k', SPACE_GROUP = 'l' };

size_t name_make_group(uint64_t group, struct name *ret_name)
{
    ret_name->bytes[0] = group == 0 ? SPACE_ROOT : SPACE_GROUP;
    ret_name->size = 1;
    if (group != 0) {
        bytes_put_big_u64(ret_name->bytes + 1, group);
        ret_name->size += sizeof group;
    }
    return ret_name->size;
}

bool name_make(uint64_t group, const char *rest, struct name *ret_name)
{
    size_t size = strnlen(rest, NAME_PIECE + 1);
    bool link = size > NAME_PIECE;
    size = link ? NAME_PIECE : size;
    uint8_t *at = ret_name->bytes + name_make_group(group, ret_name);
    memcpy(at, rest, size);
    if (link) {
        at[size++] = '\0';
    }
    ret_name->size += size;
    return link;
}

void name_make_own(const char *word, struct name *ret_name)
{
    size_t size = strnlen(word, NAME_SIZE_MAX - 1);
    ret_name->bytes[0] = SPACE_OWN;
    memcpy(ret_name->bytes + 1, word, size);
    ret_name->size = 1 + size;
}

int name_parse(const void *bytes, size_t size, struct name_parts *ret_parts)
{
    const uint8_t *at = bytes;
    struct name_parts parts = {.kind = NAME_OBJECT};
    size_t head = 1;
    if (size > 0 && *at == SPACE_GROUP && size > 1 + sizeof parts.group) {
        head += sizeof parts.group;
        parts.group = bytes_get_big_u64(at + 1);
        if (parts.group == 0 || parts.group > NAME_GROUP_MAX) {
            return -EBADMSG;
        }
    } else if (size < 2 || (*at != SPACE_ROOT && *at != SPACE_OWN)) {
        return -EBADMSG;
    }
    parts.piece = (const char *)at + head;
    parts.size = size - head;
    if (*at == SPACE_OWN) {
        parts.kind = NAME_OWN;
    } else if (parts.size == NAME_PIECE + 1 && parts.piece[NAME_PIECE] == '\0') {
        parts.kind = NAME_LINK;
        parts.size = NAME_PIECE;
    }
    if (parts.size > NAME_PIECE || memchr(parts.piece, '\0', parts.size)) {
        return -EBADMSG;
    }
    *ret_parts = parts;
    return 0;
}
