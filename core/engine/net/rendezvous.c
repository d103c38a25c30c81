/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/net/rendezvous.h"

#include <stdio.h>
#include <string.h>

#include "core/boot/client.h"
#include "core/boot/packet.h"
#include "core/boot/pxe.h"

#define FIRST_WAIT_MS 1000
#define LONGEST_WAIT_MS 4000

struct rendezvous_search {
    struct loop *loop;
    struct rendezvous_port ports[RENDEZVOUS_MAX_PORTS];
    size_t count;
    uint8_t uuid[16];
    bool has_uuid;
    uint32_t xid; /* of the first port; the others' follow */
    struct datagram_socket *socket;
    struct loop_timer *timer;
    uint64_t wait_ms;
    uint64_t deadline_ms;
    uint64_t timeout_ms;
    rendezvous_done *done;
    void *arg;
};

/* DHCPINFORM, RFC 2131 section 4.4.3, with options 60 and 97. */
static void ask(struct rendezvous_search *search, size_t index)
{
    const struct rendezvous_port *port = &search->ports[index];
    const struct seam *seam = loop_seam(search->loop);
    struct packet_writer writer;
    uint8_t machine_id[17] = {0};
    static const uint8_t wanted[] = {OPTION_VENDOR, OPTION_CLASS_ID};

    packet_request_init(&writer, DHCP_INFORM, search->xid + (uint32_t)index,
                        port->mac);
    packet_set_ciaddr(&writer, port->address);
    (void)packet_put_text(&writer, OPTION_CLASS_ID, CLIENT_ENGINE_CLASS);
    (void)packet_put(&writer, OPTION_PARAMETER_LIST, wanted, sizeof(wanted));
    (void)packet_put_u16(&writer, OPTION_MAX_SIZE, PACKET_INPUT_MAX);
    if (search->has_uuid) {
        memcpy(machine_id + 1, search->uuid, sizeof(search->uuid));
        (void)packet_put(&writer, OPTION_MACHINE_ID, machine_id,
                         sizeof(machine_id));
    }
    struct datagram datagram = {
        .peer = {.address.s_addr = INADDR_BROADCAST,
                 .port = PACKET_SERVER_PORT},
        .local = {.address = port->address,
                  .port = PACKET_CLIENT_PORT,
                  .interface_index = port->interface_index},
        .data = writer.bytes,
        .length = packet_finish(&writer),
    };
    if (datagram.length > 0) /* a lost one is repeated by the timer */
        (void)seam->datagram_send(seam->context, search->socket, &datagram);
}

static void on_timer(void *arg)
{
    struct rendezvous_search *search = arg;
    uint64_t now_ms = loop_now_ms(search->loop);
    struct err err = ERR_INIT;

    search->timer = NULL;
    if (now_ms >= search->deadline_ms) {
        (void)err_set(&err, ERR_TIMEOUT,
                      "no Slipway server has answered on this network within "
                      "%llu s",
                      (unsigned long long)(search->timeout_ms / 1000));
        search->done(search->arg, NULL, &err);
        return;
    }
    for (size_t i = 0; i < search->count; i++)
        ask(search, i);
    uint64_t wait_ms = MIN(search->wait_ms, search->deadline_ms - now_ms);
    search->wait_ms = MIN(search->wait_ms * 2, (uint64_t)LONGEST_WAIT_MS);
    search->timer = loop_timer(search->loop, wait_ms, on_timer, search);
}

/* Takes the server list apart; -1 when nothing in it can be used. */
static int read_servers(const char *text, struct rendezvous_result *result)
{
    while (*text && result->server_count < TRUST_MAX_SERVERS) {
        char *out = result->servers[result->server_count];
        size_t length = strcspn(text, ",");
        if (length < SERVER_NAME_BYTES) {
            memcpy(out, text, length);
            out[length] = '\0';
            if (server_name_check(out, NULL) == 0)
                result->server_count++;
        }
        text += length;
        text += *text == ',';
    }
    return result->server_count > 0 ? 0 : -1;
}

static void on_datagram(void *arg, const struct datagram *datagram)
{
    struct rendezvous_search *search = arg;
    struct rendezvous_result result = {.server_count = 0};
    struct packet packet;
    struct rendezvous found;
    size_t length = 0;

    if (packet_parse(datagram->data, datagram->length, &packet, NULL) < 0 ||
        packet.op != PACKET_REPLY || packet_type(&packet) != DHCP_ACK ||
        packet.xid - search->xid >= search->count ||
        !packet_class_begins(&packet, CLIENT_ENGINE_CLASS))
        return;
    result.port = packet.xid - search->xid;
    if (memcmp(packet.chaddr, search->ports[result.port].mac, 6) != 0)
        return;
    const uint8_t *vendor = packet_option(&packet, OPTION_VENDOR, &length);
    if (!vendor || rendezvous_parse(vendor, length, &found, NULL) < 0 ||
        read_servers(found.servers, &result) < 0)
        return;
    (void)snprintf(result.ticket, sizeof(result.ticket), "%s", found.ticket);
    loop_timer_cancel(search->timer);
    search->timer = NULL;
    search->done(search->arg, &result, NULL);
}

struct rendezvous_search *
rendezvous_start(struct loop *loop, const struct rendezvous_port *ports,
                 size_t count, const uint8_t *uuid, uint64_t timeout_ms,
                 rendezvous_done *done, void *arg, struct err *err)
{
    const struct seam *seam = loop_seam(loop);
    struct datagram_spec spec = {
        .local = {.port = PACKET_CLIENT_PORT}, .broadcast = true, .fd = -1};
    struct rendezvous_search *search = calloc(1, sizeof(*search));

    if (!search) {
        (void)err_set(err, ERR_NO_MEMORY, "not enough memory to find a server");
        return NULL;
    }
    search->loop = loop;
    search->count = MIN(count, (size_t)RENDEZVOUS_MAX_PORTS);
    memcpy(search->ports, ports, search->count * sizeof(*ports));
    if (uuid)
        memcpy(search->uuid, uuid, sizeof(search->uuid));
    search->has_uuid = uuid;
    search->wait_ms = FIRST_WAIT_MS;
    search->timeout_ms = timeout_ms;
    search->deadline_ms = loop_now_ms(loop) + timeout_ms;
    search->done = done;
    search->arg = arg;
    seam->random(seam->context, &search->xid, sizeof(search->xid));
    if (seam->datagram_open(seam->context, loop, &spec, on_datagram, search,
                            &search->socket, err) < 0) {
        free(search);
        return NULL;
    }
    search->timer = loop_timer(loop, 0, on_timer, search);
    if (search->timer)
        return search;
    (void)err_set(err, ERR_NO_MEMORY, "not enough memory to find a server");
    rendezvous_free(search);
    return NULL;
}

void rendezvous_free(struct rendezvous_search *search)
{
    if (!search)
        return;
    const struct seam *seam = loop_seam(search->loop);
    loop_timer_cancel(search->timer);
    seam->datagram_close(seam->context, search->socket);
    free(search);
}
