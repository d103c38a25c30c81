/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: see err.h. */
#include "core/util/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int code;
    const char *word;
} words[] = {
    {ERR_OK, "ok"},
    {ERR_INVALID, "invalid"},
    {ERR_NOT_APPLICABLE, "not-applicable"},
    {ERR_IO, "io"},
    {ERR_VERIFY, "verify"},
    {ERR_NO_SPACE, "no-space"},
    {ERR_CANCELLED, "cancelled"},
    {ERR_UNSUPPORTED, "unsupported"},
    {ERR_INTERNAL, "internal"},
    {ERR_NOT_FOUND, "not-found"},
    {ERR_CONFLICT, "conflict"},
    {ERR_DENIED, "denied"},
    {ERR_UNAVAILABLE, "unavailable"},
    {ERR_TIMEOUT, "timeout"},
    {ERR_TOO_BIG, "too-big"},
    {ERR_CORRUPT, "corrupt"},
    {ERR_UNKNOWN, "unknown"},
    {ERR_NO_MEMORY, "no-memory"},
};

const char *err_word(int code)
{
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
        if (words[i].code == code)
            return words[i].word;
    return "unknown";
}

const char *err_errno_text(int number)
{
    static _Thread_local char text[128];
    /* The GNU strerror_r may answer with storage of its own. */
    return strerror_r(number, text, sizeof(text));
}

int err_set(struct err *err, int code, const char *format, ...)
{
    if (!err)
        return code;
    va_list args;
    va_start(args, format);
    err->code = code;
    (void)vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    return code;
}

int err_set_errno(struct err *err, int code, int number, const char *format,
                  ...)
{
    if (!err)
        return code;
    va_list args;
    va_start(args, format);
    err->code = code;
    int used = vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    if (used >= 0 && (size_t)used < sizeof(err->text))
        (void)snprintf(err->text + used, sizeof(err->text) - (size_t)used,
                       ": %s", err_errno_text(number));
    return code;
}

int err_prefix(struct err *err, const char *format, ...)
{
    if (!err)
        return ERR_INTERNAL;
    char old[ERR_TEXT_BYTES];
    memcpy(old, err->text, sizeof(old));
    va_list args;
    va_start(args, format);
    int used = vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    if (used >= 0 && (size_t)used < sizeof(err->text))
        (void)snprintf(err->text + used, sizeof(err->text) - (size_t)used,
                       "%s", old);
    return err->code;
}
