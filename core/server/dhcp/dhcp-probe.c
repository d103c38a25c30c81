/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probing: an address that is new to a client is asked for before it is
 * offered, because a machine with a fixed address may have it (RFC 2131
 * section 2.2, RFC 5227).
 *
 * On the link by ARP, which every IPv4 machine answers whatever its firewall
 * says, and which tells who it is; an echo there would need the same ARP
 * first.  Behind a relay by ICMP echo.  RFC 5227's own pauses of seconds are
 * longer than firmware waits, so an address is asked three times within a
 * third of a second and given some more time to answer; OFFER_WITHIN_MS bounds
 * all of it.  What comes later still counts: until the client has its ACK the
 * address is taken from it and its REQUEST refused.
 *
 * A few addresses of each subnet are probed ahead while nobody waits.
 *
 *   DISCOVER --probed ahead--------------------------------> OFFER
 *            --else: probe --answer--> conflict, next address
 *                          --PROBE_MS or OFFER_WITHIN_MS--> OFFER
 */
#include <arpa/inet.h>
#include <string.h>

#include "core/boot/address-probe.h"
#include "core/server/dhcp/dhcp-internal.h"

enum {
    PROBE_COUNT = 3,
    PROBE_GAP_MS = 100, /* between two packets */
    PROBE_MS = 400,     /* nobody has answered so long: it is free */
    PROBES_MAX = 1024,  /* at once; further offers go out unprobed */
    BUCKETS = 1024,     /* of them, by address */
    CONFLICTS_MAX = 4,  /* for one DISCOVER; then the next one goes on */
    AHEAD = 8,          /* addresses of a subnet probed ahead */
    AHEAD_DELAY_MS = 1000,
    /* After a conflict: something that answers for every address must not
     * empty a pool that nobody asks for. */
    AHEAD_PAUSE_MS = 60 * 1000,
    FRESH_MS = 5 * 60 * 1000, /* a probe is believed so long */
};

struct probe {
    struct probe *next; /* in its bucket */
    struct dhcp *dhcp;
    struct loop_timer *timer;
    const struct dhcp_subnet *subnet;
    struct in_addr address;
    uint64_t begun_ms;
    unsigned sent;
    struct exchange *waiting; /* the DISCOVER to answer; NULL = none */
    struct offering offering; /* of `waiting` */
};

struct ready {
    struct in_addr address;
    uint64_t checked_ms;
};

/* Where a subnet's machines are, as their last packet has shown. */
struct place {
    unsigned link; /* interface index; 0 = not on a link of ours */
    bool routed;   /* behind a relay */
    struct in_addr own; /* ours there; 0 = what the route says */
    struct ready ready[AHEAD];
    size_t ready_count;
};

struct probing {
    struct datagram_socket *icmp;
    struct datagram_socket *arp;
    uint8_t token[ECHO_TOKEN_BYTES];
    struct probe *probes[BUCKETS];
    size_t probe_count;
    struct place *places; /* one for each of dhcp->subnets */
    struct loop_timer *ahead_timer;
    uint64_t ahead_from_ms; /* after a conflict: not earlier */
};

static void probe_ahead(void *arg);

static struct place *place_of(const struct dhcp *d,
                              const struct dhcp_subnet *subnet)
{
    return &d->probing->places[subnet - d->subnets];
}

/* The addresses of a pool are in a row: one in each bucket. */
static size_t bucket_of(struct in_addr address)
{
    return ntohl(address.s_addr) % BUCKETS;
}

static struct probe *find_probe(const struct probing *p, struct in_addr address)
{
    struct probe *at = p->probes[bucket_of(address)];
    while (at && at->address.s_addr != address.s_addr)
        at = at->next;
    return at;
}

static bool is_fresh(const struct dhcp *d, uint64_t checked_ms)
{
    return checked_ms && loop_now_ms(d->loop) - checked_ms < FRESH_MS;
}

/* ---- addresses probed ahead --------------------------------------------- */

static struct ready *find_ready(struct place *place, struct in_addr address)
{
    for (size_t i = 0; i < place->ready_count; i++)
        if (place->ready[i].address.s_addr == address.s_addr)
            return &place->ready[i];
    return NULL;
}

static void remove_ready(struct place *place, struct ready *ready)
{
    *ready = place->ready[--place->ready_count];
}

static void ahead_soon(struct dhcp *d, uint64_t delay_ms)
{
    struct probing *p = d->probing;
    uint64_t now = loop_now_ms(d->loop);
    if (p->ahead_from_ms > now + delay_ms)
        delay_ms = p->ahead_from_ms - now;
    loop_timer_cancel(p->ahead_timer);
    /* Without memory for it offers wait for their own probe. */
    p->ahead_timer = loop_timer(d->loop, delay_ms, probe_ahead, d);
}

