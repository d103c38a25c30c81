/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's half.  Each slot fetches one object at a time:
 *
 *   idle -> fetching -> (deliver) -> idle
 *              |  ^
 *     lost     v  | after a pause, from the byte where it was
 *            waiting
 *
 * A server that is gone is asked again for as long as the host wants the
 * object: machines are switched on before servers are.  An object is given up
 * when every server says that it has none, or when what comes is damaged
 * MAX_DAMAGED times.
 */
#include "unicast.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CONNECTIONS 16
#define MAX_SERVERS 16
#define MAX_OBJECT_BYTES (64u << 20)
#define MAX_DAMAGED 3
#define FIRST_PAUSE_MS 250
#define LONGEST_PAUSE_MS 5000

struct slot {
    struct fetching *fetching;
    int used;
    unsigned char name[SLIPWAY_OBJECT_NAME_BYTES];
    uint64_t length;
    uint64_t got;
    unsigned char *data;
    uint64_t capacity;
    uint64_t server;  /* place in the server list */
    unsigned refused; /* servers in a row that do not hold it */
    unsigned damaged;
    uint64_t pause_ms; /* the next one */
    int too_long;      /* more came than the object has bytes */
    struct slipway_http_get *get;
    struct slipway_timer *timer;
};

struct fetching {
    const struct slipway_fetch_host *host;
    uint64_t connections;
    uint64_t preferred; /* the server that answered last */
    uint32_t silent;    /* bit per server whose silence was told */
    int filling;
    struct slot slots[MAX_CONNECTIONS];
};

static void slot_fetch(struct slot *slot);
static void fill(struct fetching *f);

static void say(struct fetching *f, uint32_t level, const char *server,
                const char *what)
{
    char text[200];
    int host_bytes = (int)strcspn(server, ":");

    (void)snprintf(text, sizeof(text), "server %.*s %s", host_bytes, server,
                   what);
    f->host->log(f->host, level, text);
}

static uint64_t server_count(const struct fetching *f)
{
    uint64_t count = 0;

    while (count < MAX_SERVERS && f->host->server_list(f->host, count))
        count++;
    return count;
}

/* The slot's server; wraps when the list became shorter; NULL = no server. */
static const char *slot_server(struct slot *slot)
{
    const struct slipway_fetch_host *host = slot->fetching->host;

    if (slot->server >= MAX_SERVERS || !host->server_list(host, slot->server))
        slot->server = 0;
    return host->server_list(host, slot->server);
}

static void slot_free(struct slot *slot)
{
    slot->used = 0;
    fill(slot->fetching);
}

static void give_up(struct slot *slot, const char *sentence)
{
    struct fetching *f = slot->fetching;

    f->host->give_up(f->host, slot->name, sentence);
    slot_free(slot);
}

static void pause_over(void *arg)
{
    struct slot *slot = arg;

    slot->timer = NULL;
    slot_fetch(slot);
}

/* Asks the next server after a pause. */
static void slot_wait(struct slot *slot)
{
    struct fetching *f = slot->fetching;

    slot->server++;
    slot->timer = f->host->timer(f->host, slot->pause_ms, pause_over, slot);
    slot->pause_ms *= 2;
    if (slot->pause_ms > LONGEST_PAUSE_MS)
        slot->pause_ms = LONGEST_PAUSE_MS;
    if (!slot->timer)
        give_up(slot, "no memory is left on this machine");
}

static void slot_data(void *arg, const void *data, uint64_t length)
{
    struct slot *slot = arg;

    if (slot->too_long || length > slot->length - slot->got) {
        slot->too_long = 1;
        return;
    }
    memcpy(slot->data + slot->got, data, (size_t)length);
    slot->got += length;
    slot->pause_ms = FIRST_PAUSE_MS;
}

/* What came is not the object: from the start again, from another server. */
static void slot_damaged(struct slot *slot)
{
    struct fetching *f = slot->fetching;
    const char *server = slot_server(slot);

    if (server)
        say(f, SLIPWAY_LOG_WARN, server,
            "sent a damaged object; fetching it again");
    slot->got = 0;
    if (++slot->damaged >= MAX_DAMAGED) {
        give_up(slot, "what the servers send under its name is damaged; "
                      "'slipway image verify' names all that is, and importing "
                      "the same content again mends it");
        return;
    }
    slot_wait(slot);
}

static void slot_complete(struct slot *slot)
{
    struct fetching *f = slot->fetching;
    int code = f->host->deliver(f->host, slot->name, slot->data, slot->length);

    if (code == SLIPWAY_EVERIFY) {
        slot_damaged(slot);
        return;
    }
    if (code) {
        give_up(slot, "the object could not be taken over");
        return;
    }
    slot_free(slot);
}

/* The server has no such object, or none that it wants to give. */
static void slot_refused(struct slot *slot, uint64_t status)
{
    char text[120];

    slot->got = 0;
    if (++slot->refused >= server_count(slot->fetching)) {
        (void)snprintf(text, sizeof(text),
                       "no server gives it away: the last one answered with "
                       "status %u",
                       (unsigned)status);
        give_up(slot, text);
        return;
    }
    slot->server++;
    slot_fetch(slot);
}

