/* SPDX-License-Identifier: Apache-2.0 */
/* Vendor options of PXE and of the rendezvous. */
#include "core/boot/pxe.h"

#include <string.h>

#include "core/util/bytes.h"

enum { RENDEZVOUS_SERVERS = 1, RENDEZVOUS_TICKET = 2 };

const uint8_t pxe_direct_boot[PXE_DIRECT_BOOT_BYTES] = {
    PXE_TAG_DISCOVERY_CONTROL, 1, 0x08, 0xff};

const uint8_t *vendor_option(const uint8_t *data, size_t length, uint8_t tag,
                             size_t *ret_length)
{
    struct cursor c = cursor_on(data, length);
    while (cursor_left(&c) > 0) {
        uint8_t code = cursor_u8(&c);
        if (code == OPTION_PAD)
            continue;
        if (code == OPTION_END)
            return NULL;
        uint8_t size = cursor_u8(&c);
        const uint8_t *value = cursor_take(&c, size);
        if (!c.bad && code == tag) {
            *ret_length = size;
            return value;
        }
    }
    return NULL;
}

bool pxe_boot_item(const struct packet *packet, uint16_t *ret_type,
                   uint16_t *ret_layer)
{
    size_t length;
    const uint8_t *vendor = packet_option(packet, OPTION_VENDOR, &length);
    if (!vendor)
        return false;
    size_t size;
    const uint8_t *item =
        vendor_option(vendor, length, PXE_TAG_BOOT_ITEM, &size);
    if (!item || size != 4)
        return false;
    *ret_type = get_be16(item);
    *ret_layer = get_be16(item + 2);
    return true;
}

static bool ticket_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool ticket_ok(const char *ticket)
{
    size_t length = strlen(ticket);
    if (length == 0)
        return true;
    for (size_t i = 0; i < length; i++)
        if (!ticket_char(ticket[i]))
            return false;
    return length == RENDEZVOUS_TICKET_BYTES - 1;
}

/* Printable and without spaces; what an address is, the connector checks. */
static bool servers_ok(const char *servers)
{
    if (servers[0] == '\0')
        return false;
    for (const char *at = servers; *at; at++)
        if (*at <= ' ' || *at > '~')
            return false;
    return true;
}

static void put_vendor(uint8_t *out, size_t *at, uint8_t tag, const char *text)
{
    size_t length = strlen(text);
    out[(*at)++] = tag;
    out[(*at)++] = (uint8_t)length;
    memcpy(out + *at, text, length);
    *at += length;
}

int rendezvous_format(const struct rendezvous *rendezvous,
                      uint8_t out[RENDEZVOUS_VENDOR_MAX], size_t *ret_length,
                      struct err *err)
{
    size_t at = 0;
    if (!servers_ok(rendezvous->servers))
        return err_set(err, ERR_INVALID,
                       "the server list for engines is empty or has spaces");
    if (!ticket_ok(rendezvous->ticket))
        return err_set(err, ERR_INVALID,
                       "a boot ticket must be 43 characters of base64url");
    put_vendor(out, &at, RENDEZVOUS_SERVERS, rendezvous->servers);
    if (rendezvous->ticket[0] != '\0')
        put_vendor(out, &at, RENDEZVOUS_TICKET, rendezvous->ticket);
    out[at++] = OPTION_END;
    *ret_length = at;
    return 0;
}

/* False when the sub-option is there and does not fit or holds a NUL. */
static bool take_text(const uint8_t *data, size_t length, uint8_t tag,
                      char *out, size_t size)
{
    size_t n;
    out[0] = '\0';
    const uint8_t *value = vendor_option(data, length, tag, &n);
    if (!value)
        return true;
    if (n >= size || memchr(value, '\0', n))
        return false;
    memcpy(out, value, n);
    out[n] = '\0';
    return true;
}

int rendezvous_parse(const uint8_t *data, size_t length, struct rendezvous *ret,
                     struct err *err)
{
    struct rendezvous r;
    if (!take_text(data, length, RENDEZVOUS_SERVERS, r.servers,
                   sizeof(r.servers)) ||
        !servers_ok(r.servers))
        return err_set(err, ERR_INVALID,
                       "the answer names no server (option 43 sub-option 1)");
    if (!take_text(data, length, RENDEZVOUS_TICKET, r.ticket,
                   sizeof(r.ticket)) ||
        !ticket_ok(r.ticket))
        return err_set(err, ERR_INVALID,
                       "the answer's boot ticket is malformed (option 43 "
                       "sub-option 2)");
    *ret = r;
    return 0;
}
