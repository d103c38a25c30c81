/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DHCP and BOOTP packets (RFC 951, 2131, 2132): a bounded parser for what
 * clients send and a bounded writer for replies.  Pure: no sockets, no clock.
 * Server and engine use the same code.
 */
#ifndef CORE_BOOT_PACKET_H
#define CORE_BOOT_PACKET_H

#include <netinet/in.h>
#include <stdbool.h>

#include "core/util/err.h"

#define PACKET_HEADER_BYTES 236
#define PACKET_MIN_BYTES 300  /* shorter replies are dropped by some ROMs */
#define PACKET_MAX_BYTES 1472 /* UDP payload that fits Ethernet unfragmented   \
                               */
#define PACKET_INPUT_MAX 1500 /* longer input is refused */
#define PACKET_FLAG_BROADCAST 0x8000u
#define PACKET_SERVER_PORT 67
#define PACKET_CLIENT_PORT 68
#define PACKET_PXE_PORT 4011

enum packet_op { PACKET_REQUEST = 1, PACKET_REPLY = 2 };

/* Option 53.  0 = there is none: plain BOOTP. */
enum dhcp_type {
    DHCP_NONE = 0,
    DHCP_DISCOVER = 1,
    DHCP_OFFER = 2,
    DHCP_REQUEST = 3,
    DHCP_DECLINE = 4,
    DHCP_ACK = 5,
    DHCP_NAK = 6,
    DHCP_RELEASE = 7,
    DHCP_INFORM = 8,
};

/* Option codes that this project reads or writes. */
enum dhcp_option {
    OPTION_PAD = 0,
    OPTION_NETMASK = 1,
    OPTION_ROUTER = 3,
    OPTION_DNS = 6,
    OPTION_HOST_NAME = 12,
    OPTION_DOMAIN = 15,
    OPTION_BROADCAST = 28,
    OPTION_VENDOR = 43,
    OPTION_REQUESTED_ADDRESS = 50,
    OPTION_LEASE_TIME = 51,
    OPTION_OVERLOAD = 52,
    OPTION_MESSAGE_TYPE = 53,
    OPTION_SERVER_ID = 54,
    OPTION_PARAMETER_LIST = 55,
    OPTION_MESSAGE = 56,
    OPTION_MAX_SIZE = 57,
    OPTION_RENEWAL_TIME = 58,
    OPTION_REBINDING_TIME = 59,
    OPTION_CLASS_ID = 60,
    OPTION_CLIENT_ID = 61,
    OPTION_BOOT_FILE = 67,
    OPTION_USER_CLASS = 77,
    OPTION_RELAY = 82,
    OPTION_ARCH = 93,
    OPTION_UNDI = 94,
    OPTION_MACHINE_ID = 97,
    OPTION_SUBNET_SELECTION = 118,
    OPTION_END = 255,
};

/*
 * A received packet.  `options` holds code, length, value of every option in
 * the order received, without pad and end, those of overloaded fields after
 * the others; `option_at` finds the first of each code.
 */
struct packet {
    uint8_t op;
    uint8_t htype;
    uint8_t hlen; /* 0..16 */
    uint8_t hops;
    uint32_t xid; /* host order */
    uint16_t secs;
    uint16_t flags;
    struct in_addr ciaddr;
    struct in_addr yiaddr;
    struct in_addr siaddr;
    struct in_addr giaddr;
    uint8_t chaddr[16]; /* bytes past hlen are zero */
    char sname[65];     /* terminated; "" when overloaded */
    char file[129];
    uint16_t option_at[256]; /* offset into options + 1; 0 = absent */
    uint8_t options[PACKET_INPUT_MAX];
    size_t options_length;
};

/*
 * Parses `length` bytes.  ERR_INVALID with a sentence when the packet is
 * shorter than a header, longer than PACKET_INPUT_MAX, or an option reaches
 * past its field.  A missing end option is tolerated, as is a packet without
 * the magic cookie (BOOTP: no options).  Overload (RFC 2131 section 4.1) is
 * followed once; a nested option 52 means nothing.
 */
