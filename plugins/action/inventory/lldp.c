/* SPDX-License-Identifier: Apache-2.0 */
#include "lldp.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* IEEE 802.1AB-2016 table 8-1. */
enum {
    TLV_END = 0,
    TLV_CHASSIS = 1,
    TLV_PORT = 2,
    TLV_TTL = 3,
    TLV_PORT_DESCRIPTION = 4,
    TLV_SYSTEM_NAME = 5,
    TLV_SYSTEM_DESCRIPTION = 6,
    TLV_CAPABILITIES = 7,
    TLV_ADDRESS = 8,
    TLV_ORGANISATION = 127,
};
#define TLV_HEAD_BYTES 2
#define MAC_BYTES 6

struct tlv {
    unsigned type;
    const uint8_t *value;
    size_t length; /* 0..511 */
};

static uint16_t be16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* Type in seven bits, length in nine (8.4). */
static int next_tlv(const uint8_t **at, size_t *left, struct tlv *ret)
{
    if (*left < TLV_HEAD_BYTES)
        return -1;
    uint16_t head = be16(*at);
    size_t length = head & 0x1ff;
    if (length > *left - TLV_HEAD_BYTES)
        return -1;
    *ret = (struct tlv){head >> 9, *at + TLV_HEAD_BYTES, length};
    *at += TLV_HEAD_BYTES + length;
    *left -= TLV_HEAD_BYTES + length;
    return 0;
}

/* Trimmed at the first NUL; what is not printable ASCII becomes '?'. */
static void take_text(const uint8_t *bytes, size_t length, char *out,
                      size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < length && bytes[i] && used + 1 < size; i++)
        out[used++] =
            bytes[i] >= 0x20 && bytes[i] <= 0x7e ? (char)bytes[i] : '?';
    out[used] = '\0';
}

static void take_hex(const uint8_t *bytes, size_t length, const char *between,
                     char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < length && used + 4 < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%02x",
                                 i ? between : "", bytes[i]);
}

/* An address with its family before it (IANA: 1 = IPv4, 2 = IPv6, 6 = 802). */
static int take_address(const uint8_t *bytes, size_t length, char *out,
                        size_t size)
{
    if (length == 1 + sizeof(struct in_addr) && bytes[0] == 1)
        return inet_ntop(AF_INET, bytes + 1, out, (socklen_t)size) ? 0 : -1;
    if (length == 1 + sizeof(struct in6_addr) && bytes[0] == 2)
        return inet_ntop(AF_INET6, bytes + 1, out, (socklen_t)size) ? 0 : -1;
    if (length == 1 + MAC_BYTES && bytes[0] == 6) {
        take_hex(bytes + 1, MAC_BYTES, ":", out, size);
        return 0;
    }
    return -1;
}

/* What the number in the first byte of an identity says the rest is. */
struct identity {
    uint8_t subtype;
    const char *kind;
};

/* A chassis or port: subtype, then 1 to 255 bytes of it (8.5.2, 8.5.3). */
static int take_identity(const struct tlv *tlv, const struct identity *kinds,
                         const char **ret_kind, char out[LLDP_TEXT_BYTES])
{
    const uint8_t *value = tlv->value + 1;
    size_t length = tlv->length - 1;
    if (tlv->length < 2 || tlv->length > LLDP_TEXT_BYTES)
        return -1;
    *ret_kind = "other";
    for (; kinds->kind; kinds++)
        if (kinds->subtype == tlv->value[0])
            *ret_kind = kinds->kind;
    if (!strcmp(*ret_kind, "mac") && length == MAC_BYTES)
        take_hex(value, length, ":", out, LLDP_TEXT_BYTES);
    else if (!strcmp(*ret_kind, "address") || !strcmp(*ret_kind, "circuit")) {
        if (take_address(value, length, out, LLDP_TEXT_BYTES))
            take_hex(value, length, "", out, LLDP_TEXT_BYTES);
    } else
        take_text(value, length, out, LLDP_TEXT_BYTES);
    return 0;
}

