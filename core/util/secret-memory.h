/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for secrets that are kept: pages of their own, which the kernel
 * neither swaps out (mlock(2)) nor writes into a core dump (MADV_DONTDUMP),
 * and which are wiped when they are freed.  A page at least for each: for
 * keys, plans and texts, not for thousands of small things.  Any thread.
 */
#ifndef CORE_UTIL_SECRET_MEMORY_H
#define CORE_UTIL_SECRET_MEMORY_H

#include <stddef.h>

/* Zeroed; NULL = no memory.  That it could not be locked is no failure: see
 * secret_memory_trouble. */
void *secret_new(size_t size_bytes);
/* A copy with a NUL behind it; NULL = no memory. */
char *secret_copy(const void *data, size_t length);
/* Wipes and frees what one of these gave; NULL is fine. */
void secret_free(void *secret);

/* 0, or the errno value with which the kernel first refused to lock: secrets
 * may then reach the swap space.  Who starts the program says so, once. */
int secret_memory_trouble(void);

/* From now on Jansson wipes what it frees, because values of secrets pass
 * through it as texts.  Before the first use of Jansson. */
void secret_memory_wipe_json(void);

#endif