bool probing_find_ready(struct exchange *x,
                        bool (*taken)(void *arg, struct in_addr address),
                        struct in_addr *ret)
{
    struct dhcp *d = x->dhcp;
    if (!d->probing)
        return false;
    struct place *place = place_of(d, x->subnet);
    for (size_t i = 0; i < place->ready_count; i++) {
        const struct ready *ready = &place->ready[i];
        if (is_fresh(d, ready->checked_ms) &&
            !lease_of_address(d->leases, ready->address) &&
            !taken(x, ready->address)) {
            *ret = ready->address;
            return true;
        }
    }
    return false;
}

/* When the address was last found free, 0 = not lately.  It is somebody's
 * from now on and so not ready any more. */
static uint64_t take_ready(struct dhcp *d, const struct dhcp_subnet *subnet,
                           struct in_addr address)
{
    struct place *place = place_of(d, subnet);
    struct ready *ready = find_ready(place, address);
    if (!ready)
        return 0;
    uint64_t checked_ms = ready->checked_ms;
    remove_ready(place, ready);
    ahead_soon(d, AHEAD_DELAY_MS);
    return is_fresh(d, checked_ms) ? checked_ms : 0;
}

/* ---- one probe ---------------------------------------------------------- */

static void free_probe(struct probe *probe)
{
    struct probing *p = probe->dhcp->probing;
    struct probe **at = &p->probes[bucket_of(probe->address)];
    while (*at != probe)
        at = &(*at)->next;
    *at = probe->next;
    p->probe_count--;
    loop_timer_cancel(probe->timer);
    free(probe->waiting);
    free(probe);
}

/* A packet that cannot be sent is one that was lost. */
static void send_probe(struct probe *probe)
{
    struct dhcp *d = probe->dhcp;
    const struct seam *seam = d->seam;
    const struct place *place = place_of(d, probe->subnet);
    uint8_t mac[6];
    uint8_t bytes[ARP_PROBE_BYTES];
    struct datagram out = {.data = bytes};
    probe->sent++;
    if (place->link && d->probing->arp &&
        seam->link_address(seam->context, place->link, mac)) {
        arp_probe_format(bytes, mac, probe->address);
        out.length = ARP_PROBE_BYTES;
        out.local.interface_index = place->link;
        out.peer = (struct endpoint){{INADDR_BROADCAST}, ENDPOINT_ARP, 0};
        (void)seam->datagram_send(seam->context, d->probing->arp, &out);
    } else if (d->probing->icmp) {
        echo_probe_format(bytes, (uint16_t)probe->sent, d->probing->token);
        out.length = ECHO_PROBE_BYTES;
        out.local.address = place->own;
        out.peer = (struct endpoint){probe->address, ENDPOINT_ICMP, 0};
        (void)seam->datagram_send(seam->context, d->probing->icmp, &out);
    }
}

/* The time is over for the client that waits: it gets its offer. */
static void answer_waiting(struct probe *probe)
{
    struct dhcp *d = probe->dhcp;
    struct exchange *x = TAKE(probe->waiting);
    struct lease *lease = lease_of_client(d->leases, &x->key);
    if (lease && lease->address.s_addr == probe->address.s_addr &&
        lease->state == LEASE_OFFERED)
        dhcp_offer(x, lease);
    else
        exchange_silent(x, "it has asked for something else meanwhile");
    free(x);
}

/* Nobody has answered. */
static void found_free(struct probe *probe)
{
    struct dhcp *d = probe->dhcp;
    struct place *place = place_of(d, probe->subnet);
    struct lease *lease = lease_of_address(d->leases, probe->address);
    uint64_t now = loop_now_ms(d->loop);
    if (lease)
        lease->checked_ms = now;
    else if (place->ready_count < AHEAD)
        place->ready[place->ready_count++] =
            (struct ready){probe->address, now};
    free_probe(probe);
}

static void step(void *arg)
{
    struct probe *probe = arg;
    uint64_t now = loop_now_ms(probe->dhcp->loop);
    uint64_t end_ms = probe->begun_ms + PROBE_MS;
    uint64_t next_ms = MIN(now + PROBE_GAP_MS, end_ms);
    probe->timer = NULL;
    if (probe->waiting && (now >= end_ms || now >= probe->offering.answer_ms))
        answer_waiting(probe);
    if (now < end_ms) {
        if (probe->sent < PROBE_COUNT)
            send_probe(probe);
        if (probe->waiting)
            next_ms = MIN(next_ms, probe->offering.answer_ms);
        probe->timer =
            loop_timer(probe->dhcp->loop, next_ms - now, step, probe);
        if (probe->timer)
            return;
    }
    if (probe->waiting) /* no memory for a timer */
        answer_waiting(probe);
    found_free(probe);
}

