/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No ACK leaves before its lease is on the disk.  All requests that arrive in
 * one go share one sync: their records and replies wait for a moment that is
 * short beside a sync.
 */
#include <string.h>

#include "core/server/dhcp/dhcp-internal.h"

static void on_timer(void *arg)
{
    struct dhcp *d = arg;
    d->commit_timer = NULL;
    dhcp_commit(d);
}

/* The client's name for itself, for lists; only letters that cannot do harm
 * anywhere. */
static void copy_host_name(const struct packet *packet,
                           char out[LEASE_NAME_BYTES])
{
    size_t length;
    size_t n = 0;
    const uint8_t *name = packet_option(packet, OPTION_HOST_NAME, &length);
    for (size_t i = 0; name && i < length && n + 1 < LEASE_NAME_BYTES; i++) {
        uint8_t c = name[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                    (c >= '0' && c <= '9') || c == '.' || (c == '-' && n > 0);
        if (good)
            out[n++] = (char)c;
    }
    out[n] = '\0';
}

void dhcp_grant(struct exchange *x, struct in_addr address)
{
    struct dhcp *d = x->dhcp;
    char text[ADDRESS_TEXT_BYTES];
    uint64_t now = loop_now_ms(d->loop);
    uint64_t until = now + (uint64_t)d->config.lease_s * 1000;
    if (d->commit_count == COMMIT_BATCH)
        dhcp_commit(d);
    struct lease *lease = lease_of_client(d->leases, &x->key);
    /* Held meanwhile, so that nobody else gets it in the same round. */
    if (!lease || lease->address.s_addr != address.s_addr ||
        lease_ended(lease, now))
        lease = lease_put(d->leases, &x->key, address, LEASE_OFFERED,
                          now + d->config.offer_ms);
    if (!lease) {
        exchange_silent(x, "there is no memory for a lease");
        return;
    }
    struct commit *c = &d->commits[d->commit_count];
    c->key = x->key;
    c->address = address;
    c->until_ms = until;
    copy_host_name(&x->packet, c->host_name);
    reply_begin(x, &c->reply, DHCP_ACK);
    const struct endpoint where = {.address = address};
    reply_note(&c->reply, "%s for %u s", endpoint_address(&where, text),
               d->config.lease_s);
    reply_put_lease(x, &c->reply, address);
    reply_put_boot(x, &c->reply);
    if (lease_record_format(&d->records, LEASE_BOUND, address, &x->key,
                            d->seam->wall_s(d->seam->context) +
                                d->config.lease_s,
                            c->host_name)) {
        exchange_silent(x, "there is no memory for its lease record");
        return;
    }
    d->commit_count++;
    if (!d->commit_timer)
        d->commit_timer = loop_timer(d->loop, COMMIT_DELAY_MS, on_timer, d);
    if (!d->commit_timer)
        dhcp_commit(d); /* no memory: sync at once */
}

static void tell_log_failed(struct dhcp *d, const char *why, size_t acks)
{
    d->counters.log_failed += acks;
    if (!dhcp_due(d, &d->log_failed_told_ms, TELL_EVERY_MS))
        return;
    log_error("the lease log cannot be written, so %zu clients got no "
              "answer: %s",
              acks, why);
    dhcp_event(d, "lease-log-failed", json_pack("{s:s}", "reason", why));
}

static void finish_commit(struct dhcp *d, struct commit *c)
{
    struct lease *lease = lease_of_client(d->leases, &c->key);
    if (!lease || lease->address.s_addr != c->address.s_addr) {
        d->counters.silent++; /* it asked for something else meanwhile */
        return;
    }
    lease_set(d->leases, lease, LEASE_BOUND, c->until_ms);
    memcpy(lease->host_name, c->host_name, sizeof(c->host_name));
    reply_send(d, &c->reply);
}

void dhcp_commit(struct dhcp *d)
{
    struct err err = ERR_INIT;
    size_t count = d->commit_count;
    loop_timer_cancel(d->commit_timer);
    d->commit_timer = NULL;
    if (count == 0)
        return;
    int code = lease_log_append(&d->log, &d->records, count, &err);
    buf_clear(&d->records);
    d->commit_count = 0;
    if (code) {
        /* The leases stay offers and end as such; clients ask again. */
        d->counters.silent += count;
        tell_log_failed(d, err.text, count);
        return;
    }
    d->counters.log_syncs++;
    for (size_t i = 0; i < count; i++)
        finish_commit(d, &d->commits[i]);
    (void)dhcp_tidy_log(d, false); /* a failure is said there */
}

bool dhcp_record(struct dhcp *d, enum lease_state state,
                 const struct lease *lease, uint64_t until_ms)
{
    struct err err = ERR_INIT;
    AUTO_BUF line = BUF_INIT(LEASE_RECORD_MAX * 2);
    uint64_t now = loop_now_ms(d->loop);
    int64_t until_s =
        d->seam->wall_s(d->seam->context) + (int64_t)((until_ms - now) / 1000);
    if (lease_record_format(&line, state, lease->address, &lease->key, until_s,
                            lease->host_name)) {
        tell_log_failed(d, "no memory", 0);
        return false;
    }
    if (lease_log_append(&d->log, &line, 1, &err)) {
        tell_log_failed(d, err.text, 0);
        return false;
    }
    d->counters.log_syncs++;
    return true;
}

bool dhcp_tidy_log(struct dhcp *d, bool force)
{
    struct err err = ERR_INIT;
    if (!lease_log_compact(&d->log, d->leases, force, &err))
        return true;
    log_warn("the lease log could not be tidied and keeps growing: %s",
             err.text);
    return false;
}
