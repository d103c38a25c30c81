/* SPDX-License-Identifier: Apache-2.0 */
/* Hash tables, end-ordered queues and a bitmap of the pool. */
#include "core/server/dhcp/lease.h"

#include <stdio.h>
#include <string.h>

#include "core/boot/client.h"
#include "core/util/crypto.h"

enum { MIN_BUCKETS = 256 };

struct pool_range {
    uint32_t first; /* host order */
    uint32_t last;
    size_t slot; /* of `first` */
};

struct queue {
    struct lease *first;
    struct lease *last;
};

struct leases {
    struct lease **by_client;
    struct lease **by_address;
    size_t bucket_mask;
    size_t count;
    uint64_t seed;
    struct queue queues[LEASE_STATES];
    struct pool_range *ranges;
    size_t range_count;
    uint64_t *used; /* a bit for each pool address that has a lease */
    size_t slots;
    size_t used_count;
    size_t cursor; /* word of `used` where the next search begins */
};

static const struct lease_key nobody;

static uint64_t mix(uint64_t h)
{
    h ^= h >> 33;
    h *= UINT64_C(0xff51afd7ed558ccd);
    h ^= h >> 33;
    h *= UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ (h >> 33);
}

static size_t bucket_of_key(const struct leases *l, const struct lease_key *key)
{
    uint64_t parts[2];
    memcpy(parts, key->bytes, sizeof(parts));
    return mix(mix(parts[0] ^ l->seed) ^ parts[1]) & l->bucket_mask;
}

static size_t bucket_of_address(const struct leases *l, struct in_addr address)
{
    return mix(address.s_addr ^ l->seed) & l->bucket_mask;
}

static bool has_client(const struct lease *lease)
{
    return memcmp(&lease->key, &nobody, sizeof(nobody)) != 0;
}

bool lease_key_of(const struct packet *packet, struct lease_key *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (client_mac(packet, ret->bytes + 1)) {
        ret->bytes[0] = 1;
        return true;
    }
    size_t length;
    const uint8_t *id = packet_option(packet, OPTION_CLIENT_ID, &length);
    if (!id || length < 2) /* RFC 2132 section 9.14: at least two bytes */
        return false;
    struct digest digest;
    digest_of(id, length, &digest);
    memcpy(ret->bytes, digest.bytes, sizeof(ret->bytes));
    ret->bytes[0] = 0xff;
    return true;
}

void lease_key_mac(const struct lease_key *key, char out[18])
{
    if (key->bytes[0] == 1)
        (void)mac_format(key->bytes + 1, out);
    else
        out[0] = '\0';
}

/* ---- the pool ----------------------------------------------------------- */

static int add_ranges(struct leases *l, const struct dhcp_subnet *subnet)
{
    for (size_t i = 0; i < subnet->range_count; i++) {
        uint32_t first = ntohl(subnet->ranges[i].first.s_addr);
        uint32_t last = ntohl(subnet->ranges[i].last.s_addr);
        if (last < first || last - first >= DHCP_POOL_MAX - l->slots)
            return -1;
        l->ranges[l->range_count++] =
            (struct pool_range){first, last, l->slots};
        l->slots += last - first + 1;
    }
    return 0;
}

/* The address's bit; false when it is in no pool. */
static bool find_slot(const struct leases *l, struct in_addr address,
                      size_t *ret_slot)
{
    uint32_t wanted = ntohl(address.s_addr);
    for (size_t i = 0; i < l->range_count; i++) {
        const struct pool_range *r = &l->ranges[i];
        if (wanted < r->first || wanted > r->last)
            continue;
        *ret_slot = r->slot + (wanted - r->first);
        return true;
    }
    return false;
}

static void mark(struct leases *l, struct in_addr address, bool used)
{
    size_t slot;
    if (!find_slot(l, address, &slot))
        return;
    uint64_t bit = UINT64_C(1) << (slot % 64);
    if (!!(l->used[slot / 64] & bit) == used)
        return;
    l->used[slot / 64] ^= bit;
    if (used)
        l->used_count++;
    else
        l->used_count--;
}