static struct probe *new_probe(struct dhcp *d, const struct dhcp_subnet *subnet,
                               struct in_addr address)
{
    struct probing *p = d->probing;
    struct probe *probe =
        p->probe_count < PROBES_MAX ? calloc(1, sizeof(*probe)) : NULL;
    if (!probe)
        return NULL;
    probe->dhcp = d;
    probe->subnet = subnet;
    probe->address = address;
    probe->begun_ms = loop_now_ms(d->loop);
    probe->timer = loop_timer(d->loop, 0, step, probe);
    if (!probe->timer) {
        free(probe);
        return NULL;
    }
    probe->next = p->probes[bucket_of(address)];
    p->probes[bucket_of(address)] = probe;
    p->probe_count++;
    d->counters.probes++;
    return probe;
}

/* ---- probing for a client ----------------------------------------------- */

static void learn_place(const struct exchange *x)
{
    struct place *place = place_of(x->dhcp, x->subnet);
    bool known = place->link || place->routed;
    place->routed = x->packet.giaddr.s_addr != 0;
    place->link = place->routed ? 0 : x->datagram->local.interface_index;
    place->own = x->own;
    if (!known)
        ahead_soon(x->dhcp, AHEAD_DELAY_MS);
}

bool probing_asks_again(const struct exchange *x)
{
    const struct probing *p = x->dhcp->probing;
    /* The address is held for the client meanwhile. */
    const struct lease *held =
        p ? lease_of_client(x->dhcp->leases, &x->key) : NULL;
    struct probe *at = held ? find_probe(p, held->address) : NULL;
    if (!at || !at->waiting ||
        memcmp(&at->waiting->key, &x->key, sizeof(x->key)) != 0)
        return false;
    struct exchange *copy = exchange_keep(x);
    if (!copy)
        return false;
    exchange_silent(at->waiting, "it has asked again");
    free(at->waiting);
    at->waiting = copy;
    return true;
}

bool probing_begin(const struct exchange *x, struct lease *lease,
                   const struct offering *offering)
{
    struct dhcp *d = x->dhcp;
    uint64_t now = loop_now_ms(d->loop);
    if (!d->probing)
        return false;
    learn_place(x);
    if (lease->state == LEASE_BOUND || is_fresh(d, lease->checked_ms))
        return false;
    lease->checked_ms = take_ready(d, x->subnet, lease->address);
    if (lease->checked_ms)
        return false;
    struct probe *probe = find_probe(d->probing, lease->address);
    if (!probe)
        probe = new_probe(d, x->subnet, lease->address);
    if (!probe || probe->waiting || now >= offering->answer_ms)
        return false;
    probe->waiting = exchange_keep(x);
    probe->offering = *offering;
    return probe->waiting != NULL;
}

/* ---- somebody answers --------------------------------------------------- */

/* The client's next address, unless too many were in use already. */
static void try_another(struct exchange *x, struct offering *offering)
{
    if (++offering->conflicts < CONFLICTS_MAX) {
        dhcp_choose_offer(x, offering);
        return;
    }
    exchange_silent(x,
                    "%u addresses in a row are in use; if a router answers "
                    "for every address, switch its proxy ARP off or set "
                    "'probe' to false",
                    offering->conflicts);
}

static void in_conflict(struct dhcp *d, struct probe *probe,
                        struct in_addr address, const uint8_t *mac)
{
    struct exchange *x = probe ? TAKE(probe->waiting) : NULL;
    struct offering offering = probe ? probe->offering : (struct offering){0};
    const struct lease *lease = lease_of_address(d->leases, address);
    char holder[MAC_TEXT_BYTES] = "";
    char client[MAC_TEXT_BYTES] = "";
    const struct conflict conflict = {
        .address = address,
        .client_mac = client,
        .holder_mac = holder,
        .how = mac ? "arp" : "icmp",
    };
    if (mac)
        (void)mac_format(mac, holder);
    if (lease)
        lease_key_mac(&lease->key, client);
    else
        d->probing->ahead_from_ms = loop_now_ms(d->loop) + AHEAD_PAUSE_MS;
    if (probe)
        free_probe(probe);
    dhcp_conflict(d, &conflict);
    ahead_soon(d, AHEAD_DELAY_MS);
    if (x)
        try_another(x, &offering);
    free(x);
}

static bool drop_ready(struct dhcp *d, struct in_addr address)
{
    for (size_t i = 0; i < d->config.subnet_count; i++) {
        struct place *place = &d->probing->places[i];
        struct ready *ready = find_ready(place, address);
        if (!ready)
            continue;
        remove_ready(place, ready);
        return true;
    }
    return false;
}