int packet_parse(const void *data, size_t length, struct packet *ret,
                 struct err *err);

/* The first option with this code, borrowed from the packet; NULL = absent.
 * Its length may be 0. */
const uint8_t *packet_option(const struct packet *packet, uint8_t code,
                             size_t *ret_length);
/* Option 53, DHCP_NONE when absent or not one byte. */
enum dhcp_type packet_type(const struct packet *packet);
/* An option of exactly one IPv4 address; false when absent or malformed. */
bool packet_option_address(const struct packet *packet, uint8_t code,
                           struct in_addr *ret);
/* An option of exactly four bytes, host order. */
bool packet_option_u32(const struct packet *packet, uint8_t code,
                       uint32_t *ret);
/* True when the first bytes of option 60 are `prefix`. */
bool packet_class_begins(const struct packet *packet, const char *prefix);
/* "DISCOVER", "REQUEST", ...; "BOOTP" for DHCP_NONE. */
const char *packet_type_word(enum dhcp_type type);

/*
 * A packet being written.  Every put is bounded; the first one that does not
 * fit makes the writer `failed` and nothing is sent.  Room for the options
 * that packet_finish adds is kept back from the start.
 */
struct packet_writer {
    uint8_t bytes[PACKET_MAX_BYTES];
    size_t length;
    size_t limit; /* puts may reach this far */
    size_t max;   /* the whole packet may */
    bool failed;
    /* Echoed by packet_finish, copied because the request may be gone. */
    uint8_t tail[4 * 257];
    size_t tail_length;
};

/*
 * Begins a reply to `request`: op, htype, hlen, xid, flags, giaddr and chaddr
 * as received, option 53.  The reply will be at most what the client accepts
 * (option 57 counts the IP and UDP headers; 576 without it) and at most
 * PACKET_MAX_BYTES.  Options 61 (RFC 6842), 97 (RFC 4578), 118 (RFC 3011) and,
 * last of all, 82 (RFC 3046) are echoed by packet_finish.
 */
void packet_reply_init(struct packet_writer *writer,
                       const struct packet *request, enum dhcp_type type);
/* Begins a request of our own, as a client with an Ethernet address. */
void packet_request_init(struct packet_writer *writer, enum dhcp_type type,
                         uint32_t xid, const uint8_t mac[6]);

void packet_set_flags(struct packet_writer *writer, uint16_t flags);
void packet_set_ciaddr(struct packet_writer *writer, struct in_addr address);
void packet_set_yiaddr(struct packet_writer *writer, struct in_addr address);
void packet_set_siaddr(struct packet_writer *writer, struct in_addr address);

/* Appends one option; 0, or -1 when it does not fit or is not allowed (code 0
 * or 255, more than 255 bytes). */
int packet_put(struct packet_writer *writer, uint8_t code, const void *data,
               size_t length);
int packet_put_u8(struct packet_writer *writer, uint8_t code, uint8_t value);
int packet_put_u16(struct packet_writer *writer, uint8_t code, uint16_t value);
int packet_put_u32(struct packet_writer *writer, uint8_t code, uint32_t value);
int packet_put_address(struct packet_writer *writer, uint8_t code,
                       struct in_addr address);
int packet_put_text(struct packet_writer *writer, uint8_t code,
                    const char *text);
/*
 * The boot file: header field `file` and option 67, both, because clients read
 * one or the other, and with its NUL counted in the option, because old ROMs
 * and EDK2 read or write one byte past it.  At most 127 bytes of name.
 */
int packet_put_boot_file(struct packet_writer *writer, const char *name);

/* Adds the echoed options, the end option and zeroes up to PACKET_MIN_BYTES.
 * The packet's length, or 0 when a put has failed. */
size_t packet_finish(struct packet_writer *writer);

#endif
