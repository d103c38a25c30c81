/* SPDX-License-Identifier: Apache-2.0 */
/* The operating system behind the seam: see seam.h. */
#include "core/util/seam.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "core/util/buf.h"
#include "core/util/crypto.h"
#include "core/util/file.h"
#include "core/util/loop.h"
#include "core/util/num.h"

/* Larger than any datagram of the boot protocols on a 1500-byte network. */
#define DATAGRAM_BYTES 2048
#define BATCH 32
/* A log is read whole at start; larger ones were never compacted. */
#define LOG_MAX_BYTES ((size_t)256 << 20)

struct datagram_socket {
    int fd;
    bool is_link; /* a packet socket: see struct endpoint */
    struct loop_watch *watch;
    datagram_handler *handler;
    void *arg;
    bool dispatching;
    bool closed; /* by its own handler: freed after the dispatch */
    unsigned expected; /* datagrams that one call asks for, 1 to BATCH */
};

static uint64_t real_now_ms(void *context)
{
    (void)context;
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int64_t real_wall_s(void *context)
{
    (void)context;
    return (int64_t)time(NULL);
}

static void real_random(void *context, void *out, size_t length)
{
    (void)context;
    random_bytes(out, length);
}

/* As inet_ntop does it, which formats by printf: that is felt when every
 * datagram of a transfer has two addresses. */
const char *endpoint_address(const struct endpoint *endpoint,
                             char out[ADDRESS_TEXT_BYTES])
{
    uint32_t address = ntohl(endpoint->address.s_addr);
    char *at = out;
    for (int shift = 24; shift >= 0; shift -= 8) {
        unsigned byte = address >> shift & 255;
        if (byte >= 100)
            *at++ = (char)('0' + byte / 100);
        if (byte >= 10)
            *at++ = (char)('0' + byte / 10 % 10);
        *at++ = (char)('0' + byte % 10);
        *at++ = shift ? '.' : '\0';
    }
    return out;
}

int endpoint_parse(const char *text, struct endpoint *ret, struct err *err)
{
    struct endpoint endpoint = {{0}, 0, 0};
    char address[ADDRESS_TEXT_BYTES];
    const char *colon = strchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : strlen(text);
    if (length >= sizeof(address))
        return err_set(err, ERR_INVALID, "'%.60s' is not an IPv4 address",
                       text);
    memcpy(address, text, length);
    address[length] = 0;
    if (inet_pton(AF_INET, address, &endpoint.address) != 1)
        return err_set(err, ERR_INVALID, "'%s' is not an IPv4 address",
                       address);
    if (colon) {
        uint64_t port;
        int code = num_parse_u64(colon + 1, 1, 65535, &port, err);
        if (code != 0)
            return code;
        endpoint.port = (uint16_t)port;
    }
    *ret = endpoint;
    return 0;
}

/* ---- datagrams ---------------------------------------------------------- */

static void take_pktinfo(struct msghdr *message, struct endpoint *local)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c;
         c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
            continue;
        struct in_pktinfo info;
        memcpy(&info, CMSG_DATA(c), sizeof(info));
        local->address = info.ipi_addr;
        /* The kernel's own choice of a source for answers differs from where
         * the datagram went only when it went to everybody. */
        if (info.ipi_spec_dst.s_addr != info.ipi_addr.s_addr)
            local->address.s_addr = INADDR_BROADCAST;
        local->interface_index = (unsigned)info.ipi_ifindex;
    }
}

union peer {
    struct sockaddr_in internet;
    struct sockaddr_ll link;
};

/* Where a datagram came from and where it went. */
static void take_addresses(const struct datagram_socket *socket,
                           struct msghdr *message, struct datagram *datagram)
{
    const union peer *peer = message->msg_name;
    if (socket->is_link) {
        datagram->local.interface_index = (unsigned)peer->link.sll_ifindex;
    } else {
        datagram->peer.address = peer->internet.sin_addr;
        datagram->peer.port = ntohs(peer->internet.sin_port);
        take_pktinfo(message, &datagram->local);
    }
    datagram->peer.interface_index = datagram->local.interface_index;
}