/* `mac` uses `address`; NULL = a machine whose MAC is not known. */
static void heard(struct dhcp *d, struct in_addr address, const uint8_t *mac)
{
    struct probe *probe = find_probe(d->probing, address);
    const struct lease *lease = lease_of_address(d->leases, address);
    /* The client itself still has it, from before a restart of ours. */
    bool own = lease && mac && lease->key.bytes[0] == 1 &&
               memcmp(lease->key.bytes + 1, mac, 6) == 0;
    bool offered = lease && mac && lease->state == LEASE_OFFERED &&
                   !lease_ended(lease, loop_now_ms(d->loop));
    if (own)
        return;
    if (probe || offered || drop_ready(d, address))
        in_conflict(d, probe, address, mac);
}

static void on_arp(void *arg, const struct datagram *datagram)
{
    struct in_addr address;
    uint8_t mac[6];
    if (arp_sender_parse(datagram->data, datagram->length, &address, mac))
        heard(arg, address, mac);
}

static void on_icmp(void *arg, const struct datagram *datagram)
{
    struct dhcp *d = arg;
    struct in_addr address;
    if (echo_reply_parse(datagram->data, datagram->length, d->probing->token,
                         &address))
        heard(d, address, NULL);
}

/* ---- probing ahead ------------------------------------------------------ */

struct ahead_search {
    struct dhcp *dhcp;
    struct place *place;
};

/* Not worth a probe: reserved for somebody, or already probed. */
static bool not_ahead(void *arg, struct in_addr address)
{
    const struct ahead_search *search = arg;
    const struct dhcp_policy *policy = &search->dhcp->policy;
    char text[INET_ADDRSTRLEN];
    return find_probe(search->dhcp->probing, address) ||
           find_ready(search->place, address) ||
           (policy->reserved &&
            policy->reserved(
                policy->arg,
                inet_ntop(AF_INET, &address, text, sizeof(text)), ""));
}

static void fill_place(struct dhcp *d, size_t i)
{
    struct place *place = &d->probing->places[i];
    struct ahead_search search = {d, place};
    struct in_addr address;
    for (size_t k = place->ready_count; k-- > 0;)
        if (!is_fresh(d, place->ready[k].checked_ms) ||
            lease_of_address(d->leases, place->ready[k].address))
            remove_ready(place, &place->ready[k]);
    if (!place->link && !place->routed)
        return;
    for (size_t k = place->ready_count; k < AHEAD; k++)
        if (!lease_pick_unused(d->leases, &d->subnets[i], not_ahead, &search,
                               &address) ||
            !new_probe(d, &d->subnets[i], address))
            return;
}

static void probe_ahead(void *arg)
{
    struct dhcp *d = arg;
    d->probing->ahead_timer = NULL;
    for (size_t i = 0; i < d->config.subnet_count; i++)
        fill_place(d, i);
    ahead_soon(d, FRESH_MS);
}

/* ---- life --------------------------------------------------------------- */

int probing_new(struct dhcp *d, struct err *err)
{
    const struct seam *seam = d->seam;
    const struct dhcp_config *config = &d->config;
    int code = 0;
    if (!config->icmp.local.port && !config->arp.local.port)
        return 0;
    struct probing *p = calloc(1, sizeof(*p));
    d->probing = p;
    if (p)
        p->places = calloc(config->subnet_count, sizeof(*p->places));
    if (!p || !p->places)
        return err_set(err, ERR_NO_MEMORY, "no memory for probing addresses");
    for (size_t i = 0; i < config->subnet_count; i++) {
        const struct dhcp_interface *interface =
            subnet_interface(config, &d->subnets[i]);
        if (interface)
            p->places[i] = (struct place){.link = interface->index,
                                          .own = interface->address};
    }
    seam->random(seam->context, p->token, sizeof(p->token));
    if (config->icmp.local.port)
        code = seam->datagram_open(seam->context, d->loop, &config->icmp,
                                   on_icmp, d, &p->icmp, err);
    if (!code && config->arp.local.port)
        code = seam->datagram_open(seam->context, d->loop, &config->arp, on_arp,
                                   d, &p->arp, err);
    if (code)
        return err_prefix(err, "probing addresses: ");
    ahead_soon(d, AHEAD_DELAY_MS);
    return 0;
}

void probing_free(struct dhcp *d)
{
    struct probing *p = d->probing;
    if (!p)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        while (p->probes[i])
            free_probe(p->probes[i]);
    loop_timer_cancel(p->ahead_timer);
    if (p->icmp)
        d->seam->datagram_close(d->seam->context, p->icmp);
    if (p->arp)
        d->seam->datagram_close(d->seam->context, p->arp);
    free(p->places);
    free(p);
    d->probing = NULL;
}
