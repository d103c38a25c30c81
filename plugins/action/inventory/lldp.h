/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a switch says of itself in one LLDP frame.  The frame comes from
 * whoever is on the cable: everything in it is bounded and checked.
 */
#ifndef INVENTORY_LLDP_H
#define INVENTORY_LLDP_H

#include <stddef.h>
#include <stdint.h>

#define LLDP_TEXT_BYTES 256 /* no TLV may be longer (IEEE 802.1AB 8.5) */

struct lldp_neighbour {
    const char *chassis_kind; /* "mac", "address", "local", ...: constants */
    const char *port_kind;
    char chassis[LLDP_TEXT_BYTES];          /* "52:54:00:12:34:56" */
    char port[LLDP_TEXT_BYTES];             /* "Gi1/0/24" */
    char port_description[LLDP_TEXT_BYTES]; /* texts: "" when not sent */
    char system[LLDP_TEXT_BYTES];
    char system_description[LLDP_TEXT_BYTES];
    char address[64];      /* of its management, the first one sent */
    uint16_t capabilities; /* enabled ones: bits of IEEE 802.1AB 8.5.8.1 */
    uint16_t ttl_s;        /* 0 = it says goodbye */
    uint16_t vlan;         /* of untagged frames, 1..4094; 0 = not sent */
};

/*
 * Parses one LLDPDU (without Ethernet header; what follows its end is
 * padding).  0, or -1 when IEEE 802.1AB 9.2.7.7 wants it discarded: without
 * chassis, port and time to live in this order, or with a TLV that is longer
 * than the frame.
 */
int lldp_parse(const uint8_t *frame, size_t length,
               struct lldp_neighbour *ret_neighbour);

/* The word for a bit of `capabilities`, "bridge"; NULL above the last one. */
const char *lldp_capability(unsigned bit);

#endif