/* The three that come first, in this order (8.5.1). */
static int take_mandatory(const uint8_t **at, size_t *left,
                          struct lldp_neighbour *n)
{
    static const struct identity chassis[] = {
        {1, "component"}, {2, "alias"},     {3, "component"}, {4, "mac"},
        {5, "address"},   {6, "interface"}, {7, "local"},     {0, NULL}};
    static const struct identity port[] = {
        {1, "alias"},     {2, "component"}, {3, "mac"},   {4, "address"},
        {5, "interface"}, {6, "circuit"},   {7, "local"}, {0, NULL}};
    struct tlv tlv;
    if (next_tlv(at, left, &tlv) || tlv.type != TLV_CHASSIS ||
        take_identity(&tlv, chassis, &n->chassis_kind, n->chassis) ||
        next_tlv(at, left, &tlv) || tlv.type != TLV_PORT ||
        take_identity(&tlv, port, &n->port_kind, n->port) ||
        next_tlv(at, left, &tlv) || tlv.type != TLV_TTL || tlv.length < 2)
        return -1;
    n->ttl_s = be16(tlv.value);
    return 0;
}

/* IEEE 802.1's own: the VLAN of untagged frames (802.1Q-2018 D.2.1). */
static void take_organisation(const struct tlv *tlv, struct lldp_neighbour *n)
{
    static const uint8_t port_vlan[] = {0x00, 0x80, 0xc2, 1};
    if (tlv->length != sizeof(port_vlan) + 2 ||
        memcmp(tlv->value, port_vlan, sizeof(port_vlan)) != 0)
        return;
    uint16_t vlan = be16(tlv->value + sizeof(port_vlan));
    n->vlan = vlan < 4095 ? vlan : 0;
}

/* What is wrong in an optional TLV costs that TLV only (9.2.7.7.3). */
static void take_optional(const struct tlv *tlv, struct lldp_neighbour *n)
{
    switch (tlv->type) {
    case TLV_PORT_DESCRIPTION:
        take_text(tlv->value, tlv->length, n->port_description,
                  sizeof(n->port_description));
        break;
    case TLV_SYSTEM_NAME:
        take_text(tlv->value, tlv->length, n->system, sizeof(n->system));
        break;
    case TLV_SYSTEM_DESCRIPTION:
        take_text(tlv->value, tlv->length, n->system_description,
                  sizeof(n->system_description));
        break;
    case TLV_CAPABILITIES:
        if (tlv->length == 4)
            n->capabilities = be16(tlv->value + 2);
        break;
    case TLV_ADDRESS: /* its length with the family, then both */
        if (!n->address[0] && tlv->length >= 2 &&
            tlv->value[0] <= tlv->length - 1 &&
            take_address(tlv->value + 1, tlv->value[0], n->address,
                         sizeof(n->address)))
            n->address[0] = '\0';
        break;
    case TLV_ORGANISATION:
        take_organisation(tlv, n);
        break;
    default:
        break;
    }
}

int lldp_parse(const uint8_t *frame, size_t length,
               struct lldp_neighbour *ret_neighbour)
{
    struct lldp_neighbour n = {0};
    struct tlv tlv;
    if (take_mandatory(&frame, &length, &n))
        return -1;
    /* Some senders leave the end out; then the frame's end is it. */
    while (length) {
        if (next_tlv(&frame, &length, &tlv))
            return -1;
        if (tlv.type == TLV_END)
            break;
        if (tlv.type <= TLV_TTL)
            return -1; /* a second chassis, port or time to live */
        take_optional(&tlv, &n);
    }
    *ret_neighbour = n;
    return 0;
}

const char *lldp_capability(unsigned bit)
{
    static const char *const words[] = {"other",        "repeater", "bridge",
                                        "access-point", "router",   "telephone",
                                        "docsis",       "station"};
    return bit < sizeof(words) / sizeof(words[0]) ? words[bit] : NULL;
}
