/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No ACK leaves before its lease is on the disk.  All requests that arrive in
 * one go share one sync: their records and replies wait for a moment that is
 * short beside a sync.  A thread writes and syncs, because a disk may take
 * longer than machines wait for their offers; what is granted meanwhile
 * gathers for the next sync.
 *
 *   gathering --COMMIT_DELAY_MS, nothing being written--> writing
 *   writing   --synced--> leases bound, ACKs sent, the next ones written
 */
#include <string.h>

#include "core/server/dhcp/dhcp-internal.h"

/* An ACK that waits for its lease to be on the disk. */
struct commit {
    struct lease_key key;
    struct in_addr address;
    uint64_t until_ms;
    char host_name[LEASE_NAME_BYTES];
    struct exchange *then; /* what its client sent next, NULL = nothing */
    struct dhcp_reply reply;
};

/* What one sync carries. */
struct commit_batch {
    struct dhcp *dhcp;  /* NULL: the server has ended */
    struct buf records; /* lines of the log */
    size_t record_count;
    size_t commit_count;
    struct commit commits[COMMIT_BATCH];
    bool written; /* all below was set by the thread */
    int code;
    struct err err;
};

static struct commit_batch *batch_new(struct dhcp *d)
{
    /* Not zeroed: a quiet server never touches most of it. */
    struct commit_batch *batch = malloc(sizeof(*batch));
    if (!batch)
        return NULL;
    batch->dhcp = d;
    buf_init(&batch->records, COMMIT_BATCH * (LEASE_RECORD_MAX + 32));
    batch->record_count = 0;
    batch->commit_count = 0;
    return batch;
}

static void batch_free(struct commit_batch *batch)
{
    if (!batch)
        return;
    for (size_t i = 0; i < batch->commit_count; i++)
        free(batch->commits[i].then);
    buf_done(&batch->records);
    free(batch);
}

int commit_new(struct dhcp *d, struct err *err)
{
    d->gathering = batch_new(d);
    d->spare = batch_new(d);
    if (!d->gathering || !d->spare)
        return err_set(err, ERR_NO_MEMORY, "no memory for the lease log");
    d->writer = pool_new(d->loop, 1, 1, err);
    return d->writer ? 0 : ERR_IO;
}

/* ---- the next sync ------------------------------------------------------ */

/* On the writer's thread, which alone uses the log meanwhile. */
static void write_batch(void *arg)
{
    struct commit_batch *batch = arg;
    batch->err = (struct err)ERR_INIT;
    batch->code = lease_log_append(&batch->dhcp->log, &batch->records,
                                   batch->record_count, &batch->err);
    batch->written = true;
}

static void on_written(void *arg);

static void begin_writing(struct dhcp *d)
{
    struct commit_batch *batch = d->gathering;
    if (d->writing || batch->record_count == 0)
        return;
    d->writing = batch;
    d->gathering = TAKE(d->spare);
    batch->written = false;
    if (pool_submit(d->writer, write_batch, on_written, batch)) {
        write_batch(batch); /* no memory: here and now */
        on_written(batch);
    }
}

static void on_timer(void *arg)
{
    struct dhcp *d = arg;
    d->commit_timer = NULL;
    begin_writing(d);
}

static void write_soon(struct dhcp *d)
{
    if (d->commit_timer || d->writing)
        return;
    d->commit_timer = loop_timer(d->loop, COMMIT_DELAY_MS, on_timer, d);
    if (!d->commit_timer)
        begin_writing(d); /* no memory */
}

/* One more line for the next sync, which the caller then starts; false when
 * there is no room. */
