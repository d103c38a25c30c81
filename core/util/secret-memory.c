/* SPDX-License-Identifier: Apache-2.0 */
#include "core/util/secret-memory.h"

#include <errno.h>
#include <jansson.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* In front of what the caller gets; keeps its alignment. */
#define HEAD_BYTES 16

static atomic_int trouble;

static void refused(int number)
{
    int none = 0;
    (void)atomic_compare_exchange_strong(&trouble, &none, number);
}

void *secret_new(size_t size_bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (size_bytes > SIZE_MAX - HEAD_BYTES - page)
        return NULL;
    size_t length = (size_bytes + HEAD_BYTES + page - 1) / page * page;
    uint8_t *pages = mmap(NULL, length, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return NULL;
    /* Not mlock: AddressSanitizer turns that into nothing, and the tests look
     * at what the kernel says. */
    if (mlock2(pages, length, 0))
        refused(errno);
    if (madvise(pages, length, MADV_DONTDUMP))
        refused(errno);
    memcpy(pages, &length, sizeof(length));
    return pages + HEAD_BYTES;
}

char *secret_copy(const void *data, size_t length)
{
    char *copy = length < SIZE_MAX ? secret_new(length + 1) : NULL;
    if (copy)
        memcpy(copy, data, length);
    return copy;
}

void secret_free(void *secret)
{
    if (!secret)
        return;
    uint8_t *pages = (uint8_t *)secret - HEAD_BYTES;
    size_t length;
    memcpy(&length, pages, sizeof(length));
    explicit_bzero(pages, length);
    (void)munmap(pages, length); /* unlocks; it is whole pages of ours */
}

int secret_memory_trouble(void)
{
    return atomic_load(&trouble);
}

static void wiping_free(void *data)
{
    if (data)
        explicit_bzero(data, malloc_usable_size(data));
    free(data);
}

void secret_memory_wipe_json(void)
{
    json_set_alloc_funcs(malloc, wiping_free);
}
