/* SPDX-License-Identifier: Apache-2.0 */
/* TFTP requests (RFC 1350, 2347). */
#include "request.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct option_rule {
    const char *name;
    uint64_t min;
    uint64_t max;
};

static const struct option_rule rules[TFTP_OPTIONS] = {
    [TFTP_BLKSIZE] = {"blksize", 8, 65464},
    [TFTP_TIMEOUT] = {"timeout", 1, 255},
    [TFTP_TSIZE] = {"tsize", 0, UINT64_MAX / 10},
    [TFTP_WINDOWSIZE] = {"windowsize", 1, 65535},
};

/* Takes the next NUL-terminated text; NULL when there is none. */
static const char *take_text(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *text = *at;
    const uint8_t *nul =
        text < end ? memchr(text, 0, (size_t)(end - text)) : NULL;
    if (!nul)
        return NULL;
    *at = nul + 1;
    return (const char *)text;
}

/* Decimal digits only, at most 19 of them, which cannot overflow. */
static bool parse_number(const char *text, uint64_t *ret)
{
    uint64_t value = 0;
    size_t n = 0;
    for (; text[n] != '\0'; n++) {
        if (text[n] < '0' || text[n] > '9' || n >= 19)
            return false;
        value = value * 10 + (uint64_t)(text[n] - '0');
    }
    *ret = value;
    return n > 0;
}

/*
 * Copies a file name in the form that the table of published names uses:
 * backslashes are slashes, leading and doubled slashes go, letters are lower
 * case (published names are; DOS-minded loaders shout), and 0xFF bytes at the
 * end go, which old ROMs add when they read one byte past option 67.
 */
static int copy_name(const char *text, char out[TFTP_NAME_BYTES])
{
    size_t length = strlen(text);
    size_t n = 0;
    while (length > 0 && (uint8_t)text[length - 1] == 0xff)
        length--;
    for (size_t i = 0; i < length; i++) {
        char c = text[i] == '\\' ? '/' : text[i];
        if (c == '/' && (n == 0 || out[n - 1] == '/'))
            continue;
        if (c < 0x20 || c > 0x7e || n + 1 >= TFTP_NAME_BYTES)
            return -1;
        out[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    out[n] = '\0';
    return n > 0 ? 0 : -1;
}

/* A ".." component.  The table holds no such name anyway; the client is told
 * the difference between "no" and "not there". */
static bool climbs(const char *name)
{
    for (const char *at = name; *at != '\0';) {
        size_t length = strcspn(at, "/");
        if (length == 2 && at[0] == '.' && at[1] == '.')
            return true;
        at += length;
        at += *at == '/';
    }
    return false;
}

static void take_option(struct tftp_request *ret, const char *key,
                        const char *text)
{
    for (unsigned i = 0; i < TFTP_OPTIONS; i++) {
        struct tftp_asked *asked = &ret->options[i];
        uint64_t value;
        if (strcasecmp(key, rules[i].name) != 0)
            continue;
        if (asked->key[0] == '\0' && parse_number(text, &value) &&
            value >= rules[i].min && value <= rules[i].max) {
            memcpy(asked->key, key, strlen(key) + 1);
            asked->value = value;
            asked->order = ret->option_count++;
        }
        return;
    }
}

static int refuse(struct tftp_refusal *ret, enum tftp_error code,
                  const char *text)
{
    *ret = (struct tftp_refusal){code, text};
    return -1;
}

int tftp_request_parse(const uint8_t *data, size_t length,
                       struct tftp_request *ret,
                       struct tftp_refusal *ret_refusal)
{
    const uint8_t *at = data + 2;
    const uint8_t *end = data + length;
    memset(ret, 0, sizeof(*ret));
    if (length < 2 || length > TFTP_REQUEST_MAX)
        return refuse(ret_refusal, TFTP_E_ILLEGAL, "request too long");
    const char *name = take_text(&at, end);
    const char *mode = name ? take_text(&at, end) : NULL;
    if (!mode)
        return refuse(ret_refusal, TFTP_E_ILLEGAL, "malformed request");
    if (strcasecmp(mode, "netascii") == 0)
        return refuse(ret_refusal, TFTP_E_UNDEFINED,
                      "netascii is not served, use octet mode");
    if (strcasecmp(mode, "octet") != 0)
        return refuse(ret_refusal, TFTP_E_ILLEGAL, "unknown mode");
    if (copy_name(name, ret->name))
        return refuse(ret_refusal, TFTP_E_NOT_FOUND, "no such file");
    if (climbs(ret->name))
        return refuse(ret_refusal, TFTP_E_ACCESS, "access denied");
    for (;;) {
        const char *key = take_text(&at, end);
        const char *value = key ? take_text(&at, end) : NULL;
        if (!value)
            return 0; /* the rest is padding, which some loaders send */
        take_option(ret, key, value);
    }
}

void tftp_request_forget(struct tftp_request *request, enum tftp_option option)
{
    request->options[option].key[0] = '\0';
}

size_t tftp_oack(const struct tftp_request *request, uint8_t out[TFTP_OACK_MAX])
{
    size_t length = 2;
    out[0] = 0;
    out[1] = TFTP_OACK;
    for (uint32_t order = 0; order < request->option_count; order++) {
        for (unsigned i = 0; i < TFTP_OPTIONS; i++) {
            const struct tftp_asked *asked = &request->options[i];
            if (asked->key[0] == '\0' || asked->order != order)
                continue;
            int n = snprintf((char *)out + length, TFTP_OACK_MAX - length,
                             "%s%c%" PRIu64, asked->key, '\0', asked->value);
            length += (size_t)n + 1;
        }
    }
    return length > 2 ? length : 0;
}

size_t tftp_error(enum tftp_error code, const char *text,
                  uint8_t out[TFTP_ERROR_MAX])
{
    out[0] = 0;
    out[1] = TFTP_ERROR;
    out[2] = 0;
    out[3] = (uint8_t)code;
    int n = snprintf((char *)out + TFTP_HEADER_BYTES,
                     TFTP_ERROR_MAX - TFTP_HEADER_BYTES, "%s", text);
    size_t room = TFTP_ERROR_MAX - TFTP_HEADER_BYTES - 1;
    return TFTP_HEADER_BYTES + ((size_t)n < room ? (size_t)n : room) + 1;
}
