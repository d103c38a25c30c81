/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the sockets: see sockets.h. */
#include "core/server/sockets.h"

#include <arpa/inet.h>
#include <linux/icmp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "core/server/sockets-passed.h"
#include "core/util/log.h"
#include "core/util/macros.h"

#define BACKLOG 512
#define QUEUE_BYTES (4 << 20)
#define BIND_PATIENCE_MS 5000
#define BIND_AGAIN_MS 50

struct one_socket {
    const char *what; /* for sentences: "DHCP" */
    const char *name; /* when it is passed to us: "dhcp" */
    int type;
    uint16_t port;
    bool broadcast;
    bool boot; /* of the boot networks' interfaces only */
};

static int set_flag(int fd, int option)
{
    int one = 1;
    return setsockopt(fd, SOL_SOCKET, option, &one, sizeof(one));
}

/* A room full of machines that are switched on at once asks at once: the
 * kernel's default holds about a hundred datagrams.  Root may have more than
 * the system's limit; without it the limit must do. */
static void enlarge_queue(int fd)
{
    int bytes = QUEUE_BYTES;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

/* Workers of a server that was killed hold its ports until they notice. */
static int bind_patiently(int fd, const struct one_socket *spec)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(spec->port)};
    for (int waited_ms = 0;; waited_ms += BIND_AGAIN_MS) {
        if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
            return 0;
        if (errno != EADDRINUSE || waited_ms >= BIND_PATIENCE_MS)
            return -1;
        if (waited_ms == 0)
            log_notice("port %u for %s is still in use, waiting for up to "
                       "%d s", spec->port, spec->what, BIND_PATIENCE_MS / 1000);
        (void)poll(NULL, 0, BIND_AGAIN_MS); /* nothing else to do at start */
    }
}

static int open_new(const struct one_socket *spec,
                    const struct interfaces *interfaces, int *ret_fd,
                    struct err *err)
{
    AUTO_CLOSE int fd =
        socket(AF_INET, spec->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || set_flag(fd, SO_REUSEADDR) < 0 ||
        (spec->broadcast && set_flag(fd, SO_BROADCAST) < 0))
        return err_set_errno(err, ERR_IO, errno, "no socket for %s",
                             spec->what);
    if (spec->boot && interfaces_restrict(interfaces, fd, err) < 0)
        return err_prefix(err, "the socket for %s: ", spec->what);
    if (bind_patiently(fd, spec) < 0)
        return err_set_errno(err, errno == EACCES ? ERR_DENIED : ERR_IO, errno,
                             "port %u for %s cannot be opened (ports below "
                             "1024 need root; is another server using it?)",
                             spec->port, spec->what);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* The socket that was passed under this name, or a new one. */
static int open_one(const struct one_socket *spec,
                    const struct interfaces *interfaces,
                    struct passed_sockets *passed, int *ret_fd,
                    uint16_t *ret_port, struct err *err)
{
    struct sockaddr_in address;
    socklen_t length = sizeof(address);
    AUTO_CLOSE int fd = -1;
    int code = passed_sockets_take(passed, spec->name, spec->type, &fd, err);
    if (code == 0 && fd >= 0 && spec->boot)
        code = interfaces_filter(interfaces, fd, err);
    else if (code == 0 && fd < 0)
        code = open_new(spec, interfaces, &fd, err);
    if (code != 0)
        return code;
    if (spec->type == SOCK_DGRAM)
        enlarge_queue(fd);
    if (spec->type == SOCK_STREAM && listen(fd, BACKLOG) < 0)
        return err_set_errno(err, ERR_IO, errno, "port %u for %s cannot be "
                             "listened on", spec->port, spec->what);
    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        return err_set_errno(err, ERR_IO, errno, "the port for %s is not "
                             "known", spec->what);
    *ret_port = ntohs(address.sin_port);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* Echo replies only: a raw socket gets a copy of every ICMP packet. */
static int open_icmp(void)
{
    struct icmp_filter filter = {~(1u << ICMP_ECHOREPLY)};
    AUTO_CLOSE int fd =
        socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP);
    if (fd < 0 || setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter,
                             sizeof(filter)) < 0)
        return -1;
    return TAKE_FD(fd);
}

static int open_arp(const struct interfaces *interfaces)
{
    bool several = interfaces->count > 1;
    const struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ENDPOINT_ARP),
        /* 0 = every one */
        .sll_ifindex = several ? 0 : (int)interfaces->list[0].index,
    };
    AUTO_CLOSE int fd =
        socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || (several && interfaces_restrict(interfaces, fd, NULL) < 0) ||
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -1;
    return TAKE_FD(fd);
}

int sockets_open(const struct config *config, struct sockets *ret,
                 struct err *err)
{
    const struct config_ports *want = &config->ports;
    struct sockets s = {.tls = -1, .http = -1, .dhcp = -1, .pxe = -1,
                        .tftp = -1, .icmp = -1, .arp = -1};
    const struct one_socket specs[] = {
        {"HTTPS", "https", SOCK_STREAM, want->tls, false, false},
        {"HTTP", "http", SOCK_STREAM, want->http, false, false},
        {"DHCP", "dhcp", SOCK_DGRAM, want->dhcp, true, true},
        {"PXE", "pxe", SOCK_DGRAM, want->pxe, true, true},
        {"TFTP", "tftp", SOCK_DGRAM, want->tftp, false, true},
    };
    int *const fds[] = {&s.tls, &s.http, &s.dhcp, &s.pxe, &s.tftp};
    uint16_t *const ports[] = {&s.ports.tls, &s.ports.http, &s.ports.dhcp,
                               &s.ports.pxe, &s.ports.tftp};
    size_t count = config->has_dhcp ? ARRAY_LENGTH(specs) : 2;
    struct passed_sockets passed;
    int code = passed_sockets_read(&passed, err);
    if (code == 0)
        code = interfaces_find(config, &s.interfaces, err);
    for (size_t i = 0; code == 0 && i < count; i++)
        code = open_one(&specs[i], &s.interfaces, &passed, fds[i], ports[i],
                        err);
    int unused = passed_sockets_done(&passed, code == 0 ? err : NULL);
    code = code ? code : unused;
    if (code != 0) {
        sockets_close(&s);
        return code;
    }
    /* A proxy gives no addresses away. */
    if (config->has_dhcp && config->dhcp.mode == DHCP_MODE_SERVER &&
        config->dhcp.probe) {
        s.icmp = open_icmp();
        s.arp = open_arp(&s.interfaces);
    }
    *ret = s;
    return 0;
}

void sockets_close(struct sockets *sockets)
{
    int *const fds[] = {&sockets->tls, &sockets->http, &sockets->dhcp,
                        &sockets->pxe, &sockets->tftp, &sockets->icmp,
                        &sockets->arp};
    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++) {
        if (*fds[i] >= 0)
            (void)close(*fds[i]);
        *fds[i] = -1;
    }
}
