/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets for the DHCP server, from parsing to the reply, in a simulated
 * network.  The input is a sequence of packets: one byte (bit 0: to port 67 or
 * 4011; bit 1 of the first: the server is a proxy), two bytes of length, the
 * packet.
 */
#include "core/util/bytes.h"
#include "tests/unit/dhcp-world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w;
    struct station s;
    struct cursor c = cursor_on(data, size);
    world_prepare(&w, 1, 2);
    if (size > 0 && data[0] & 2)
        w.config.mode = DHCP_MODE_PROXY;
    world_serve(&w);
    w.ticket = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ";
    station_open(&s, &w, 7, "10.0.0.60", 68);
    for (int i = 0; i < 16 && cursor_left(&c) > 3; i++) {
        uint8_t where = cursor_u8(&c);
        size_t length = cursor_be16(&c);
        const uint8_t *bytes = cursor_take(&c, length);
        if (!bytes)
            break;
        const struct datagram out = {
            .peer = {address_of(WORLD_SERVER),
                     where & 1 ? PACKET_PXE_PORT : PACKET_SERVER_PORT, 0},
            .data = bytes,
            .length = length};
        (void)s.seam->datagram_send(s.seam->context, s.socket, &out);
        loop_run_for(w.loop, 5);
    }
    world_end(&w);
    return 0;
}
