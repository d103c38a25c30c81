/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/net/net-link.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/socket.h>

/* The kernel's dumps come in pieces of at most this. */
#define REPLY_BYTES (32 * 1024)
#define REQUEST_BYTES 256
/* A request is answered by the kernel at once; this is against a lost one. */
#define REPLY_WAIT_S 5

struct request {
    struct nlmsghdr head;
    union {
        struct ifinfomsg link;
        struct ifaddrmsg address;
        struct rtmsg route;
        uint8_t room[REQUEST_BYTES];
    } body;
};

int link_socket(bool events, struct err *err)
{
    int fd = socket(AF_NETLINK,
                    SOCK_RAW | SOCK_CLOEXEC | (events ? SOCK_NONBLOCK : 0),
                    NETLINK_ROUTE);
    struct sockaddr_nl local = {.nl_family = AF_NETLINK,
                                .nl_groups = events ? RTMGRP_LINK : 0};
    struct timeval wait = {.tv_sec = REPLY_WAIT_S};
    if (fd < 0 || bind(fd, (struct sockaddr *)&local, sizeof(local)) ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait))) {
        (void)err_set_errno(err, ERR_IO, errno,
                            "cannot ask the kernel about network ports");
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    return fd;
}

static void begin(struct request *r, uint16_t type, uint16_t flags,
                  size_t body_bytes)
{
    memset(r, 0, sizeof(*r));
    r->head.nlmsg_len = NLMSG_LENGTH(body_bytes);
    r->head.nlmsg_type = type;
    r->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    r->head.nlmsg_seq = 1;
}

static void put(struct request *r, uint16_t type, const void *data,
                size_t length)
{
    size_t at = NLMSG_ALIGN(r->head.nlmsg_len);
    struct rtattr attribute = {.rta_type = type,
                               .rta_len = (uint16_t)RTA_LENGTH(length)};
    uint8_t *bytes = (uint8_t *)r + at;
    memcpy(bytes, &attribute, sizeof(attribute));
    memcpy(bytes + RTA_LENGTH(0), data, length);
    r->head.nlmsg_len = (uint32_t)(at + RTA_ALIGN(attribute.rta_len));
}

/* Sends a request and reads its acknowledgement: 0 or an errno value. */
static int ask(int fd, struct request *r)
{
    r->head.nlmsg_flags |= NLM_F_ACK;
    if (send(fd, r, r->head.nlmsg_len, 0) < 0)
        return errno;
    union {
        struct nlmsghdr head;
        uint8_t bytes[4096];
    } reply;
    for (;;) {
        ssize_t got = recv(fd, &reply, sizeof(reply), 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno;
        if (got < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)) ||
            reply.head.nlmsg_type != NLMSG_ERROR)
            continue;
        struct nlmsgerr result;
        memcpy(&result, NLMSG_DATA(&reply.head), sizeof(result));
        return -result.error;
    }
}

static void take_name(struct link *link, const struct rtattr *attribute)
{
    size_t length = RTA_PAYLOAD(attribute);
    if (length >= sizeof(link->name))
        length = sizeof(link->name) - 1;
    memcpy(link->name, RTA_DATA(attribute), length);
    link->name[length] = '\0';
}

/* One RTM_NEWLINK; false when it is no port of ours. */
static bool parse_link(const struct nlmsghdr *head, struct link *ret)
{
    if (head->nlmsg_type != RTM_NEWLINK ||
        head->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
        return false;
    const struct ifinfomsg *info = NLMSG_DATA(head);
    if (info->ifi_type != ARPHRD_ETHER || info->ifi_index <= 0)
        return false;
    struct link link = {.index = (unsigned)info->ifi_index,
                        .up = info->ifi_flags & IFF_UP,
                        .carrier =
                            info->ifi_flags & (1u << 16) /* IFF_LOWER_UP */};
    bool has_mac = false;
    int left = (int)(head->nlmsg_len - NLMSG_LENGTH(sizeof(*info)));
    const struct rtattr *a = IFLA_RTA(info);
    for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (a->rta_type == IFLA_MASTER)
            return false;
        if (a->rta_type == IFLA_IFNAME)
            take_name(&link, a);
        if (a->rta_type == IFLA_ADDRESS && RTA_PAYLOAD(a) == sizeof(link.mac)) {
            memcpy(link.mac, RTA_DATA(a), sizeof(link.mac));
            has_mac = true;
        }
    }
    *ret = link;
    return has_mac && link.name[0];
}

