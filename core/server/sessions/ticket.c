/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/sessions/ticket.h"

#include <stdio.h>
#include <string.h>

#include "core/server/store/table.h"
#include "core/util/json.h"
#include "core/util/log.h"

#define RETRY_MS 500
#define MAX_TRIES 6 /* to write one; its engine asks again after 4 s */

/* Who waits for a ticket that is being written. */
struct waiter {
    struct waiter *next;
    void (*done)(void *arg, const char *text);
    void *arg;
};

struct ticket_entry {
    struct ticket ticket; /* first */
    struct tickets *tickets;
    struct waiter *waiters;
    struct loop_timer *again; /* until the next try to write it */
    unsigned tries;
    bool dropped; /* forgotten while it was being written */
};

struct tickets {
    struct tasks *tasks;
    const struct deploy *deploy;
    struct table by_hash; /* struct ticket_entry */
};

struct tickets *tickets_new(struct tasks *tasks, struct err *err)
{
    struct tickets *tickets = calloc(1, sizeof(*tickets));
    if (!tickets) {
        (void)err_set(err, ERR_NO_MEMORY, "out of memory for tickets");
        return NULL;
    }
    tickets->tasks = tasks;
    tickets->deploy = tasks_deploy(tasks);
    return tickets;
}

static void entry_free(struct ticket_entry *entry)
{
    loop_timer_cancel(entry->again);
    while (entry->waiters) {
        struct waiter *waiter = entry->waiters;
        entry->waiters = waiter->next;
        free(waiter);
    }
    secret_wipe(entry->ticket.text, sizeof(entry->ticket.text));
    free(entry);
}

void tickets_free(struct tickets *tickets)
{
    if (!tickets)
        return;
    for (size_t i = 0; i < tickets->by_hash.count; i++)
        entry_free(tickets->by_hash.entries[i].value);
    table_done(&tickets->by_hash);
    free(tickets);
}

static int64_t wall_s(const struct tickets *tickets)
{
    const struct seam *seam = loop_seam(tickets->deploy->loop);
    return seam->wall_s(seam->context);
}

bool ticket_expired(const struct tickets *tickets, const struct ticket *t)
{
    return t->expires_s < wall_s(tickets);
}

/* --- documents ---------------------------------------------------------- */

static json_t *format(const struct ticket *t, const char *session,
                      const char *key, bool frozen)
{
    return json_pack("{s:i, s:s, s:s, s:I, s:s, s:I, s:s, s:s, s:b}", "schema",
                     1, "host", t->host_id, "task", t->task, "attempt",
                     (json_int_t)t->attempt, "address", t->address, "expires_s",
                     (json_int_t)t->expires_s, "session", session, "key", key,
                     "frozen", frozen);
}

static int parse(const struct store_doc *doc, struct ticket *t, struct err *err)
{
    const char *hash = strrchr(doc->key, '/') + 1;
    struct json_reader r;
    json_reader_init(&r, doc->json, "$", err);
    (void)json_get_u64(&r, "schema", 1, 1);
    if (strlen(hash) >= sizeof(t->hash))
        json_reader_fail(&r, NULL, "has a wrong key");
    else
        memcpy(t->hash, hash, strlen(hash) + 1);
    json_copy_text(&r, "host", t->host_id, sizeof(t->host_id));
    json_copy_text(&r, "task", t->task, sizeof(t->task));
    t->attempt = (uint32_t)json_get_u64(&r, "attempt", 1, 1000);
    json_copy_text(&r, "address", t->address, sizeof(t->address));
    t->expires_s = (int64_t)json_get_u64(&r, "expires_s", 0, INT64_MAX);
    json_copy_text(&r, "session", t->session, sizeof(t->session));
    json_copy_text(&r, "key", t->key, sizeof(t->key));
    t->frozen = json_get_bool(&r, "frozen");
    return json_done(&r);
}

void ticket_write(const struct ticket *ticket, const char *session,
                  const char *key, bool frozen, struct task_writes *writes)
{
    task_write_put(writes, format(ticket, session, key, frozen), STORE_ANY,
                   "/v1/ticket/%s", ticket->hash);
}

/* --- issuing ------------------------------------------------------------ */

