/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/net/lldp.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>

#include "core/util/file.h"

#define KEEP_BYTES 65536 /* some thirty frames */

/* Locked to the socket, because it is handed to an action: no bind makes it
 * hear anything else afterwards. */
static int only_lldp(int fd)
{
    static struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS,
                 (unsigned)(SKF_AD_OFF + SKF_AD_PROTOCOL)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_LLDP, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog filter = {ARRAY_LENGTH(code), code};
    int yes = 1, bytes = KEEP_BYTES;
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) ||
        setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &yes, sizeof(yes)))
        return -1;
    return setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

/* Nearest bridge, nearest non-TPMR bridge, nearest customer bridge
 * (802.1AB-2016 table 7-1): the card must let them in. */
static int join(int fd, unsigned interface_index)
{
    static const uint8_t last[] = {0x0e, 0x03, 0x00};
    for (size_t i = 0; i < sizeof(last); i++) {
        struct packet_mreq group = {
            .mr_ifindex = (int)interface_index,
            .mr_type = PACKET_MR_MULTICAST,
            .mr_alen = ETH_ALEN,
            .mr_address = {0x01, 0x80, 0xc2, 0x00, 0x00, last[i]}};
        if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &group,
                       sizeof(group)))
            return -1;
    }
    return 0;
}

int lldp_listen(unsigned interface_index, struct err *err)
{
    struct sockaddr_ll here = {.sll_family = AF_PACKET,
                               .sll_protocol = htons(ETH_P_LLDP),
                               .sll_ifindex = (int)interface_index};
    /* Protocol 0: deaf until the filter stands and the port is chosen. */
    AUTO_CLOSE int fd =
        socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (interface_index == 0) {
        (void)err_set(err, ERR_NOT_FOUND, "there is no such port");
        return -1;
    }
    if (fd < 0 || only_lldp(fd) || join(fd, interface_index) ||
        bind(fd, (struct sockaddr *)&here, sizeof(here))) {
        (void)err_set_errno(err, ERR_IO, errno,
                            "cannot listen for LLDP on port %u",
                            interface_index);
        return -1;
    }
    return TAKE_FD(fd);
}
