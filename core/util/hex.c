/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of crypto.h that need no library, apart from it: who only writes
 * files must not be linked with GnuTLS.
 */
#include <string.h>
#include <sys/random.h>

#include "core/util/crypto.h"

void random_bytes(void *out, size_t length)
{
    uint8_t *at = out;
    while (length > 0) {
        ssize_t got = getrandom(at, MIN(length, (size_t)256), 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort(); /* keys from anything else would be worse */
        at += got;
        length -= (size_t)got;
    }
}

char *hex_format(const void *data, size_t length, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = data;
    for (size_t i = 0; i < length; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * length] = 0;
    return out;
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int hex_parse(const char *hex, void *out, size_t length)
{
    uint8_t *bytes = out;
    if (strlen(hex) != 2 * length)
        return -1;
    for (size_t i = 0; i < length; i++) {
        int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return -1;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}
