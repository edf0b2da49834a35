/* A growing run of bytes. */
#ifndef WHICHWORKER_BYTES_H
#define WHICHWORKER_BYTES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char *at;
    size_t size;
    size_t room;
} Bytes;

/* Append; false when there is no memory, and nothing is changed then. */
bool bytes_add(Bytes *bytes, const char *more, size_t size);

/* Replace all of it; `fresh` may not point into it. */
bool bytes_set(Bytes *bytes, const char *fresh, size_t size);

/* Forget the first `size` bytes. */
void bytes_cut(Bytes *bytes, size_t size);

/* Forget all of it, and give the memory back where it is more than `keep` bytes. */
void bytes_clear(Bytes *bytes, size_t keep);

bool bytes_equal(const Bytes *bytes, const char *other, size_t size);

#endif
