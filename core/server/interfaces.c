/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/interfaces.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/socket.h>

#include "core/util/macros.h"

/* ---- addresses ---- */

/* The interface's address: `wanted` when it has that, else its first one,
 * else 0. */
static struct in_addr address_on(const struct ifaddrs *all, const char *name,
                                 struct in_addr wanted)
{
    struct in_addr first = {0};
    for (const struct ifaddrs *at = all; at; at = at->ifa_next) {
        struct sockaddr_in address;
        if (!at->ifa_addr || at->ifa_addr->sa_family != AF_INET ||
            strcmp(at->ifa_name, name) != 0)
            continue;
        memcpy(&address, at->ifa_addr, sizeof(address));
        if (address.sin_addr.s_addr == wanted.s_addr)
            return wanted;
        if (!first.s_addr)
            first = address.sin_addr;
    }
    return first;
}

static int find_one(const struct config *config, const struct ifaddrs *all,
                    size_t i, struct interfaces *ret, struct err *err)
{
    const struct config_interface *from = &config->interfaces[i];
    struct dhcp_interface *to = &ret->list[i];
    struct in_addr main_address;
    to->index = if_nametoindex(from->name);
    if (to->index == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no network interface "
                       "'%s' ('interfaces' in '%s')", from->name,
                       config->path);
    (void)inet_pton(AF_INET, config->address, &main_address);
    to->address = from->address;
    if (!to->address.s_addr && config->interface_count == 1)
        to->address = main_address;
    if (!to->address.s_addr)
        to->address = address_on(all, from->name, main_address);
    if (!to->address.s_addr)
        return err_set(err, ERR_NOT_FOUND, "the network interface '%s' has no "
                       "IPv4 address: give it one, or say ours as {\"name\": "
                       "\"%s\", \"address\": ...} in 'interfaces' of '%s'",
                       from->name, from->name, config->path);
    return 0;
}

int interfaces_find(const struct config *config, struct interfaces *ret,
                    struct err *err)
{
    struct ifaddrs *all = NULL;
    int code = 0;
    *ret = (struct interfaces){.count = config->interface_count};
    if (config->interface_count == 0) {
        ret->count = 1;
        (void)inet_pton(AF_INET, config->address, &ret->list[0].address);
        return 0;
    }
    if (getifaddrs(&all) < 0)
        return err_set_errno(err, ERR_IO, errno, "the addresses of the "
                             "network interfaces cannot be read");
    for (size_t i = 0; code == 0 && i < config->interface_count; i++)
        code = find_one(config, all, i, ret, err);
    freeifaddrs(all);
    return code;
}

/* ---- sockets ---- */

static int bind_to_one(int fd, unsigned index, struct err *err)
{
    char name[IF_NAMESIZE] = "";
    if (!if_indextoname(index, name) ||
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name,
                   (socklen_t)strlen(name)) < 0)
        return err_set_errno(err, ERR_IO, errno, "it cannot be bound to the "
                             "interface '%s'", name);
    return 0;
}

/*
 * One socket for several interfaces: a filter in the kernel lets through what
 * came in by one of them, IP_PKTINFO tells by which.
 */
int interfaces_filter(const struct interfaces *interfaces, int fd,
                      struct err *err)
{
    struct sock_filter code[CONFIG_MAX_INTERFACES + 3];
    size_t n = 0;
    size_t count = interfaces->count;
    if (interfaces->list[0].index == 0)
        return 0;
    code[n++] = (struct sock_filter)BPF_STMT(
        BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX));
    for (size_t i = 0; i < count; i++)
        /* A match jumps over the other comparisons and the refusal. */
        code[n++] = (struct sock_filter)BPF_JUMP(
            BPF_JMP | BPF_JEQ | BPF_K, interfaces->list[i].index,
            (uint8_t)(count - i), 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
    const struct sock_fprog program = {.len = (unsigned short)n,
                                       .filter = code};
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
                   sizeof(program)) < 0)
        return err_set_errno(err, ERR_IO, errno, "it cannot be bound to %zu "
                             "interfaces", count);
    return 0;
}

int interfaces_restrict(const struct interfaces *interfaces, int fd,
                        struct err *err)
{
    if (interfaces->count == 1 && interfaces->list[0].index != 0)
        return bind_to_one(fd, interfaces->list[0].index, err);
    return interfaces_filter(interfaces, fd, err);
}
