/* SPDX-License-Identifier: Apache-2.0 */
/* ARP probes and echo requests: see address-probe.h. */
#include "core/boot/address-probe.h"

#include <netinet/ip_icmp.h>
#include <string.h>

#include "core/util/bytes.h"

enum {
    HARDWARE_ETHERNET = 1,
    PROTOCOL_IPV4 = 0x0800,
    ARP_REQUEST = 1,
    /* Offsets in an ARP packet for IPv4 over Ethernet (RFC 826). */
    SENDER_MAC = 8,
    SENDER_ADDRESS = 14,
    TARGET_ADDRESS = 24,
    IP_HEADER_MIN = 20,
    IP_PROTOCOL = 9,
    IP_SOURCE = 12,
    ECHO_HEADER = 8,
};

void arp_probe_format(uint8_t out[ARP_PROBE_BYTES], const uint8_t mac[6],
                      struct in_addr address)
{
    memset(out, 0, ARP_PROBE_BYTES);
    put_be16(out, HARDWARE_ETHERNET);
    put_be16(out + 2, PROTOCOL_IPV4);
    out[4] = 6;
    out[5] = sizeof(address);
    put_be16(out + 6, ARP_REQUEST);
    memcpy(out + SENDER_MAC, mac, 6);
    memcpy(out + TARGET_ADDRESS, &address, sizeof(address));
}

bool arp_sender_parse(const uint8_t *data, size_t length,
                      struct in_addr *ret_address, uint8_t ret_mac[6])
{
    struct in_addr sender;
    if (length < ARP_PROBE_BYTES || get_be16(data) != HARDWARE_ETHERNET ||
        get_be16(data + 2) != PROTOCOL_IPV4 || data[4] != 6 ||
        data[5] != sizeof(sender))
        return false;
    memcpy(&sender, data + SENDER_ADDRESS, sizeof(sender));
    if (sender.s_addr == 0)
        return false;
    *ret_address = sender;
    memcpy(ret_mac, data + SENDER_MAC, 6);
    return true;
}

uint16_t internet_checksum(const uint8_t *data, size_t length)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < length; i += 2)
        sum += get_be16(data + i);
    if (length % 2)
        sum += (uint32_t)data[length - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

void echo_probe_format(uint8_t out[ECHO_PROBE_BYTES], uint16_t sequence,
                       const uint8_t token[ECHO_TOKEN_BYTES])
{
    memset(out, 0, ECHO_HEADER);
    out[0] = ICMP_ECHO;
    put_be16(out + 6, sequence);
    memcpy(out + ECHO_HEADER, token, ECHO_TOKEN_BYTES);
    put_be16(out + 2, internet_checksum(out, ECHO_PROBE_BYTES));
}

bool echo_reply_parse(const uint8_t *data, size_t length,
                      const uint8_t token[ECHO_TOKEN_BYTES],
                      struct in_addr *ret_address)
{
    if (length < IP_HEADER_MIN || data[0] >> 4 != 4 ||
        data[IP_PROTOCOL] != IPPROTO_ICMP)
        return false;
    size_t header = (size_t)(data[0] & 0xf) * 4;
    if (header < IP_HEADER_MIN || length < header + ECHO_PROBE_BYTES)
        return false;
    const uint8_t *echo = data + header;
    if (echo[0] != ICMP_ECHOREPLY || echo[1] != 0 ||
        memcmp(echo + ECHO_HEADER, token, ECHO_TOKEN_BYTES) != 0)
        return false;
    memcpy(ret_address, data + IP_SOURCE, sizeof(*ret_address));
    return true;
}
