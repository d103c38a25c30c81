/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/net/net-dhcp.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/boot/packet.h"
#include "core/util/log.h"

/* RFC 2131 section 4.1 begins at 4 s; a person waits here, so 1 s. */
#define FIRST_WAIT_MS 1000
#define LONGEST_WAIT_MS 16000
/* Then the server that offered has gone: begin anew. */
#define REQUESTS_MAX 4
/* Shortest time between renewals (RFC 2131 section 4.4.5). */
#define RENEW_WAIT_MS 60000
#define LEASE_MIN_S 60
#define CLASS_ID "SlipwayEngine:1"

enum state { SELECTING, REQUESTING, BOUND, RENEWING };

struct dhcp_client {
    struct loop *loop;
    struct datagram_socket *socket; /* NULL while it holds a lease */
    char name[16];
    unsigned interface_index;
    uint8_t mac[6];
    uint8_t machine_id[17]; /* option 97: type 0 and the UUID */
    bool has_uuid;
    enum state state;
    uint32_t xid;
    unsigned tries;
    uint64_t wait_ms;
    uint64_t expires_ms;     /* of the lease */
    struct dhcp_lease lease; /* offered, then held */
    struct loop_timer *timer;
    struct loop_timer *news; /* `changed` will be called */
    dhcp_client_changed *changed;
    void *arg;
};

static void on_timer(void *arg);

static const struct seam *seam_of(const struct dhcp_client *c)
{
    return loop_seam(c->loop);
}

static void arm(struct dhcp_client *c, uint64_t delay_ms)
{
    loop_timer_cancel(c->timer);
    c->timer = loop_timer(c->loop, delay_ms, on_timer, c);
    if (!c->timer)
        log_error("out of memory: the network port gives up");
}

/* Half a second around `wait_ms`, so that a room of machines spreads out. */
static uint64_t jittered(struct dhcp_client *c, uint64_t wait_ms)
{
    uint16_t random = 0;
    seam_of(c)->random(seam_of(c)->context, &random, sizeof(random));
    return wait_ms - 250 + random % 500;
}

static void on_datagram(void *arg, const struct datagram *datagram);

/* Hears this port only, also before it has an address. */
static int open_port_socket(const char *name, struct err *err)
{
    AUTO_CLOSE int fd =
        socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    struct sockaddr_in local = {.sin_family = AF_INET,
                                .sin_port = htons(PACKET_CLIENT_PORT)};
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
        setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) ||
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name,
                   (socklen_t)strlen(name) + 1) ||
        bind(fd, (struct sockaddr *)&local, sizeof(local)))
        return err_set_errno(err, ERR_IO, errno,
                             "cannot listen to DHCP servers");
    return TAKE_FD(fd);
}

static int open_socket(struct dhcp_client *c, struct err *err)
{
    AUTO_CLOSE int fd = c->name[0] ? open_port_socket(c->name, err) : -1;
    if (c->name[0] && fd < 0)
        return ERR_IO;
    const struct datagram_spec spec = {
        .local = {.port = PACKET_CLIENT_PORT,
                  .interface_index = c->interface_index},
        .broadcast = true,
        .fd = fd,
    };
    return seam_of(c)->datagram_open(seam_of(c)->context, c->loop, &spec,
                                     on_datagram, c, &c->socket, err);
}

static void close_socket(struct dhcp_client *c)
{
    if (c->socket)
        seam_of(c)->datagram_close(seam_of(c)->context, c->socket);
    c->socket = NULL;
}

static void tell(void *arg)
{
    struct dhcp_client *c = arg;
    c->news = NULL;
    bool held = c->state == BOUND || c->state == RENEWING;
    c->changed(c->arg, held ? &c->lease : NULL);
}

/* From the loop, when no handler of our own is running any more. */
static void tell_soon(struct dhcp_client *c)
{
    if (!c->news)
        c->news = loop_timer(c->loop, 0, tell, c);
}