/* On the stack, for nothing of it outlives its dispatch. */
struct batch {
    uint8_t room[BATCH][DATAGRAM_BYTES];
    struct mmsghdr messages[BATCH];
    struct iovec pieces[BATCH];
    union peer peers[BATCH];
    uint8_t control[BATCH][CMSG_SPACE(sizeof(struct in_pktinfo))];
};

/* A socket on which one datagram at a time comes is asked for one, a busy one
 * for more and more. */
static int receive_batch(struct datagram_socket *socket, struct batch *batch)
{
    unsigned asked = socket->expected;
    for (size_t i = 0; i < asked; i++) {
        batch->pieces[i] =
            (struct iovec){batch->room[i], sizeof(batch->room[i])};
        batch->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &batch->peers[i],
            .msg_namelen = sizeof(batch->peers[i]),
            .msg_iov = &batch->pieces[i],
            .msg_iovlen = 1,
            .msg_control = batch->control[i],
            .msg_controllen = sizeof(batch->control[i]),
        };
    }
    int count =
        recvmmsg(socket->fd, batch->messages, asked, MSG_DONTWAIT, NULL);
    if (count == (int)asked)
        socket->expected = MIN(asked * 2, (unsigned)BATCH);
    else if (count > 0)
        socket->expected = (unsigned)count;
    return count;
}

static void free_socket(struct datagram_socket *socket)
{
    loop_watch_cancel(socket->watch);
    (void)close(socket->fd);
    free(socket);
}

static void socket_ready(void *arg, unsigned events)
{
    struct datagram_socket *socket = arg;
    struct batch batch;
    (void)events;
    int count = receive_batch(socket, &batch);
    socket->dispatching = true;
    for (int i = 0; i < count && !socket->closed; i++) {
        struct mmsghdr *message = &batch.messages[i];
        /* A datagram that was cut is larger than any of our protocols'. */
        if (message->msg_hdr.msg_flags & MSG_TRUNC)
            continue;
        struct datagram datagram = {
            .data = batch.room[i],
            .length = message->msg_len,
        };
        take_addresses(socket, &message->msg_hdr, &datagram);
        socket->handler(socket->arg, &datagram);
    }
    socket->dispatching = false;
    if (socket->closed)
        free_socket(socket);
}

static int open_udp(const struct datagram_spec *spec, struct err *err)
{
    AUTO_CLOSE int fd =
        socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set_errno(err, ERR_IO, errno, "cannot open a UDP socket");
    struct sockaddr_in local = {.sin_family = AF_INET,
                                .sin_addr = spec->local.address,
                                .sin_port = htons(spec->local.port)};
    if (bind(fd, (struct sockaddr *)&local, sizeof(local)) != 0) {
        char text[ADDRESS_TEXT_BYTES];
        return err_set_errno(err, ERR_IO, errno, "cannot use UDP port %u of %s",
                             spec->local.port,
                             endpoint_address(&spec->local, text));
    }
    return TAKE_FD(fd);
}

static int real_datagram_open(void *context, struct loop *loop,
                              const struct datagram_spec *spec,
                              datagram_handler *handler, void *arg,
                              struct datagram_socket **ret_socket,
                              struct err *err)
{
    (void)context;
    AUTO_CLOSE int fd = spec->fd >= 0 ? fcntl(spec->fd, F_DUPFD_CLOEXEC, 0)
                                      : open_udp(spec, err);
    int on = 1;
    int domain = AF_INET;
    socklen_t size = sizeof(domain);
    if (fd < 0)
        return spec->fd >= 0
                   ? err_set_errno(err, ERR_IO, errno, "cannot take a socket")
                   : ERR_IO;
    if (spec->broadcast &&
        setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) != 0)
        return err_set_errno(err, ERR_IO, errno, "cannot allow broadcasts");
    (void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
    if (domain != AF_PACKET &&
        setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) != 0)
        return err_set_errno(err, ERR_IO, errno,
                             "cannot ask for packet addresses");
    struct datagram_socket *socket = calloc(1, sizeof(*socket));
    if (!socket)
        return err_set(err, ERR_NO_MEMORY, "no memory for a socket");
    socket->handler = handler;
    socket->arg = arg;
    socket->fd = fd;
    socket->expected = 1;
    socket->is_link = domain == AF_PACKET;
    socket->watch = loop_watch(loop, fd, LOOP_READ, socket_ready, socket);
    if (!socket->watch) {
        free(socket);
        return err_set(err, ERR_NO_MEMORY, "no memory for a socket");
    }
    (void)TAKE_FD(fd);
    *ret_socket = socket;
    return 0;
}