/* One datagram of the dump: 1 = it goes on, 0 = done, negative = -errno. */
static int take_dump(const uint8_t *bytes, size_t length, struct link *links,
                     size_t max, size_t *count)
{
    const struct nlmsghdr *head = (const struct nlmsghdr *)bytes;
    size_t left = length;
    for (; NLMSG_OK(head, left); head = NLMSG_NEXT(head, left)) {
        if (head->nlmsg_type == NLMSG_DONE)
            return 0;
        if (head->nlmsg_type == NLMSG_ERROR)
            return -EIO;
        if (*count < max && parse_link(head, &links[*count]))
            (*count)++;
    }
    return 1;
}

int link_list(int fd, struct link *links, size_t max, size_t *ret_count,
              struct err *err)
{
    struct request r;
    begin(&r, RTM_GETLINK, NLM_F_DUMP, sizeof(r.body.link));
    r.body.link.ifi_family = AF_UNSPEC;
    AUTO_FREE uint8_t *bytes = malloc(REPLY_BYTES);
    if (!bytes)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    size_t count = 0;
    int more = send(fd, &r, r.head.nlmsg_len, 0) < 0 ? -errno : 1;
    while (more > 0) {
        ssize_t got = recv(fd, bytes, REPLY_BYTES, 0);
        if (got < 0 && errno == EINTR)
            continue;
        more = got < 0 ? -errno
                       : take_dump(bytes, (size_t)got, links, max, &count);
    }
    if (more < 0)
        return err_set_errno(err, ERR_IO, -more,
                             "cannot list the network ports");
    *ret_count = count;
    return 0;
}

int link_set_up(int fd, unsigned index, struct err *err)
{
    struct request r;
    begin(&r, RTM_NEWLINK, 0, sizeof(r.body.link));
    r.body.link.ifi_family = AF_UNSPEC;
    r.body.link.ifi_index = (int)index;
    r.body.link.ifi_flags = IFF_UP;
    r.body.link.ifi_change = IFF_UP;
    int number = ask(fd, &r);
    return number ? err_set_errno(err, ERR_IO, number,
                                  "cannot bring network port %u up", index)
                  : 0;
}

static int change_address(int fd, uint16_t type, uint16_t flags, unsigned index,
                          struct in_addr address, uint8_t prefix_length)
{
    struct request r;
    begin(&r, type, flags, sizeof(r.body.address));
    r.body.address.ifa_family = AF_INET;
    r.body.address.ifa_prefixlen = prefix_length;
    r.body.address.ifa_scope = RT_SCOPE_UNIVERSE;
    r.body.address.ifa_index = index;
    put(&r, IFA_LOCAL, &address, sizeof(address));
    put(&r, IFA_ADDRESS, &address, sizeof(address));
    if (type == RTM_NEWADDR && prefix_length < 31) {
        uint32_t hosts = htonl(UINT32_MAX >> prefix_length);
        struct in_addr broadcast = {address.s_addr | hosts};
        put(&r, IFA_BROADCAST, &broadcast, sizeof(broadcast));
    }
    return ask(fd, &r);
}

int link_add_address(int fd, unsigned index, struct in_addr address,
                     uint8_t prefix_length, struct err *err)
{
    int number = change_address(fd, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE,
                                index, address, prefix_length);
    return number
               ? err_set_errno(err, ERR_IO, number,
                               "cannot give network port %u its address", index)
               : 0;
}

int link_remove_address(int fd, unsigned index, struct in_addr address,
                        uint8_t prefix_length, struct err *err)
{
    int number =
        change_address(fd, RTM_DELADDR, 0, index, address, prefix_length);
    if (number == 0 || number == EADDRNOTAVAIL)
        return 0;
    return err_set_errno(err, ERR_IO, number,
                         "cannot take its address from network port %u", index);
}

int link_add_default_route(int fd, unsigned index, struct in_addr router,
                           struct err *err)
{
    struct request r;
    begin(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof(r.body.route));
    r.body.route.rtm_family = AF_INET;
    r.body.route.rtm_table = RT_TABLE_MAIN;
    r.body.route.rtm_protocol = RTPROT_DHCP;
    r.body.route.rtm_scope = RT_SCOPE_UNIVERSE;
    r.body.route.rtm_type = RTN_UNICAST;
    uint32_t out = index, metric = 1000 + index;
    put(&r, RTA_GATEWAY, &router, sizeof(router));
    put(&r, RTA_OIF, &out, sizeof(out));
    put(&r, RTA_PRIORITY, &metric, sizeof(metric));
    int number = ask(fd, &r);
    return number ? err_set_errno(err, ERR_IO, number,
                                  "cannot set the router of network port %u",
                                  index)
                  : 0;
}

bool link_drain(int fd)
{
    bool any = false;
    uint8_t bytes[4096];
    for (;;) {
        ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC);
        if (got < 0 && errno == EINTR)
            continue;
        /* ENOBUFS: news were lost, which is news too. */
        if (got < 0 && errno == ENOBUFS) {
            any = true;
            continue;
        }
        if (got <= 0)
            return any;
        any = true;
    }
}
