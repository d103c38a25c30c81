/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes and scope clean-up, for every file of core. */
#ifndef CORE_UTIL_MACROS_H
#define CORE_UTIL_MACROS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define PRINTF(text, first) __attribute__((format(printf, text, first)))
#define MUST_CHECK __attribute__((warn_unused_result))
#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define CONTAINER_OF(pointer, type, member)                                    \
    ((type *)((char *)(pointer)-offsetof(type, member)))

/* Moves ownership out of a scope-managed variable. */
#define TAKE(pointer)                                                          \
    __extension__({                                                            \
        __typeof__(pointer) taken_ = (pointer);                                \
        (pointer) = NULL;                                                      \
        taken_;                                                                \
    })
#define TAKE_FD(fd)                                                            \
    __extension__({                                                            \
        int taken_ = (fd);                                                     \
        (fd) = -1;                                                             \
        taken_;                                                                \
    })

static inline void auto_free(void *pointer)
{
    free(*(void **)pointer);
}
static inline void auto_close(int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        (void)close(*fd); /* nothing to do about a failure here */
    errno = saved;
}

/* Freed or closed when the variable's scope ends; always initialise. */
#define AUTO_FREE __attribute__((cleanup(auto_free)))
#define AUTO_CLOSE __attribute__((cleanup(auto_close)))

/* AUTO_<TYPE> for a type with a free function that takes NULL. */
#define DEFINE_AUTO(name, type, free_function)                                 \
    static inline void auto_##name(type **pointer)                             \
    {                                                                          \
        free_function(*pointer);                                               \
    }

#endif
