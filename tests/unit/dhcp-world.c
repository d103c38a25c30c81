/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/dhcp-world.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/util/log.h"

/* The real plugin answers for UEFI firmware: its file is linked in. */
extern const struct slipway_arch_plugin slipway_plugin_descriptor;

struct in_addr address_of(const char *text)
{
    struct in_addr address;
    if (inet_pton(AF_INET, text, &address) != 1)
        abort(); /* a slip in the test */
    return address;
}

static void decide(void *arg, const struct boot_client *client,
                   uint32_t request_kind, struct boot_decision *ret)
{
    const struct world *w = arg;
    (void)request_kind;
    *ret = w->decision;
    if (w->reserved && strcmp(client->mac, w->reserved_mac) == 0)
        (void)snprintf(ret->reserved_address, sizeof(ret->reserved_address),
                       "%s", w->reserved);
}

static void rendezvous(void *arg, const struct boot_client *client,
                       const char *ciaddr,
                       void (*done)(void *done_arg, const char *ticket),
                       void *done_arg)
{
    struct world *w = arg;
    (void)client;
    (void)snprintf(w->rendezvous_address, sizeof(w->rendezvous_address), "%s",
                   ciaddr);
    if (!w->defer_ticket) {
        done(done_arg, w->ticket);
        return;
    }
    w->ticket_done = done;
    w->ticket_arg = done_arg;
}

static const struct slipway_arch_plugin *
recognise(void *arg, const struct slipway_boot_request *request)
{
    const struct world *w = arg;
    return !w->no_arch && slipway_plugin_descriptor.recognise(request) > 0
               ? &slipway_plugin_descriptor
               : NULL;
}

static const char *engine_file(void *arg, const char *machine, const char *role)
{
    (void)arg;
    (void)machine;
    (void)role;
    return "engine-x86_64.efi";
}

static const char *host_label(void *arg, const char *host_id, const char *name)
{
    (void)arg;
    (void)host_id;
    (void)name;
    return NULL;
}

static void event(void *arg, const char *id, void *json)
{
    struct world *w = arg;
    const char *mac = json_string_value(json_object_get(json, "mac"));
    w->events++;
    (void)snprintf(w->last_mac, sizeof(w->last_mac), "%s", mac ? mac : "");
    (void)snprintf(w->last_event, sizeof(w->last_event), "%s", id);
    json_decref(w->last_json);
    w->last_json = json;
}

static bool reserved(void *arg, const char *address, const char *mac)
{
    const struct world *w = arg;
    return w->reserved && strcmp(address, w->reserved) == 0 &&
           strcmp(mac, w->reserved_mac) != 0;
}

static void ignore_line(void *arg, enum log_level level, const char *line)
{
    (void)arg;
    (void)level;
    (void)line;
}

void world_prepare(struct world *w, uint64_t seed, unsigned pool)
{
    struct err err = ERR_INIT;
    log_set_sink(ignore_line, NULL);
    memset(w, 0, sizeof(*w));
    w->sim = sim_new(seed);
    w->seam = sim_host(w->sim, WORLD_SERVER);
    w->loop = loop_new(w->seam, &err);
    w->policy = (struct dhcp_policy){
        .arg = w,
        .decide = decide,
        .rendezvous = rendezvous,
        .recognise = recognise,
        .engine_file = engine_file,
        .host_label = host_label,
        .event = event,
        .reserved = reserved,
    };
    uint32_t first = ntohl(address_of("10.0.0.100").s_addr);
    w->ranges[0] =
        (struct dhcp_range){{htonl(first)}, {htonl(first + pool - 1)}};
    w->ranges[1] =
        (struct dhcp_range){address_of("10.9.0.10"), address_of("10.9.0.20")};
    w->interfaces[0] = (struct dhcp_interface){1, address_of(WORLD_SERVER)};
    w->interfaces[1] = (struct dhcp_interface){2, address_of("10.9.0.1")};
    w->subnets[0] = (struct dhcp_subnet){
        .network = address_of("10.0.0.0"),
        .netmask = address_of("255.255.255.0"),
        .router = address_of("10.0.0.254"),
        .dns = {address_of("10.0.0.53")},
        .dns_count = 1,
        .domain = "lab.example",
        .ranges = &w->ranges[0],
        .range_count = 1,
    };
    w->subnets[1] = w->subnets[0];
    w->subnets[1].network = address_of("10.9.0.0");
    w->subnets[1].router.s_addr = 0;
    w->subnets[1].ranges = &w->ranges[1];
    dhcp_config_defaults(&w->config);
    w->config.interfaces = w->interfaces;
    w->config.interface_count = 1;
    w->config.tls_port = 7443;
    w->config.http_port = 7080;
    w->config.subnets = w->subnets;
    w->config.subnet_count = 2;
    w->config.lease_s = 600;
    w->config.lease_log = WORLD_LOG;
    w->decision.intent = SLIPWAY_INTENT_LOCAL;
    (void)snprintf(w->decision.reason, sizeof(w->decision.reason), "no task");
}

