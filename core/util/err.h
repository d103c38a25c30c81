/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: a negative code for the caller to decide on and one sentence for a
 * person.  Functions return 0 or a code and fill a `struct err` that the
 * caller may leave NULL.
 */
#ifndef CORE_UTIL_ERR_H
#define CORE_UTIL_ERR_H

#include <slipway/plugin.h>

#include "core/util/macros.h"

/* Internal codes continue the SDK's closed list, which plugins return. */
enum err_code {
    ERR_OK = SLIPWAY_OK,
    ERR_INVALID = SLIPWAY_EINVAL,
    ERR_NOT_APPLICABLE = SLIPWAY_ENOTAPPLICABLE,
    ERR_IO = SLIPWAY_EIO,
    ERR_VERIFY = SLIPWAY_EVERIFY,
    ERR_NO_SPACE = SLIPWAY_ENOSPACE,
    ERR_CANCELLED = SLIPWAY_ECANCELLED,
    ERR_UNSUPPORTED = SLIPWAY_EUNSUPPORTED,
    ERR_INTERNAL = SLIPWAY_EINTERNAL,
    ERR_NOT_FOUND = -20,
    ERR_CONFLICT = -21,
    ERR_DENIED = -22,
    ERR_UNAVAILABLE = -23,
    ERR_TIMEOUT = -24,
    ERR_TOO_BIG = -25,
    ERR_CORRUPT = -26,
    ERR_UNKNOWN = -27, /* it may or may not have happened */
    ERR_NO_MEMORY = -28,
};

#define ERR_TEXT_BYTES 512

struct err {
    int code;
    char text[ERR_TEXT_BYTES]; /* one sentence, cut if it is too long */
};

#define ERR_INIT                                                               \
    {                                                                          \
        0, ""                                                                  \
    }

/* Records a failure and returns `code`; `err` may be NULL. */
int err_set(struct err *err, int code, const char *format, ...) PRINTF(3, 4);

/* The same, ending in ": " and the text of `number` (an errno). */
int err_set_errno(struct err *err, int code, int number, const char *format,
                  ...) PRINTF(4, 5);

/* Puts context before the sentence: "profile 'lab': ".  Returns err's code. */
int err_prefix(struct err *err, const char *format, ...) PRINTF(2, 3);

/* A word for a code, for logs and JSON: "invalid", "not-found". */
const char *err_word(int code);

/* The text of an errno, in storage of the calling thread. */
const char *err_errno_text(int number);

#endif