static bool add_record(struct dhcp *d, enum lease_state state,
                       const struct commit *c, int64_t until_s)
{
    struct commit_batch *batch = d->gathering;
    size_t length = batch->records.length;
    if (batch->record_count == COMMIT_BATCH)
        return false;
    if (lease_record_format(&batch->records, state, c->address, &c->key,
                            until_s, c->host_name)) {
        batch->records.length = length;
        batch->records.failed = false;
        return false;
    }
    batch->record_count++;
    return true;
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
    struct commit_batch *batch = d->gathering;
    struct lease *lease = lease_of_client(d->leases, &x->key);
    if (batch->commit_count == COMMIT_BATCH) {
        exchange_silent(x, "the disk does not keep up with the lease log");
        return;
    }
    /* Held meanwhile, so that nobody else gets it in the same round. */
    if (!lease || lease->address.s_addr != address.s_addr ||
        lease_ended(lease, now))
        lease = lease_put(d->leases, &x->key, address, LEASE_OFFERED,
                          now + d->config.offer_ms);
    if (!lease) {
        exchange_silent(x, "there is no memory for a lease");
        return;
    }
    struct commit *c = &batch->commits[batch->commit_count];
    c->key = x->key;
    c->address = address;
    c->until_ms = now + (uint64_t)d->config.lease_s * 1000;
    c->then = NULL;
    copy_host_name(&x->packet, c->host_name);
    if (!add_record(d, LEASE_BOUND, c,
                    d->seam->wall_s(d->seam->context) + d->config.lease_s)) {
        exchange_silent(x, "there is no room for its lease record");
        return;
    }
    reply_begin(x, &c->reply, DHCP_ACK);
    const struct endpoint where = {.address = address};
    reply_note(&c->reply, "%s for %u s", endpoint_address(&where, text),
               d->config.lease_s);
    reply_put_lease(x, &c->reply, address);
    reply_put_boot(x, &c->reply);
    batch->commit_count++;
    write_soon(d);
}

/* ---- after a sync ------------------------------------------------------- */

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

/* What the client sent while its lease was being written. */
static void go_on(struct commit *c)
{
    AUTO_FREE struct exchange *x = TAKE(c->then);
    if (x && x->type == DHCP_RELEASE)
        dhcp_release(x);
    else if (x)
        dhcp_decline(x);
}

static void finish_batch(struct dhcp *d, struct commit_batch *batch)
{
    if (batch->code) {
        /* The leases stay offers and end as such; clients ask again. */
        d->counters.silent += batch->commit_count;
        tell_log_failed(d, batch->err.text, batch->commit_count);
        return;
    }
    d->counters.log_syncs++;
    for (size_t i = 0; i < batch->commit_count; i++)
        finish_commit(d, &batch->commits[i]);
}

static void on_written(void *arg)
{
    struct commit_batch *batch = arg;
    struct dhcp *d = batch->dhcp;
    if (!d) {
        batch_free(batch);
        return;
    }
    finish_batch(d, batch);
    d->writing = NULL;
    d->spare = batch;
    for (size_t i = 0; i < batch->commit_count; i++)
        go_on(&batch->commits[i]);
    buf_clear(&batch->records);
    batch->record_count = 0;
    batch->commit_count = 0;
    (void)dhcp_tidy_log(d, false); /* a failure is said there */
    begin_writing(d);
}

void commit_free(struct dhcp *d)
{
    struct commit_batch *batch = TAKE(d->writing);
    pool_free(d->writer); /* waits for what it is writing */
    loop_timer_cancel(d->commit_timer);
    if (batch) {
        bool posted = batch->written;
        if (!posted)
            write_batch(batch); /* the thread had not come to it */
        finish_batch(d, batch);
        if (posted)
            batch->dhcp = NULL; /* on_written will still be called */
        else
            batch_free(batch);
    }
    if (d->gathering && d->gathering->record_count > 0) {
        write_batch(d->gathering);
        finish_batch(d, d->gathering);
    }
    batch_free(d->gathering);
    batch_free(d->spare);
}

/* ---- records beside commits --------------------------------------------- */

static struct commit *find_commit(struct commit_batch *batch,
                                  const struct lease_key *key)
{
    for (size_t i = batch ? batch->commit_count : 0; i-- > 0;)
        if (memcmp(&batch->commits[i].key, key, sizeof(*key)) == 0)
            return &batch->commits[i];
    return NULL;
}

bool commit_defers(const struct exchange *x)
{
    struct dhcp *d = x->dhcp;
    struct commit *c = find_commit(d->gathering, &x->key);
    if (!c)
        c = find_commit(d->writing, &x->key);
    if (!c)
        return false;
    free(c->then);
    c->then = exchange_keep(x);
    return true;
}

void dhcp_record(struct dhcp *d, enum lease_state state,
                 const struct lease *lease, uint64_t until_ms)
{
    uint64_t now = loop_now_ms(d->loop);
    struct commit record = {.key = lease->key, .address = lease->address};
    memcpy(record.host_name, lease->host_name, sizeof(record.host_name));
    if (add_record(d, state, &record,
                   d->seam->wall_s(d->seam->context) +
                       (int64_t)((until_ms - now) / 1000)))
        write_soon(d);
    else
        tell_log_failed(d, "the disk does not keep up", 0);
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
