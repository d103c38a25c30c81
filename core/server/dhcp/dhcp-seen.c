/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machines that a proxy has heard.  A table of fixed size: each machine
 * has one bucket, where the one not heard for longest gives way, so that no
 * flood of invented addresses takes memory.
 */
#include <string.h>

#include "core/server/dhcp/dhcp-internal.h"

enum { BUCKETS = 1024, WAYS = 4 };

struct seen {
    uint64_t seed; /* makes the buckets unguessable */
    struct seen_machine machines[BUCKETS][WAYS];
};

struct seen *seen_new(uint64_t seed)
{
    struct seen *seen = calloc(1, sizeof(*seen));
    if (seen)
        seen->seed = seed;
    return seen;
}

void seen_free(struct seen *seen)
{
    free(seen);
}

static uint64_t number_of(const uint8_t mac[6])
{
    uint64_t number = 0;
    for (int i = 0; i < 6; i++)
        number = number << 8 | mac[i];
    return number;
}

static struct seen_machine *bucket_of(struct seen *seen, uint64_t mac)
{
    /* The finaliser of splitmix64. */
    uint64_t z = mac ^ seen->seed;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return seen->machines[(z ^ (z >> 31)) % BUCKETS];
}

struct seen_machine *seen_get(struct seen *seen, const uint8_t mac[6],
                              uint64_t now_ms)
{
    uint64_t number = number_of(mac);
    struct seen_machine *bucket = bucket_of(seen, number);
    struct seen_machine *at = &bucket[0];
    for (int i = 0; i < WAYS; i++) {
        if (bucket[i].mac == number) {
            at = &bucket[i];
            break;
        }
        if (bucket[i].heard_ms < at->heard_ms)
            at = &bucket[i];
    }
    if (at->mac != number)
        *at = (struct seen_machine){.mac = number};
    at->heard_ms = now_ms;
    return at;
}

bool seen_find(const struct seen *seen, struct in_addr address,
               uint8_t ret_mac[6])
{
    const struct seen_machine *found = NULL;
    for (size_t i = 0; i < BUCKETS * WAYS; i++) {
        const struct seen_machine *at = &seen->machines[i / WAYS][i % WAYS];
        if (at->mac && at->address.s_addr == address.s_addr &&
            (!found || at->heard_ms > found->heard_ms))
            found = at;
    }
    for (int i = 0; found && i < 6; i++)
        ret_mac[i] = (uint8_t)(found->mac >> (8 * (5 - i)));
    return found;
}
