/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a DHCP packet says about the machine that sent it, in the form that
 * arch plugins and policies take.  Names, never credentials.  Pure.
 */
#ifndef CORE_BOOT_CLIENT_H
#define CORE_BOOT_CLIENT_H

#include <slipway/arch.h>

#include "core/boot/packet.h"

#define MAC_TEXT_BYTES 18
#define UUID_TEXT_BYTES 37
#define CLIENT_ARCH_MAX 16 /* entries of option 93 that are looked at */

/* Option 60 of an engine that looks for its server. */
#define CLIENT_ENGINE_CLASS "SlipwayEngine:1"
/* Option 77 of our own loader, which the firmware has started. */
#define CLIENT_LOADER_CLASS "slipway"

struct client {
    char mac[MAC_TEXT_BYTES];   /* "52:54:00:12:34:56", "" = unknown */
    char uuid[UUID_TEXT_BYTES]; /* SMBIOS text order, "" = absent */
    uint32_t arch[CLIENT_ARCH_MAX];
    char class_id[256];   /* printable; other bytes are '.' */
    char user_class[256]; /* first class of option 77, the same */
    /* Points into this structure and into the packet. */
    struct slipway_boot_request request;
};

/*
 * Fills `ret` from a packet, which must outlive it.  `kind` is
 * SLIPWAY_BOOT_*.  The MAC comes from chaddr, or from option 61 when chaddr
 * is something else (EDK2 may put the machine's GUID there, hlen 16).  Never
 * fails: what is malformed counts as absent.
 */
void client_from_packet(struct client *ret, const struct packet *packet,
                        uint32_t kind);

/* The machine's Ethernet address; false when the packet does not have one. */
bool client_mac(const struct packet *packet, uint8_t ret[6]);
/* The 16 bytes of option 97 when its length and type are as RFC 4578 says. */
const uint8_t *client_machine_id(const struct packet *packet);

char *mac_format(const uint8_t mac[6], char out[MAC_TEXT_BYTES]);
/* Accepts "52:54:00:12:34:56", dashes, or twelve digits; either case. */
int mac_parse(const char *text, uint8_t ret[6], struct err *err);

/* SMBIOS text order: the first three fields are little-endian on the wire. */
char *uuid_format(const uint8_t bytes[16], char out[UUID_TEXT_BYTES]);
/* The reading of the same 16 bytes by those who take the first three fields
 * as big-endian.  -1 when `text` is not a UUID; `out` is "" then. */
int uuid_other_order(const char *text, char out[UUID_TEXT_BYTES]);

#endif