void world_serve(struct world *w)
{
    struct err err = ERR_INIT;
    if (dhcp_new(w->loop, &w->config, &w->policy, &w->dhcp, &err)) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
}

void world_start(struct world *w, uint64_t seed, unsigned pool)
{
    world_prepare(w, seed, pool);
    world_serve(w);
}

void world_probe(struct world *w)
{
    w->config.arp = (struct datagram_spec){.local.port = ENDPOINT_ARP,
                                           .fd = -1};
    w->config.icmp = (struct datagram_spec){.local.port = ENDPOINT_ICMP,
                                            .fd = -1};
}

int world_restart(struct world *w, struct err *err)
{
    dhcp_free(w->dhcp);
    w->dhcp = NULL;
    return dhcp_new(w->loop, &w->config, &w->policy, &w->dhcp, err);
}

void world_end(struct world *w)
{
    dhcp_free(w->dhcp);
    loop_free(w->loop);
    sim_free(w->sim);
    json_decref(w->last_json);
}

struct dhcp_counters world_counters(const struct world *w)
{
    struct dhcp_counters c;
    dhcp_counters(w->dhcp, &c);
    return c;
}

static void on_reply(void *arg, const struct datagram *datagram)
{
    struct station *s = arg;
    struct packet packet;
    if (packet_parse(datagram->data, datagram->length, &packet, NULL) ||
        packet.op != PACKET_REPLY || packet.xid != s->xid ||
        memcmp(packet.chaddr, s->mac, sizeof(s->mac)) != 0)
        return;
    s->replies++;
    s->reply = packet;
    s->type = packet_type(&packet);
    s->from = datagram->peer;
    s->length = MIN(datagram->length, sizeof(s->bytes));
    memcpy(s->bytes, datagram->data, s->length);
}

void station_open(struct station *s, struct world *w, uint8_t number,
                  const char *address, uint16_t port)
{
    const struct datagram_spec spec = {
        .local = {.port = port}, .broadcast = true, .fd = -1};
    memset(s, 0, sizeof(*s));
    s->world = w;
    s->seam = sim_host(w->sim, address);
    s->mac[0] = 0x52;
    s->mac[1] = 0x54;
    s->mac[5] = number;
    s->xid = 0x1000u + number;
    if (s->seam->datagram_open(s->seam->context, w->loop, &spec, on_reply, s,
                               &s->socket, NULL))
        abort();
}

void station_packet(struct station *s, struct packet_writer *p,
                    enum dhcp_type type)
{
    static const uint8_t wanted[] = {1, 3, 6, 15, 51, 54};
    packet_request_init(p, type, s->xid, s->mac);
    (void)packet_put(p, OPTION_PARAMETER_LIST, wanted, sizeof(wanted));
}

void put_uefi(struct packet_writer *p)
{
    static const uint8_t machine[17] = {0, 1,  2,  3,  4,  5,  6,  7, 8,
                                        9, 10, 11, 12, 13, 14, 15, 16};
    (void)packet_put_text(p, OPTION_CLASS_ID,
                          "PXEClient:Arch:00007:UNDI:003016");
    (void)packet_put_u16(p, OPTION_ARCH, 7);
    (void)packet_put_u16(p, OPTION_MAX_SIZE, 1472);
    (void)packet_put(p, OPTION_MACHINE_ID, machine, sizeof(machine));
}

void station_send(struct station *s, struct packet_writer *p,
                  const char *address, uint16_t port)
{
    struct datagram out = {
        .peer = {address_of(address), port, 0},
        .data = p->bytes,
        .length = packet_finish(p),
    };
    if (out.length == 0 ||
        s->seam->datagram_send(s->seam->context, s->socket, &out))
        abort();
    loop_run_for(s->world->loop, 50);
}

bool station_dora(struct station *s, bool uefi)
{
    struct packet_writer p;
    struct in_addr server;
    s->xid += 0x10000;
    station_packet(s, &p, DHCP_DISCOVER);
    if (uefi)
        put_uefi(&p);
    station_send(s, &p, "255.255.255.255", PACKET_SERVER_PORT);
    if (s->type != DHCP_OFFER || s->reply.xid != s->xid ||
        !packet_option_address(&s->reply, OPTION_SERVER_ID, &server))
        return false;
    station_packet(s, &p, DHCP_REQUEST);
    (void)packet_put_address(&p, OPTION_REQUESTED_ADDRESS, s->reply.yiaddr);
    (void)packet_put_address(&p, OPTION_SERVER_ID, server);
    if (uefi)
        put_uefi(&p);
    station_send(s, &p, "255.255.255.255", PACKET_SERVER_PORT);
    if (s->type != DHCP_ACK)
        return false;
    sim_set_address(s->seam, station_address(s));
    return true;
}

const char *station_address(const struct station *s)
{
    static char text[INET_ADDRSTRLEN];
    return inet_ntop(AF_INET, &s->reply.yiaddr, text, sizeof(text));
}
