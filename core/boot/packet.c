/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing DHCP packets. */
#include "core/boot/packet.h"

#include <string.h>

#include "core/util/bytes.h"

/* Offsets into the fixed header (RFC 2131 section 2). */
enum {
    AT_OP = 0,
    AT_HTYPE = 1,
    AT_HLEN = 2,
    AT_HOPS = 3,
    AT_XID = 4,
    AT_SECS = 8,
    AT_FLAGS = 10,
    AT_CIADDR = 12,
    AT_YIADDR = 16,
    AT_SIADDR = 20,
    AT_GIADDR = 24,
    AT_CHADDR = 28,
    AT_SNAME = 44,
    AT_FILE = 108,
    AT_COOKIE = 236,
    AT_OPTIONS = 240,
};

enum { SNAME_BYTES = 64, FILE_BYTES = 128, HEADERS_BYTES = 28 };
enum { OVERLOAD_FILE = 1, OVERLOAD_SNAME = 2 };

static const uint8_t cookie[4] = {0x63, 0x82, 0x53, 0x63};

static struct in_addr address_at(const uint8_t *p)
{
    struct in_addr address;
    memcpy(&address, p, sizeof(address));
    return address;
}

/* Walks one field of options and appends them to `ret`. */
static int parse_options(const uint8_t *data, size_t length, const char *field,
                         struct packet *ret, struct err *err)
{
    struct cursor c = cursor_on(data, length);
    while (cursor_left(&c) > 0) {
        uint8_t code = cursor_u8(&c);
        if (code == OPTION_PAD)
            continue;
        if (code == OPTION_END)
            return 0;
        uint8_t size = cursor_u8(&c);
        const uint8_t *value = cursor_take(&c, size);
        if (c.bad)
            return err_set(err, ERR_INVALID,
                           "option %u reaches past the end of the %s field",
                           code, field);
        uint8_t *at = ret->options + ret->options_length;
        if (!ret->option_at[code])
            ret->option_at[code] = (uint16_t)(ret->options_length + 1);
        at[0] = code;
        at[1] = size;
        if (size > 0)
            memcpy(at + 2, value, size);
        ret->options_length += 2u + size;
    }
    return 0;
}

static void parse_header(const uint8_t *p, struct packet *ret)
{
    ret->op = p[AT_OP];
    ret->htype = p[AT_HTYPE];
    ret->hlen = p[AT_HLEN];
    ret->hops = p[AT_HOPS];
    ret->xid = get_be32(p + AT_XID);
    ret->secs = get_be16(p + AT_SECS);
    ret->flags = get_be16(p + AT_FLAGS);
    ret->ciaddr = address_at(p + AT_CIADDR);
    ret->yiaddr = address_at(p + AT_YIADDR);
    ret->siaddr = address_at(p + AT_SIADDR);
    ret->giaddr = address_at(p + AT_GIADDR);
    memcpy(ret->chaddr, p + AT_CHADDR, ret->hlen);
}

int packet_parse(const void *data, size_t length, struct packet *ret,
                 struct err *err)
{
    const uint8_t *p = data;
    memset(ret, 0, offsetof(struct packet, options));
    ret->options_length = 0;
    if (length < PACKET_HEADER_BYTES)
        return err_set(err, ERR_INVALID,
                       "the packet has %zu bytes, less than a BOOTP header",
                       length);
    if (length > PACKET_INPUT_MAX)
        return err_set(err, ERR_INVALID,
                       "the packet has %zu bytes, more than %d", length,
                       PACKET_INPUT_MAX);
    if (p[AT_HLEN] > sizeof(ret->chaddr))
        return err_set(err, ERR_INVALID,
                       "its hardware address claims %u bytes, more than 16",
                       p[AT_HLEN]);
    parse_header(p, ret);
    uint8_t overload = 0;
    if (length >= AT_OPTIONS &&
        memcmp(p + AT_COOKIE, cookie, sizeof(cookie)) == 0) {
        int code = parse_options(p + AT_OPTIONS, length - AT_OPTIONS, "options",
                                 ret, err);
        if (code)
            return code;
        size_t size;
        const uint8_t *value = packet_option(ret, OPTION_OVERLOAD, &size);
        if (value && size == 1)
            overload = *value;
    }
    /* The order of the fields is that of RFC 2131 section 4.1. */
    int code = 0;
    if (overload & OVERLOAD_FILE)
        code = parse_options(p + AT_FILE, FILE_BYTES, "file", ret, err);
    else
        memcpy(ret->file, p + AT_FILE, FILE_BYTES);
    if (code)
        return code;
    if (overload & OVERLOAD_SNAME)
        return parse_options(p + AT_SNAME, SNAME_BYTES, "sname", ret, err);
    memcpy(ret->sname, p + AT_SNAME, SNAME_BYTES);
    return 0;
}