static void real_datagram_close(void *context, struct datagram_socket *socket)
{
    (void)context;
    if (!socket)
        return;
    if (socket->dispatching)
        socket->closed = true;
    else
        free_socket(socket);
}

static int send_on_link(const struct datagram_socket *socket,
                        const struct datagram *datagram)
{
    const struct sockaddr_ll everybody = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ENDPOINT_ARP),
        .sll_ifindex = (int)datagram->local.interface_index,
        .sll_halen = 6,
        .sll_addr = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
    };
    return sendto(socket->fd, datagram->data, datagram->length, MSG_DONTWAIT,
                  (const struct sockaddr *)&everybody, sizeof(everybody)) < 0
               ? errno
               : 0;
}

static int send_message(struct datagram_socket *socket,
                        const struct datagram *datagram, size_t length,
                        uint16_t segment_bytes)
{
    struct sockaddr_in peer = {.sin_family = AF_INET,
                               .sin_addr = datagram->peer.address,
                               .sin_port = htons(datagram->peer.port)};
    struct iovec piece = {(void *)datagram->data, length};
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo)) +
                      CMSG_SPACE(sizeof(uint16_t))];
    } control;
    memset(&control, 0, sizeof(control));
    struct msghdr message = {.msg_name = &peer,
                             .msg_namelen = sizeof(peer),
                             .msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
    struct in_pktinfo info = {
        .ipi_ifindex = (int)datagram->local.interface_index,
        .ipi_spec_dst = datagram->local.address};
    memcpy(CMSG_DATA(c), &info, sizeof(info));
    size_t used = CMSG_SPACE(sizeof(info));
    if (segment_bytes) {
        c = CMSG_NXTHDR(&message, c);
        c->cmsg_level = SOL_UDP;
        c->cmsg_type = UDP_SEGMENT;
        c->cmsg_len = CMSG_LEN(sizeof(segment_bytes));
        memcpy(CMSG_DATA(c), &segment_bytes, sizeof(segment_bytes));
        used += CMSG_SPACE(sizeof(segment_bytes));
    }
    message.msg_controllen = used;
    return sendmsg(socket->fd, &message, MSG_DONTWAIT) < 0 ? errno : 0;
}

static int real_datagram_send(void *context, struct datagram_socket *socket,
                              const struct datagram *datagram)
{
    (void)context;
    int number = socket->is_link
                     ? send_on_link(socket, datagram)
                     : send_message(socket, datagram, datagram->length, 0);
    return number == 0 ? 0 : ERR_UNAVAILABLE;
}

static int real_datagram_send_many(void *context,
                                   struct datagram_socket *socket,
                                   const struct datagram *datagram,
                                   size_t segment_bytes)
{
    /* One call may carry 64 segments and 65507 bytes (udp(7)). */
    size_t per_call = MIN((size_t)64, (size_t)65000 / segment_bytes);
    struct datagram piece = *datagram;
    (void)context;
    while (piece.length > 0) {
        size_t length = MIN(piece.length, per_call * segment_bytes);
        int number = send_message(
            socket, &piece, length,
            length > segment_bytes ? (uint16_t)segment_bytes : 0);
        if (number == EINVAL || number == EIO) {
            /* No segmentation on this path: one datagram at a time. */
            if (per_call == 1)
                return ERR_UNAVAILABLE;
            per_call = 1;
            continue;
        }
        if (number != 0)
            return ERR_UNAVAILABLE;
        piece.data += length;
        piece.length -= length;
    }
    return 0;
}