static void server_silent(struct fetching *f, struct slot *slot)
{
    const char *server = slot_server(slot);
    uint32_t bit = 1u << slot->server;

    if (server && !(f->silent & bit)) {
        f->silent |= bit;
        say(f, SLIPWAY_LOG_WARN, server, "does not answer, trying again");
    }
}

static void server_answers(struct fetching *f, struct slot *slot)
{
    const char *server = slot_server(slot);
    uint32_t bit = 1u << slot->server;

    if (server && (f->silent & bit)) {
        f->silent &= ~bit;
        say(f, SLIPWAY_LOG_NOTICE, server, "answers again");
    }
}

static void slot_done(void *arg, int code, uint64_t status)
{
    struct slot *slot = arg;
    struct fetching *f = slot->fetching;

    slot->get = NULL;
    if (status)
        server_answers(f, slot);
    if (slot->too_long) {
        slot->too_long = 0;
        slot_damaged(slot);
    } else if (code == SLIPWAY_OK && (status == 200 || status == 206)) {
        slot->refused = 0;
        f->preferred = slot->server;
        if (slot->got == slot->length)
            slot_complete(slot);
        else
            slot_damaged(slot);
    } else if (code == SLIPWAY_OK && status >= 400 && status < 500 &&
               status != 408 && status != 421 && status != 429) {
        slot_refused(slot, status);
    } else {
        /* Lost, or a passing trouble of the server: 5xx, 408, 429, or 421
         * when the transport there was started again behind our back. */
        if (!status)
            server_silent(f, slot);
        slot_wait(slot);
    }
}

static void slot_fetch(struct slot *slot)
{
    static const char digits[] = "0123456789abcdef";
    struct fetching *f = slot->fetching;
    const char *server = slot_server(slot);
    char hex[OBJECT_HEX_BYTES];
    char url[400];

    if (!server) {
        give_up(slot, "the server list is empty");
        return;
    }
    /* All of it was there when the connection was lost. */
    if (slot->got == slot->length) {
        slot_complete(slot);
        return;
    }
    for (unsigned i = 0; i < SLIPWAY_OBJECT_NAME_BYTES; i++) {
        hex[2 * i] = digits[slot->name[i] >> 4];
        hex[2 * i + 1] = digits[slot->name[i] & 15];
    }
    hex[2 * SLIPWAY_OBJECT_NAME_BYTES] = '\0';
    (void)snprintf(url, sizeof(url), "http://%.300s" OBJECTS_PATH "%s", server,
                   hex);
    slot->get =
        f->host->http_get(f->host, url, slot->got, slot_data, slot_done, slot);
    if (!slot->get)
        slot_wait(slot);
}

/* Room for the object; the buffer is kept for the next one. */
static int slot_room(struct slot *slot)
{
    unsigned char *data;

    if (slot->length == 0 || slot->length > MAX_OBJECT_BYTES)
        return -1;
    if (slot->length <= slot->capacity)
        return 0;
    data = realloc(slot->data, (size_t)slot->length);
    if (!data)
        return -1;
    slot->data = data;
    slot->capacity = slot->length;
    return 0;
}

/* Gives free slots something to do.  Called from inside itself when an object
 * ends at once: the outer call goes on then. */
static void fill(struct fetching *f)
{
    if (f->filling)
        return;
    f->filling = 1;
    for (uint64_t i = 0; i < f->connections; i++) {
        struct slot *slot = &f->slots[i];

        while (!slot->used) {
            if (f->host->next_wanted(f->host, slot->name, &slot->length) != 1)
                break;
            slot->used = 1;
            slot->got = 0;
            slot->refused = 0;
            slot->damaged = 0;
            slot->pause_ms = FIRST_PAUSE_MS;
            slot->server = f->preferred;
            if (slot_room(slot) != 0)
                give_up(slot, "it is too large for this machine's memory");
            else
                slot_fetch(slot);
        }
    }
    f->filling = 0;
}

int unicast_fetch_start(const struct slipway_fetch_host *host,
                        void **ret_instance)
{
    struct fetching *f;

    if (!SLIPWAY_HAS(host, struct slipway_fetch_host, http_get) ||
        !SLIPWAY_HAS(host, struct slipway_fetch_host, param_number))
        return SLIPWAY_EUNSUPPORTED;
    f = calloc(1, sizeof(*f));
    if (!f)
        return SLIPWAY_EINTERNAL;
    f->host = host;
    if (host->param_number(host, PARAM_CONNECTIONS, &f->connections) != 0 ||
        f->connections < 1 || f->connections > MAX_CONNECTIONS) {
        free(f);
        return SLIPWAY_EINVAL;
    }
    for (unsigned i = 0; i < MAX_CONNECTIONS; i++)
        f->slots[i].fetching = f;
    *ret_instance = f;
    fill(f);
    return SLIPWAY_OK;
}

void unicast_fetch_wanted(void *instance)
{
    fill(instance);
}

void unicast_fetch_stop(void *instance)
{
    struct fetching *f = instance;

    for (unsigned i = 0; i < MAX_CONNECTIONS; i++) {
        struct slot *slot = &f->slots[i];

        if (slot->get)
            f->host->http_cancel(f->host, slot->get);
        if (slot->timer)
            f->host->timer_cancel(f->host, slot->timer);
        free(slot->data);
    }
    free(f);
}