const uint8_t *packet_option(const struct packet *packet, uint8_t code,
                             size_t *ret_length)
{
    uint16_t at = packet->option_at[code];
    if (at == 0)
        return NULL;
    *ret_length = packet->options[at];
    return packet->options + at + 1;
}

enum dhcp_type packet_type(const struct packet *packet)
{
    size_t length;
    const uint8_t *value = packet_option(packet, OPTION_MESSAGE_TYPE, &length);
    return value && length == 1 ? (enum dhcp_type)value[0] : DHCP_NONE;
}

bool packet_option_address(const struct packet *packet, uint8_t code,
                           struct in_addr *ret)
{
    size_t length;
    const uint8_t *value = packet_option(packet, code, &length);
    if (!value || length != sizeof(*ret))
        return false;
    *ret = address_at(value);
    return true;
}

bool packet_option_u32(const struct packet *packet, uint8_t code, uint32_t *ret)
{
    size_t length;
    const uint8_t *value = packet_option(packet, code, &length);
    if (!value || length != sizeof(*ret))
        return false;
    *ret = get_be32(value);
    return true;
}

bool packet_class_begins(const struct packet *packet, const char *prefix)
{
    size_t length;
    const uint8_t *value = packet_option(packet, OPTION_CLASS_ID, &length);
    size_t wanted = strlen(prefix);
    return value && length >= wanted && memcmp(value, prefix, wanted) == 0;
}

const char *packet_type_word(enum dhcp_type type)
{
    static const char *const words[] = {"BOOTP",   "DISCOVER", "OFFER",
                                        "REQUEST", "DECLINE",  "ACK",
                                        "NAK",     "RELEASE",  "INFORM"};
    return (size_t)type < ARRAY_LENGTH(words) ? words[type] : "unknown";
}

/* What the client says it can take, without the IP and UDP headers. */
static size_t reply_max(const struct packet *request)
{
    size_t length;
    const uint8_t *value = packet_option(request, OPTION_MAX_SIZE, &length);
    size_t datagram = value && length == 2 ? get_be16(value) : 576;
    /* RFC 2132 section 9.10: less than 576 is not a legal value. */
    return MIN(MAX(datagram, 576) - HEADERS_BYTES, PACKET_MAX_BYTES);
}

static void keep_for_tail(struct packet_writer *writer,
                          const struct packet *request, uint8_t code)
{
    size_t length;
    const uint8_t *value = packet_option(request, code, &length);
    if (!value)
        return;
    uint8_t *at = writer->tail + writer->tail_length;
    at[0] = code;
    at[1] = (uint8_t)length;
    memcpy(at + 2, value, length);
    writer->tail_length += 2 + length;
}

static void writer_begin(struct packet_writer *writer, uint8_t op, size_t max)
{
    memset(writer->bytes, 0, AT_OPTIONS);
    writer->bytes[AT_OP] = op;
    memcpy(writer->bytes + AT_COOKIE, cookie, sizeof(cookie));
    writer->length = AT_OPTIONS;
    writer->max = max;
    writer->tail_length = 0;
    writer->failed = false;
}

static void writer_limit(struct packet_writer *writer)
{
    size_t kept = writer->tail_length + 1; /* and the end option */
    writer->limit = writer->max > kept ? writer->max - kept : 0;
    writer->failed = writer->limit < AT_OPTIONS;
}