struct leases *leases_new(const struct dhcp_subnet *subnets, size_t count,
                          uint64_t seed, struct err *err)
{
    size_t ranges = 0;
    size_t buckets = MIN_BUCKETS;
    struct leases *l = calloc(1, sizeof(*l));
    for (size_t i = 0; i < count; i++)
        ranges += subnets[i].range_count;
    if (l)
        l->ranges = calloc(ranges + 1, sizeof(*l->ranges));
    bool ok = l && l->ranges;
    for (size_t i = 0; ok && i < count; i++) {
        if (add_ranges(l, &subnets[i])) {
            leases_free(l);
            (void)err_set(err, ERR_INVALID,
                          "the address pools hold more than %u addresses",
                          DHCP_POOL_MAX);
            return NULL;
        }
    }
    while (ok && buckets < l->slots)
        buckets *= 2;
    if (ok) {
        l->seed = seed;
        l->bucket_mask = buckets - 1;
        l->by_client = calloc(buckets, sizeof(struct lease *));
        l->by_address = calloc(buckets, sizeof(struct lease *));
        l->used = calloc(l->slots / 64 + 1, sizeof(*l->used));
        ok = l->by_client && l->by_address && l->used;
    }
    if (!ok) {
        leases_free(l);
        (void)err_set(err, ERR_NO_MEMORY, "no memory for the address pools");
        return NULL;
    }
    return l;
}

void leases_free(struct leases *leases)
{
    if (!leases)
        return;
    for (size_t i = 0; i < LEASE_STATES; i++)
        while (leases->queues[i].first)
            lease_remove(leases, leases->queues[i].first);
    free(leases->by_client);
    free(leases->by_address);
    free(leases->ranges);
    free(leases->used);
    free(leases);
}

/* ---- the queues --------------------------------------------------------- */

static void enqueue(struct leases *l, struct lease *lease)
{
    struct queue *q = &l->queues[lease->state];
    struct lease *before = q->last;
    /* All leases of one state run equally long, so this hardly ever walks. */
    while (before && before->until_ms > lease->until_ms)
        before = before->earlier;
    lease->earlier = before;
    lease->later = before ? before->later : q->first;
    if (lease->later)
        lease->later->earlier = lease;
    else
        q->last = lease;
    if (before)
        before->later = lease;
    else
        q->first = lease;
}

static void dequeue(struct leases *l, struct lease *lease)
{
    struct queue *q = &l->queues[lease->state];
    if (lease->earlier)
        lease->earlier->later = lease->later;
    else
        q->first = lease->later;
    if (lease->later)
        lease->later->earlier = lease->earlier;
    else
        q->last = lease->earlier;
}

/* ---- the tables --------------------------------------------------------- */

struct lease *lease_of_client(const struct leases *leases,
                              const struct lease_key *key)
{
    struct lease *at = leases->by_client[bucket_of_key(leases, key)];
    while (at && memcmp(&at->key, key, sizeof(*key)) != 0)
        at = at->next_of_client;
    return at;
}

struct lease *lease_of_address(const struct leases *leases,
                               struct in_addr address)
{
    struct lease *at = leases->by_address[bucket_of_address(leases, address)];
    while (at && at->address.s_addr != address.s_addr)
        at = at->next_of_address;
    return at;
}

bool lease_ended(const struct lease *lease, uint64_t now_ms)
{
    return lease->state == LEASE_RELEASED || lease->until_ms <= now_ms;
}

void lease_remove(struct leases *leases, struct lease *lease)
{
    struct lease **at;
    if (has_client(lease)) {
        at = &leases->by_client[bucket_of_key(leases, &lease->key)];
        while (*at != lease)
            at = &(*at)->next_of_client;
        *at = lease->next_of_client;
    }
    at = &leases->by_address[bucket_of_address(leases, lease->address)];
    while (*at != lease)
        at = &(*at)->next_of_address;
    *at = lease->next_of_address;
    dequeue(leases, lease);
    mark(leases, lease->address, false);
    leases->count--;
    free(lease);
}

void lease_set(struct leases *leases, struct lease *lease,
               enum lease_state state, uint64_t until_ms)
{
    dequeue(leases, lease);
    lease->state = state;
    lease->until_ms = until_ms;
    enqueue(leases, lease);
}

struct lease *lease_put(struct leases *leases, const struct lease_key *key,
                        struct in_addr address, enum lease_state state,
                        uint64_t until_ms)
{
    bool client = memcmp(key, &nobody, sizeof(nobody)) != 0;
    struct lease *old = client ? lease_of_client(leases, key) : NULL;
    struct lease *there = lease_of_address(leases, address);
    if (old && old == there) {
        lease_set(leases, old, state, until_ms);
        return old;
    }
    struct lease *lease = calloc(1, sizeof(*lease));
    if (!lease)
        return NULL;
    if (old) {
        memcpy(lease->host_name, old->host_name, sizeof(old->host_name));
        lease_remove(leases, old);
    }
    if (there)
        lease_remove(leases, there);
    lease->key = *key;
    lease->address = address;
    lease->state = state;
    lease->until_ms = until_ms;
    struct lease **bucket;
    if (client) {
        bucket = &leases->by_client[bucket_of_key(leases, key)];
        lease->next_of_client = *bucket;
        *bucket = lease;
    }
    bucket = &leases->by_address[bucket_of_address(leases, address)];
    lease->next_of_address = *bucket;
    *bucket = lease;
    enqueue(leases, lease);
    mark(leases, address, true);
    leases->count++;
    return lease;
}