static void real_datagram_local(void *context, struct datagram_socket *socket,
                                struct endpoint *ret)
{
    struct sockaddr_in local = {0};
    socklen_t size = sizeof(local);
    (void)context;
    (void)getsockname(socket->fd, (struct sockaddr *)&local, &size);
    *ret = (struct endpoint){local.sin_addr, ntohs(local.sin_port), 0};
}

static bool real_link_address(void *context, unsigned interface_index,
                              uint8_t ret_mac[6])
{
    struct ifreq request = {0};
    AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)context;
    if (fd < 0 || !if_indextoname(interface_index, request.ifr_name) ||
        ioctl(fd, SIOCGIFHWADDR, &request) != 0 ||
        request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
        return false;
    memcpy(ret_mac, request.ifr_hwaddr.sa_data, 6);
    return true;
}

/* ---- append-only files -------------------------------------------------- */

static int real_log_open(void *context, const char *path, int *ret_handle,
                         struct err *err)
{
    (void)context;
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set_errno(err, ERR_IO, errno, "cannot open '%s'", path);
    *ret_handle = fd;
    return 0;
}

static int real_log_append(void *context, int handle, const void *data,
                           size_t length, struct err *err)
{
    (void)context;
    struct stat before;
    if (fstat(handle, &before) != 0)
        return err_set_errno(err, ERR_IO, errno, "cannot look at the log");
    int code = file_write_all(handle, data, length, err);
    if (code == 0 && fdatasync(handle) != 0)
        code = err_set_errno(err, ERR_IO, errno, "cannot sync the log");
    /* Half a record would be read back as damage. */
    if (code != 0 && ftruncate(handle, before.st_size) != 0)
        (void)err_prefix(err, "and the log could not be cut back: ");
    return code;
}

static int real_log_read(void *context, int handle, void *ret_buf,
                         struct err *err)
{
    struct buf *buf = ret_buf;
    struct stat now;
    (void)context;
    if (fstat(handle, &now) != 0)
        return err_set_errno(err, ERR_IO, errno, "cannot look at the log");
    if ((uint64_t)now.st_size > MIN(LOG_MAX_BYTES, buf->max))
        return err_set(err, ERR_TOO_BIG, "the log is too large to read");
    buf_clear(buf);
    uint8_t *at = buf_reserve(buf, (size_t)now.st_size);
    if (!at)
        return err_set(err, ERR_NO_MEMORY, "no memory to read the log");
    int code = file_pread_all(handle, at, (size_t)now.st_size, 0, err);
    if (code == 0) {
        buf->length = (size_t)now.st_size;
        buf->data[buf->length] = 0;
    }
    return code;
}

static int real_log_rewrite(void *context, int handle, const void *data,
                            size_t length, struct err *err)
{
    char link[64], path[4096];
    (void)context;
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", handle);
    ssize_t got = readlink(link, path, sizeof(path) - 1);
    if (got < 0)
        return err_set_errno(err, ERR_IO, errno, "cannot find the log's name");
    path[got] = 0;
    int code = file_write(AT_FDCWD, path, data, length, 0600, err);
    if (code != 0)
        return code;
    AUTO_CLOSE int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
    if (fd < 0 || dup3(fd, handle, O_CLOEXEC) < 0)
        return err_set_errno(err, ERR_IO, errno, "cannot reopen '%s'", path);
    return 0;
}

static void real_log_close(void *context, int handle)
{
    (void)context;
    (void)close(handle);
}

const struct seam seam_real = {
    .now_ms = real_now_ms,
    .wall_s = real_wall_s,
    .random = real_random,
    .datagram_open = real_datagram_open,
    .datagram_send = real_datagram_send,
    .datagram_send_many = real_datagram_send_many,
    .datagram_close = real_datagram_close,
    .datagram_local = real_datagram_local,
    .link_address = real_link_address,
    .log_open = real_log_open,
    .log_append = real_log_append,
    .log_read = real_log_read,
    .log_rewrite = real_log_rewrite,
    .log_close = real_log_close,
    .advance = NULL,
};