static void deleted(void *arg, uint64_t revision, const struct err *err)
{
    (void)arg;
    (void)revision;
    if (err)
        log_info("An old ticket stays until it expires: %s", err->text);
}

static void delete_document(struct tickets *tickets, const struct ticket *t)
{
    char key[96];
    snprintf(key, sizeof(key), "/v1/ticket/%s", t->hash);
    store_delete(tickets->deploy->store, key, STORE_ANY, deleted, tickets);
}

static void issued(void *arg, uint64_t revision, const struct err *err);

static void forget(struct tickets *tickets, struct ticket_entry *entry)
{
    table_remove(&tickets->by_hash, entry->ticket.hash);
    if (!entry->ticket.stored) {
        entry->dropped = true; /* its completion frees it */
        if (entry->again) {
            struct err err = ERR_INIT;
            (void)err_set(&err, ERR_CANCELLED, "it is not needed any more");
            issued(entry, 0, &err);
        }
        return;
    }
    delete_document(tickets, &entry->ticket);
    entry_free(entry);
}

static void issue(void *arg);

static void issued(void *arg, uint64_t revision, const struct err *err)
{
    struct ticket_entry *entry = arg;
    struct tickets *tickets = entry->tickets;
    (void)revision;
    /* Without a ticket the engine would ask for an approval: better late. */
    if (err && err->code == ERR_UNAVAILABLE && !entry->dropped &&
        ++entry->tries < MAX_TRIES) {
        entry->again =
            loop_timer(tickets->deploy->loop, RETRY_MS, issue, entry);
        return;
    }
    bool good = !err && !entry->dropped;
    if (err && !entry->dropped)
        log_error("A boot ticket could not be written: %s", err->text);
    entry->ticket.stored = !err;
    for (struct waiter *w = entry->waiters; w; w = w->next)
        w->done(w->arg, good ? entry->ticket.text : NULL);
    while (entry->waiters) {
        struct waiter *w = entry->waiters;
        entry->waiters = w->next;
        free(w);
    }
    if (good)
        return;
    if (!entry->dropped)
        table_remove(&tickets->by_hash, entry->ticket.hash);
    if (entry->ticket.stored)
        delete_document(tickets, &entry->ticket);
    entry_free(entry);
}

static void issue(void *arg)
{
    struct ticket_entry *entry = arg;
    char key[96];
    entry->again = NULL;
    snprintf(key, sizeof(key), "/v1/ticket/%s", entry->ticket.hash);
    store_put(entry->tickets->deploy->store, key,
              format(&entry->ticket, "", "", false), STORE_NEW, issued, entry);
}

static void hash_text(const char *text, char ret[DIGEST_HEX_BYTES])
{
    struct digest digest;
    digest_of(text, strlen(text), &digest);
    digest_hex(&digest, ret);
}

static struct ticket_entry *make(struct tickets *tickets,
                                 const struct task *task, const char *address)
{
    const struct seam *seam = loop_seam(tickets->deploy->loop);
    uint8_t random[32];
    seam->random(seam->context, random, sizeof(random));
    AUTO_FREE char *text = base64url_format(random, sizeof(random));
    struct ticket_entry *entry = calloc(1, sizeof(*entry));
    secret_wipe(random, sizeof(random));
    if (!entry || !text) {
        free(entry);
        return NULL;
    }
    struct ticket *t = &entry->ticket;
    entry->tickets = tickets;
    snprintf(t->text, sizeof(t->text), "%s", text);
    hash_text(text, t->hash);
    secret_wipe(text, strlen(text));
    memcpy(t->host_id, task->now.host_id, sizeof(t->host_id));
    memcpy(t->task, task->now.id, sizeof(t->task));
    t->attempt = task->now.attempt;
    snprintf(t->address, sizeof(t->address), "%s", address);
    t->expires_s = wall_s(tickets) + TICKET_LIFE_S;
    if (table_add(&tickets->by_hash, t->hash, entry)) {
        entry_free(entry);
        return NULL;
    }
    return entry;
}

/* Looks through the host's tickets: the one for this address, or how many
 * others are outstanding; forgets those that cannot be used any more. */