/* ---- choosing an address ------------------------------------------------ */

bool lease_in_pool(const struct dhcp_subnet *subnet, struct in_addr address)
{
    uint32_t wanted = ntohl(address.s_addr);
    for (size_t i = 0; i < subnet->range_count; i++)
        if (wanted >= ntohl(subnet->ranges[i].first.s_addr) &&
            wanted <= ntohl(subnet->ranges[i].last.s_addr))
            return true;
    return false;
}

static struct in_addr slot_address(const struct leases *l, size_t slot)
{
    size_t i = 0;
    while (i + 1 < l->range_count && l->ranges[i + 1].slot <= slot)
        i++;
    uint32_t address =
        l->ranges[i].first + (uint32_t)(slot - l->ranges[i].slot);
    return (struct in_addr){htonl(address)};
}

/* Looks at the free addresses of one word of the bitmap. */
static bool pick_in_word(const struct leases *l, size_t word,
                         const struct dhcp_subnet *subnet,
                         bool (*taken)(void *arg, struct in_addr address),
                         void *arg, struct in_addr *ret)
{
    uint64_t free_bits = ~l->used[word];
    while (free_bits) {
        size_t slot = word * 64 + (size_t)__builtin_ctzll(free_bits);
        free_bits &= free_bits - 1;
        if (slot >= l->slots)
            return false;
        struct in_addr address = slot_address(l, slot);
        if (lease_in_pool(subnet, address) && !taken(arg, address)) {
            *ret = address;
            return true;
        }
    }
    return false;
}

bool lease_pick_unused(struct leases *l, const struct dhcp_subnet *subnet,
                       bool (*taken)(void *arg, struct in_addr address),
                       void *arg, struct in_addr *ret)
{
    size_t words = (l->slots + 63) / 64;
    if (l->used_count == l->slots)
        return false;
    for (size_t i = 0; i < words; i++) {
        size_t word = (l->cursor + i) % words;
        if (pick_in_word(l, word, subnet, taken, arg, ret)) {
            l->cursor = word;
            return true;
        }
    }
    return false;
}

bool lease_pick(struct leases *leases, const struct dhcp_subnet *subnet,
                uint64_t now_ms,
                bool (*taken)(void *arg, struct in_addr address), void *arg,
                struct in_addr *ret)
{
    if (lease_pick_unused(leases, subnet, taken, arg, ret))
        return true;
    struct lease *best = NULL;
    for (size_t i = 0; i < LEASE_STATES; i++) {
        struct lease *at = leases->queues[i].first;
        while (at && lease_ended(at, now_ms)) {
            if (best && best->until_ms <= at->until_ms)
                break;
            if (lease_in_pool(subnet, at->address) &&
                !taken(arg, at->address)) {
                best = at;
                break;
            }
            at = at->later;
        }
    }
    if (!best)
        return false;
    *ret = best->address;
    lease_remove(leases, best);
    return true;
}

size_t leases_count(const struct leases *leases)
{
    return leases->count;
}

uint64_t leases_pool_size(const struct leases *leases)
{
    return leases->slots;
}

uint64_t leases_pool_free(const struct leases *leases, uint64_t now_ms)
{
    uint64_t result = leases->slots - leases->used_count;
    for (size_t i = 0; i < LEASE_STATES; i++) {
        const struct lease *at = leases->queues[i].first;
        for (; at && lease_ended(at, now_ms); at = at->later) {
            size_t slot;
            result += find_slot(leases, at->address, &slot);
        }
    }
    return result;
}

const struct lease *leases_first(const struct leases *leases,
                                 enum lease_state state)
{
    return leases->queues[state].first;
}

static int compare_addresses(const void *a, const void *b)
{
    uint32_t left = ntohl((*(struct lease *const *)a)->address.s_addr);
    uint32_t right = ntohl((*(struct lease *const *)b)->address.s_addr);
    return left < right ? -1 : left > right;
}

struct lease **leases_sorted(const struct leases *leases)
{
    size_t n = 0;
    struct lease **all = calloc(leases->count + 1, sizeof(*all));
    if (!all)
        return NULL;
    for (size_t i = 0; i < LEASE_STATES; i++)
        for (struct lease *at = leases->queues[i].first; at; at = at->later)
            all[n++] = at;
    qsort(all, n, sizeof(*all), compare_addresses);
    return all;
}
