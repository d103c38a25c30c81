/* SPDX-License-Identifier: Apache-2.0 */
/* ARP packets and echo replies: whatever a network sends to a raw socket. */
#include <assert.h>
#include <string.h>

#include "core/boot/address-probe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t token[ECHO_TOKEN_BYTES] = "12345678";
    struct in_addr address = {0};
    uint8_t mac[6];
    if (arp_sender_parse(data, size, &address, mac))
        assert(address.s_addr != 0 && size >= ARP_PROBE_BYTES);
    if (echo_reply_parse(data, size, token, &address))
        assert(size >= 20 + ECHO_PROBE_BYTES);
    return 0;
}