static struct ticket_entry *look(struct tickets *tickets,
                                 const struct task *task, const char *address,
                                 size_t *ret_outstanding)
{
    struct ticket_entry *same = NULL;
    *ret_outstanding = 0;
    for (size_t i = tickets->by_hash.count; i-- > 0;) {
        struct ticket_entry *entry = tickets->by_hash.entries[i].value;
        const struct ticket *t = &entry->ticket;
        if (strcmp(t->host_id, task->now.host_id) != 0 ||
            (t->frozen && !ticket_expired(tickets, t)))
            continue;
        bool mine = strcmp(t->task, task->now.id) == 0 &&
                    t->attempt == task->now.attempt &&
                    !ticket_expired(tickets, t);
        if (mine && !*t->session && *t->text &&
            strcmp(t->address, address) == 0)
            same = entry;
        else if (!mine || (!*t->session && strcmp(t->address, address) == 0))
            forget(tickets, entry);
        else if (!*t->session)
            ++*ret_outstanding;
    }
    return same;
}

static int wait_for(struct ticket_entry *entry,
                    void (*done)(void *arg, const char *text), void *arg)
{
    struct waiter *waiter = calloc(1, sizeof(*waiter));
    if (!waiter)
        return -1;
    *waiter = (struct waiter){entry->waiters, done, arg};
    entry->waiters = waiter;
    return 0;
}

void ticket_issue(struct tickets *tickets, struct task *task,
                  const char *address,
                  void (*done)(void *arg, const char *text), void *arg)
{
    size_t outstanding = 0;
    if (!task_armed(task)) {
        done(arg, NULL);
        return;
    }
    struct ticket_entry *entry = look(tickets, task, address, &outstanding);
    if (entry) {
        if (entry->ticket.stored || wait_for(entry, done, arg))
            done(arg, entry->ticket.stored ? entry->ticket.text : NULL);
        return;
    }
    if (outstanding >= TICKETS_PER_HOST) {
        tickets->deploy->event(tickets->deploy->arg, "ticket-limit",
                               json_pack("{s:s, s:s, s:s, s:s}", "host",
                                         task->now.host_id, "host_name",
                                         task->now.host_name, "task",
                                         task->now.id, "address", address));
        done(arg, NULL);
        return;
    }
    entry = make(tickets, task, address);
    if (!entry || wait_for(entry, done, arg)) {
        log_error("There is no memory for a boot ticket");
        if (entry) {
            table_remove(&tickets->by_hash, entry->ticket.hash);
            entry_free(entry);
        }
        done(arg, NULL);
        return;
    }
    issue(entry);
}

/* --- use ---------------------------------------------------------------- */

struct ticket *ticket_find(struct tickets *tickets, const char *text)
{
    char hash[DIGEST_HEX_BYTES];
    hash_text(text, hash);
    struct ticket_entry *entry = table_find(&tickets->by_hash, hash);
    return entry && entry->ticket.stored ? &entry->ticket : NULL;
}

void tickets_drop(struct tickets *tickets, const char *host_id)
{
    for (size_t i = tickets->by_hash.count; i-- > 0;) {
        struct ticket_entry *entry = tickets->by_hash.entries[i].value;
        if (strcmp(entry->ticket.host_id, host_id) == 0 &&
            !entry->ticket.frozen)
            forget(tickets, entry);
    }
}

/* --- loading ------------------------------------------------------------ */

static int enter(void *owner, const struct store_doc *doc, struct err *err)
{
    struct tickets *tickets = owner;
    struct ticket_entry *entry = calloc(1, sizeof(*entry));
    if (!entry)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    entry->tickets = tickets;
    int code = parse(doc, &entry->ticket, err);
    if (code != 0) {
        entry_free(entry);
        return code;
    }
    entry->ticket.stored = true;
    if (ticket_expired(tickets, &entry->ticket)) {
        delete_document(tickets, &entry->ticket);
        entry_free(entry);
    } else if (table_add(&tickets->by_hash, entry->ticket.hash, entry)) {
        entry_free(entry);
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    return 0;
}

void tickets_load(struct tickets *tickets, store_loaded *loaded, void *arg)
{
    store_load(tickets->deploy->store, "/v1/ticket/", enter, tickets, loaded,
               arg);
}
