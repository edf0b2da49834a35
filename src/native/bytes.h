/* Bytes in memory that grows, as far as an allowance that several of them share. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Memory that may still be taken. */
typedef struct {
    size_t left; /* bytes */
} Allowance;

typedef struct {
    char *at;
    size_t size, room;    /* bytes in use; bytes there is memory for */
    Allowance *allowance; /* the memory is a part of it; NULL: no limit */
} Bytes;

/* Append; false if there is no memory, which changes nothing. */
bool bytes_add(Bytes *bytes, const char *more, size_t size);

/* Replace all of it; `fresh` may not point into it. False if there is no memory, as above. */
bool bytes_set(Bytes *bytes, const char *fresh, size_t size);

/* Forget the first `size` bytes. */
void bytes_cut(Bytes *bytes, size_t size);

/* Forget all of it, and free the memory if it is more than `keep` bytes. */
void bytes_clear(Bytes *bytes, size_t keep);

bool bytes_equal(const Bytes *bytes, const char *other, size_t size);