void packet_reply_init(struct packet_writer *writer,
                       const struct packet *request, enum dhcp_type type)
{
    writer_begin(writer, PACKET_REPLY, reply_max(request));
    uint8_t *p = writer->bytes;
    p[AT_HTYPE] = request->htype;
    p[AT_HLEN] = request->hlen;
    put_be32(p + AT_XID, request->xid);
    put_be16(p + AT_FLAGS, request->flags);
    memcpy(p + AT_GIADDR, &request->giaddr, sizeof(request->giaddr));
    memcpy(p + AT_CHADDR, request->chaddr, sizeof(request->chaddr));
    keep_for_tail(writer, request, OPTION_CLIENT_ID);
    keep_for_tail(writer, request, OPTION_MACHINE_ID);
    keep_for_tail(writer, request, OPTION_SUBNET_SELECTION);
    keep_for_tail(writer, request, OPTION_RELAY);
    writer_limit(writer);
    (void)packet_put_u8(writer, OPTION_MESSAGE_TYPE, (uint8_t)type);
}

void packet_request_init(struct packet_writer *writer, enum dhcp_type type,
                         uint32_t xid, const uint8_t mac[6])
{
    writer_begin(writer, PACKET_REQUEST, PACKET_MAX_BYTES);
    writer->bytes[AT_HTYPE] = 1;
    writer->bytes[AT_HLEN] = 6;
    put_be32(writer->bytes + AT_XID, xid);
    memcpy(writer->bytes + AT_CHADDR, mac, 6);
    writer_limit(writer);
    (void)packet_put_u8(writer, OPTION_MESSAGE_TYPE, (uint8_t)type);
}

void packet_set_flags(struct packet_writer *writer, uint16_t flags)
{
    put_be16(writer->bytes + AT_FLAGS, flags);
}

void packet_set_ciaddr(struct packet_writer *writer, struct in_addr address)
{
    memcpy(writer->bytes + AT_CIADDR, &address, sizeof(address));
}

void packet_set_yiaddr(struct packet_writer *writer, struct in_addr address)
{
    memcpy(writer->bytes + AT_YIADDR, &address, sizeof(address));
}

void packet_set_siaddr(struct packet_writer *writer, struct in_addr address)
{
    memcpy(writer->bytes + AT_SIADDR, &address, sizeof(address));
}

int packet_put(struct packet_writer *writer, uint8_t code, const void *data,
               size_t length)
{
    if (writer->failed || code == OPTION_PAD || code == OPTION_END ||
        length > 255 || writer->length + 2 + length > writer->limit) {
        writer->failed = true;
        return -1;
    }
    uint8_t *at = writer->bytes + writer->length;
    at[0] = code;
    at[1] = (uint8_t)length;
    if (length > 0)
        memcpy(at + 2, data, length);
    writer->length += 2 + length;
    return 0;
}

int packet_put_u8(struct packet_writer *writer, uint8_t code, uint8_t value)
{
    return packet_put(writer, code, &value, 1);
}

int packet_put_u16(struct packet_writer *writer, uint8_t code, uint16_t value)
{
    uint8_t bytes[2];
    put_be16(bytes, value);
    return packet_put(writer, code, bytes, sizeof(bytes));
}

int packet_put_u32(struct packet_writer *writer, uint8_t code, uint32_t value)
{
    uint8_t bytes[4];
    put_be32(bytes, value);
    return packet_put(writer, code, bytes, sizeof(bytes));
}

int packet_put_address(struct packet_writer *writer, uint8_t code,
                       struct in_addr address)
{
    return packet_put(writer, code, &address, sizeof(address));
}

int packet_put_text(struct packet_writer *writer, uint8_t code,
                    const char *text)
{
    return packet_put(writer, code, text, strlen(text));
}

int packet_put_boot_file(struct packet_writer *writer, const char *name)
{
    size_t length = strlen(name);
    if (length >= FILE_BYTES ||
        packet_put(writer, OPTION_BOOT_FILE, name, length + 1)) {
        writer->failed = true;
        return -1;
    }
    memcpy(writer->bytes + AT_FILE, name, length + 1);
    return 0;
}

size_t packet_finish(struct packet_writer *writer)
{
    if (writer->failed)
        return 0;
    uint8_t *at = writer->bytes + writer->length;
    memcpy(at, writer->tail, writer->tail_length);
    at[writer->tail_length] = OPTION_END;
    writer->length += writer->tail_length + 1;
    if (writer->length < PACKET_MIN_BYTES) {
        memset(writer->bytes + writer->length, 0,
               PACKET_MIN_BYTES - writer->length);
        writer->length = PACKET_MIN_BYTES;
    }
    return writer->length;
}
