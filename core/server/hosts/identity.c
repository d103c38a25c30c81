/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/hosts/identity.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Defaults that boards of several vendors were shipped with; machines that
 * show one of them cannot be told apart by it. */
static const char *const shared_uuids[] = {
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "03000200-0400-0500-0006-000700080009",
    "00020003-0004-0005-0006-000700080009",
    "12345678-1234-5678-90ab-cddeefaabbcc",
    "78563412-3412-7856-90ab-cddeefaabbcc",
    "fefefefe-fefe-fefe-fefe-fefefefefefe",
    "11111111-1111-1111-1111-111111111111",
    "00000000-0000-0000-0000-ac1f6b000000",
};

int identity_mac_parse(const char *text, char ret[IDENTITY_MAC_BYTES],
                       struct err *err)
{
    char out[IDENTITY_MAC_BYTES];
    bool good = strlen(text) == IDENTITY_MAC_BYTES - 1;
    for (size_t i = 0; good && i < IDENTITY_MAC_BYTES - 1; i++) {
        unsigned char c = (unsigned char)text[i];
        if (i % 3 == 2) {
            good = c == text[2] && (c == ':' || c == '-');
            out[i] = ':';
        } else {
            good = isxdigit(c);
            out[i] = (char)tolower(c);
        }
    }
    if (!good)
        return err_set(err, ERR_INVALID,
                       "'%.40s' is not a MAC address like 52:54:00:12:34:56",
                       text);
    out[IDENTITY_MAC_BYTES - 1] = '\0';
    /* The lowest bit of the first octet marks a group address. */
    if (strchr("13579bdf", out[1]) || strcmp(out, "00:00:00:00:00:00") == 0)
        return err_set(err, ERR_INVALID,
                       "'%s' is not the address of one network port", out);
    memcpy(ret, out, sizeof(out));
    return 0;
}

bool identity_uuid_shared(const char uuid[IDENTITY_UUID_BYTES])
{
    for (size_t i = 0; i < sizeof(shared_uuids) / sizeof(*shared_uuids); i++)
        if (strcmp(shared_uuids[i], uuid) == 0)
            return true;
    return false;
}

int identity_uuid_parse(const char *text, char ret[IDENTITY_UUID_BYTES],
                        struct err *err)
{
    char out[IDENTITY_UUID_BYTES];
    bool good = strlen(text) == IDENTITY_UUID_BYTES - 1;
    for (size_t i = 0; good && i < IDENTITY_UUID_BYTES - 1; i++) {
        unsigned char c = (unsigned char)text[i];
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        good = hyphen ? c == '-' : isxdigit(c);
        out[i] = (char)tolower(c);
    }
    if (!good)
        return err_set(err, ERR_INVALID, "'%.40s' is not a UUID", text);
    out[IDENTITY_UUID_BYTES - 1] = '\0';
    if (identity_uuid_shared(out))
        return err_set(err, ERR_INVALID,
                       "UUID %s is a default that many machines share; name "
                       "the host by a MAC address",
                       out);
    memcpy(ret, out, sizeof(out));
    return 0;
}

/* Reverses `bytes` pairs of digits that begin at `at`. */
static void reverse(char *at, size_t bytes)
{
    for (size_t i = 0; i < bytes / 2; i++)
        for (size_t k = 0; k < 2; k++) {
            char *a = &at[2 * i + k], *b = &at[2 * (bytes - 1 - i) + k];
            char c = *a;
            *a = *b;
            *b = c;
        }
}

void identity_uuid_swap(const char uuid[IDENTITY_UUID_BYTES],
                        char ret[IDENTITY_UUID_BYTES])
{
    memmove(ret, uuid, IDENTITY_UUID_BYTES);
    reverse(ret, 4);
    reverse(ret + 9, 2);
    reverse(ret + 14, 2);
}

void identity_mac_key(const char mac[IDENTITY_MAC_BYTES],
                      char ret[IDENTITY_KEY_BYTES])
{
    snprintf(ret, IDENTITY_KEY_BYTES, "mac/%.2s%.2s%.2s%.2s%.2s%.2s", mac,
             mac + 3, mac + 6, mac + 9, mac + 12, mac + 15);
}

void identity_uuid_key(const char uuid[IDENTITY_UUID_BYTES],
                       char ret[IDENTITY_KEY_BYTES])
{
    snprintf(ret, IDENTITY_KEY_BYTES, "uuid/%s", uuid);
}
