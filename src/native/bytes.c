#include "bytes.h"

#include <stdlib.h>
#include <string.h>

enum {
    LEAST_ROOM = 256,           /* bytes: a typical header block */
    DOUBLED_ROOM = 1024 * 1024, /* 1 MiB: more grows by a quarter, so that little is unused */
};

static bool make_room(Bytes *bytes, size_t size) {
    size_t room = bytes->room ? bytes->room : LEAST_ROOM;
    while (room < size) {
        room += room < DOUBLED_ROOM ? room : room / 4;
    }
    size_t more = room - bytes->room;
    if (more == 0) { return true; }
    if (bytes->allowance != NULL && more > bytes->allowance->left) { return false; }
    char *at = realloc(bytes->at, room);
    if (at == NULL) { return false; }
    if (bytes->allowance != NULL) { bytes->allowance->left -= more; }
    bytes->at = at;
    bytes->room = room;
    return true;
}

bool bytes_add(Bytes *bytes, const char *more, size_t size) {
    if (!make_room(bytes, bytes->size + size)) { return false; }
    if (size > 0) { memcpy(bytes->at + bytes->size, more, size); }
    bytes->size += size;
    return true;
}

bool bytes_set(Bytes *bytes, const char *fresh, size_t size) {
    if (!make_room(bytes, size)) { return false; }
    bytes->size = 0;
    return bytes_add(bytes, fresh, size);
}

void bytes_cut(Bytes *bytes, size_t size) {
    bytes->size -= size;
    if (size > 0 && bytes->size > 0) { memmove(bytes->at, bytes->at + size, bytes->size); }
}

void bytes_clear(Bytes *bytes, size_t keep) {
    bytes->size = 0;
    if (bytes->room > keep) {
        if (bytes->allowance != NULL) { bytes->allowance->left += bytes->room; }
        free(bytes->at);
        bytes->at = NULL;
        bytes->room = 0;
    }
}

bool bytes_equal(const Bytes *bytes, const char *other, size_t size) {
    return bytes->size == size && (size == 0 || memcmp(bytes->at, other, size) == 0);
}
