/* SPDX-License-Identifier: Apache-2.0 */
/* Facts about the sender of a DHCP packet. */
#include "core/boot/client.h"

#include <stdio.h>
#include <string.h>

#include "core/util/bytes.h"

enum { HTYPE_ETHERNET = 1, MAC_BYTES = 6 };

/* Where the dashes of a UUID's text are, counted in bytes before them. */
static const uint8_t uuid_dash_after[] = {4, 6, 8, 10};

/* The byte that stands at each place of the text in SMBIOS order. */
static const uint8_t smbios_order[16] = {3, 2, 1,  0,  5,  4,  7,  6,
                                         8, 9, 10, 11, 12, 13, 14, 15};

char *mac_format(const uint8_t mac[6], char out[MAC_TEXT_BYTES])
{
    (void)snprintf(out, MAC_TEXT_BYTES, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
                   mac[1], mac[2], mac[3], mac[4], mac[5]);
    return out;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int mac_parse(const char *text, uint8_t ret[6], struct err *err)
{
    const char *at = text;
    char separator = strlen(text) == 17 ? text[2] : '\0';
    bool bad = separator != '\0' && separator != ':' && separator != '-';
    for (size_t i = 0; i < MAC_BYTES && !bad; i++) {
        if (i > 0 && separator != '\0' && *at++ != separator)
            bad = true;
        int high = bad ? -1 : hex_digit(*at);
        int low = high < 0 ? -1 : hex_digit(at[1]);
        if (low < 0) {
            bad = true;
            break;
        }
        ret[i] = (uint8_t)(high * 16 + low);
        at += 2;
    }
    if (bad || *at != '\0')
        return err_set(err, ERR_INVALID,
                       "'%.40s' is not a MAC address like 52:54:00:12:34:56",
                       text);
    return 0;
}

static char *uuid_text(const uint8_t bytes[16], char out[UUID_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    char *at = out;
    size_t dash = 0;
    for (size_t i = 0; i < 16; i++) {
        if (dash < sizeof(uuid_dash_after) && uuid_dash_after[dash] == i) {
            *at++ = '-';
            dash++;
        }
        *at++ = digits[bytes[i] >> 4];
        *at++ = digits[bytes[i] & 15];
    }
    *at = '\0';
    return out;
}

char *uuid_format(const uint8_t bytes[16], char out[UUID_TEXT_BYTES])
{
    uint8_t swapped[16];
    for (size_t i = 0; i < sizeof(swapped); i++)
        swapped[i] = bytes[smbios_order[i]];
    return uuid_text(swapped, out);
}

int uuid_other_order(const char *text, char out[UUID_TEXT_BYTES])
{
    uint8_t bytes[16];
    const char *at = text;
    size_t dash = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (dash < sizeof(uuid_dash_after) && uuid_dash_after[dash] == i) {
            if (*at++ != '-')
                return -1;
            dash++;
        }
        int high = hex_digit(*at);
        int low = high < 0 ? -1 : hex_digit(at[1]);
        if (low < 0)
            return -1;
        bytes[i] = (uint8_t)(high * 16 + low);
        at += 2;
    }
    if (*at != '\0')
        return -1;
    (void)uuid_format(bytes, out); /* the swap is its own inverse */
    return 0;
}

bool client_mac(const struct packet *packet, uint8_t ret[6])
{
    static const uint8_t none[MAC_BYTES] = {0};
    if (packet->htype == HTYPE_ETHERNET && packet->hlen == MAC_BYTES) {
        memcpy(ret, packet->chaddr, MAC_BYTES);
        return memcmp(ret, none, MAC_BYTES) != 0;
    }
    size_t length;
    const uint8_t *id = packet_option(packet, OPTION_CLIENT_ID, &length);
    if (!id || length != 1 + MAC_BYTES || id[0] != HTYPE_ETHERNET)
        return false;
    memcpy(ret, id + 1, MAC_BYTES);
    return memcmp(ret, none, MAC_BYTES) != 0;
}

const uint8_t *client_machine_id(const struct packet *packet)
{
    size_t length;
    const uint8_t *id = packet_option(packet, OPTION_MACHINE_ID, &length);
    return id && length == 17 && id[0] == 0 ? id + 1 : NULL;
}

/* Copies text from the wire: up to the first NUL, nothing unprintable. */
static void copy_printable(char *out, size_t size, const uint8_t *data,
                           size_t length)
{
    size_t n = 0;
    while (n < length && n + 1 < size && data[n] != '\0') {
        out[n] = data[n] >= 0x20 && data[n] < 0x7f ? (char)data[n] : '.';
        n++;
    }
    out[n] = '\0';
}

/* RFC 3004 puts a length before each class; iPXE and others send raw text.
 * It is the RFC's form when the lengths add up exactly. */
static void copy_user_class(char *out, size_t size, const uint8_t *data,
                            size_t length)
{
    size_t at = 0;
    while (at < length && data[at] > 0)
        at += 1u + data[at];
    if (length > 0 && at == length)
        copy_printable(out, size, data + 1, data[0]);
    else
        copy_printable(out, size, data, length);
}

static uint32_t copy_arch(struct client *ret, const struct packet *packet)
{
    size_t length;
    const uint8_t *value = packet_option(packet, OPTION_ARCH, &length);
    if (!value || length % 2 != 0)
        return 0;
    uint32_t count = (uint32_t)MIN(length / 2, CLIENT_ARCH_MAX);
    for (uint32_t i = 0; i < count; i++)
        ret->arch[i] = get_be16(value + 2 * (size_t)i);
    return count;
}

void client_from_packet(struct client *ret, const struct packet *packet,
                        uint32_t kind)
{
    uint8_t mac[MAC_BYTES];
    size_t length;
    memset(ret, 0, sizeof(*ret));
    if (client_mac(packet, mac))
        (void)mac_format(mac, ret->mac);
    const uint8_t *id = client_machine_id(packet);
    if (id)
        (void)uuid_format(id, ret->uuid);
    const uint8_t *value = packet_option(packet, OPTION_CLASS_ID, &length);
    if (value)
        copy_printable(ret->class_id, sizeof(ret->class_id), value, length);
    value = packet_option(packet, OPTION_USER_CLASS, &length);
    if (value)
        copy_user_class(ret->user_class, sizeof(ret->user_class), value,
                        length);
    ret->request = (struct slipway_boot_request){
        .size = sizeof(ret->request),
        .kind = kind,
        .arch_count = copy_arch(ret, packet),
        .arch = ret->arch,
        .class_id = ret->class_id,
        .user_class = ret->user_class,
        .options = packet->options,
        .options_length = packet->options_length,
        .mac = ret->mac,
        .uuid = ret->uuid,
    };
}