static void send_message(struct dhcp_client *c, enum dhcp_type type)
{
    static const uint8_t wanted[] = {OPTION_NETMASK,       OPTION_ROUTER,
                                     OPTION_BROADCAST,     OPTION_LEASE_TIME,
                                     OPTION_SERVER_ID,     OPTION_RENEWAL_TIME,
                                     OPTION_REBINDING_TIME};
    struct packet_writer writer;
    struct err err = ERR_INIT;
    if (!c->socket && open_socket(c, &err)) {
        log_warn("%s", err.text); /* the timer tries again */
        return;
    }
    packet_request_init(&writer, type, c->xid, c->mac);
    /* Without an address this machine hears broadcasts only. */
    packet_set_flags(&writer, PACKET_FLAG_BROADCAST);
    if (c->state == RENEWING) {
        packet_set_ciaddr(&writer, c->lease.address);
    } else if (c->state == REQUESTING) {
        (void)packet_put_address(&writer, OPTION_REQUESTED_ADDRESS,
                                 c->lease.address);
        (void)packet_put_address(&writer, OPTION_SERVER_ID, c->lease.server);
    }
    (void)packet_put_u16(&writer, OPTION_MAX_SIZE, PACKET_INPUT_MAX);
    (void)packet_put_text(&writer, OPTION_CLASS_ID, CLASS_ID);
    (void)packet_put(&writer, OPTION_PARAMETER_LIST, wanted, sizeof(wanted));
    if (c->has_uuid)
        (void)packet_put(&writer, OPTION_MACHINE_ID, c->machine_id,
                         sizeof(c->machine_id));
    struct datagram datagram = {.data = writer.bytes};
    datagram.length = packet_finish(&writer);
    datagram.peer.address.s_addr = htonl(INADDR_BROADCAST);
    datagram.peer.port = PACKET_SERVER_PORT;
    datagram.local.interface_index = c->interface_index;
    /* A full queue is a lost packet: the timer repeats it. */
    (void)seam_of(c)->datagram_send(seam_of(c)->context, c->socket, &datagram);
}

static void begin(struct dhcp_client *c, enum state state)
{
    c->state = state;
    c->tries = 0;
    c->wait_ms = FIRST_WAIT_MS;
    if (state == SELECTING || state == RENEWING) {
        seam_of(c)->random(seam_of(c)->context, &c->xid, sizeof(c->xid));
    }
    send_message(c, state == SELECTING ? DHCP_DISCOVER : DHCP_REQUEST);
    arm(c, jittered(c, c->wait_ms));
}

static void lose(struct dhcp_client *c)
{
    c->lease = (struct dhcp_lease){0};
    begin(c, SELECTING);
    tell_soon(c);
}

static void on_timer(void *arg)
{
    struct dhcp_client *c = arg;
    c->timer = NULL;
    c->tries++;
    switch (c->state) {
    case BOUND:
        begin(c, RENEWING);
        return;
    case RENEWING:
        if (loop_now_ms(c->loop) >= c->expires_ms) {
            lose(c);
            return;
        }
        send_message(c, DHCP_REQUEST);
        arm(c, MIN(RENEW_WAIT_MS, c->expires_ms - loop_now_ms(c->loop)));
        return;
    case REQUESTING:
        if (c->tries >= REQUESTS_MAX) {
            begin(c, SELECTING);
            return;
        }
        send_message(c, DHCP_REQUEST);
        break;
    case SELECTING:
        send_message(c, DHCP_DISCOVER);
        break;
    }
    c->wait_ms = MIN(c->wait_ms * 2, (uint64_t)LONGEST_WAIT_MS);
    arm(c, jittered(c, c->wait_ms));
}

/* The default of the address's old class when the server says nothing. */
static uint8_t prefix_of(const struct packet *packet, struct in_addr address)
{
    uint32_t mask = 0;
    if (!packet_option_u32(packet, OPTION_NETMASK, &mask) || !mask ||
        (~mask & (~mask + 1)))
        return ntohl(address.s_addr) >> 31 ? 24 : 8;
    return (uint8_t)__builtin_popcount(mask);
}

