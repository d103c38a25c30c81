/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packets that ask whether an address is in use: ARP probes on the link
 * (RFC 5227 section 2.1.1) and ICMP echo beyond a router (RFC 792).  Pure code.
 */
#ifndef CORE_BOOT_ADDRESS_PROBE_H
#define CORE_BOOT_ADDRESS_PROBE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARP_PROBE_BYTES 28
#define ECHO_TOKEN_BYTES 8
#define ECHO_PROBE_BYTES (8 + ECHO_TOKEN_BYTES)

/* "Who has `address`?", with no sender address, so that nobody's ARP table
 * learns a wrong one.  `mac`: ours on that link. */
void arp_probe_format(uint8_t out[ARP_PROBE_BYTES], const uint8_t mac[6],
                      struct in_addr address);
/*
 * Any ARP packet for IPv4 over Ethernet shows that its sender uses the
 * sender's address.  False for anything else, and for probes, which have none:
 * those are other DHCP servers' and clients' before their address is theirs.
 */
bool arp_sender_parse(const uint8_t *data, size_t length,
                      struct in_addr *ret_address, uint8_t ret_mac[6]);

/* An echo request; `token` comes back, so that nobody can answer who has not
 * seen the question. */
void echo_probe_format(uint8_t out[ECHO_PROBE_BYTES], uint16_t sequence,
                       const uint8_t token[ECHO_TOKEN_BYTES]);
/* Whose echo reply it is.  `data` begins with the IP header, as raw sockets
 * deliver it; false for anything but a reply with this token. */
bool echo_reply_parse(const uint8_t *data, size_t length,
                      const uint8_t token[ECHO_TOKEN_BYTES],
                      struct in_addr *ret_address);
/* RFC 1071's checksum, for both directions. */
uint16_t internet_checksum(const uint8_t *data, size_t length);

#endif