/* Routers may be several (RFC 2132 section 3.5): the first. */
static struct in_addr router_of(const struct packet *packet)
{
    struct in_addr router = {0};
    size_t length = 0;
    const uint8_t *data = packet_option(packet, OPTION_ROUTER, &length);
    if (data && length >= sizeof(router))
        memcpy(&router, data, sizeof(router));
    return router;
}

static void on_offer(struct dhcp_client *c, const struct packet *packet)
{
    struct in_addr server = {0};
    if (c->state != SELECTING || !packet->yiaddr.s_addr ||
        !packet_option_address(packet, OPTION_SERVER_ID, &server))
        return; /* a proxy's offer has no address */
    c->lease = (struct dhcp_lease){.address = packet->yiaddr, .server = server};
    begin(c, REQUESTING);
}

static void on_ack(struct dhcp_client *c, const struct packet *packet)
{
    if ((c->state != REQUESTING && c->state != RENEWING) ||
        packet->yiaddr.s_addr != c->lease.address.s_addr)
        return;
    struct dhcp_lease lease = {.address = packet->yiaddr,
                               .server = c->lease.server,
                               .router = router_of(packet),
                               .lease_s = UINT32_MAX};
    lease.prefix_length = prefix_of(packet, packet->yiaddr);
    (void)packet_option_address(packet, OPTION_SERVER_ID, &lease.server);
    (void)packet_option_u32(packet, OPTION_LEASE_TIME, &lease.lease_s);
    bool forever = lease.lease_s == UINT32_MAX;
    uint64_t lease_ms = MAX(lease.lease_s, LEASE_MIN_S) * UINT64_C(1000);
    c->state = BOUND;
    c->lease = lease;
    c->expires_ms = loop_now_ms(c->loop) + lease_ms;
    loop_timer_cancel(c->timer);
    c->timer = NULL;
    if (!forever)
        arm(c, lease_ms / 2);
    close_socket(c);
    tell_soon(c);
}

static void on_datagram(void *arg, const struct datagram *datagram)
{
    struct dhcp_client *c = arg;
    struct packet packet;
    if (packet_parse(datagram->data, datagram->length, &packet, NULL) ||
        packet.op != PACKET_REPLY || packet.xid != c->xid ||
        packet.hlen != sizeof(c->mac) ||
        memcmp(packet.chaddr, c->mac, sizeof(c->mac)))
        return; /* somebody else's */
    switch (packet_type(&packet)) {
    case DHCP_OFFER:
        on_offer(c, &packet);
        break;
    case DHCP_ACK:
        on_ack(c, &packet);
        break;
    case DHCP_NAK:
        if (c->state == REQUESTING)
            begin(c, SELECTING);
        else if (c->state == RENEWING)
            lose(c);
        break;
    default:
        break;
    }
}

int dhcp_client_new(struct loop *loop, const struct dhcp_client_spec *spec,
                    dhcp_client_changed *changed, void *arg,
                    struct dhcp_client **ret, struct err *err)
{
    struct dhcp_client *c = calloc(1, sizeof(*c));
    if (!c)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    c->loop = loop;
    c->interface_index = spec->interface_index;
    memcpy(c->mac, spec->mac, sizeof(c->mac));
    (void)snprintf(c->name, sizeof(c->name), "%s",
                   spec->name ? spec->name : "");
    if (spec->uuid) {
        c->has_uuid = true;
        memcpy(c->machine_id + 1, spec->uuid, sizeof(c->machine_id) - 1);
    }
    c->changed = changed;
    c->arg = arg;
    int rc = open_socket(c, err);
    if (rc) {
        free(c);
        return rc;
    }
    begin(c, SELECTING);
    *ret = c;
    return 0;
}

void dhcp_client_free(struct dhcp_client *client)
{
    if (!client)
        return;
    loop_timer_cancel(client->timer);
    loop_timer_cancel(client->news);
    close_socket(client);
    free(client);
}
