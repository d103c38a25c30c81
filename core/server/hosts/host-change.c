/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of hosts: a request becomes a whole new document, that is checked,
 * and the aliases that come and go with it in the same transaction. */
#include "core/server/hosts/host.h"

#include <stdio.h>
#include <string.h>

#include "core/server/hosts/host-internal.h"
#include "core/util/crypto.h"
#include "core/util/json.h"
#include "core/util/log.h"

struct host_op {
    struct hosts *hosts;
    struct host *next; /* as it will be; NULL = deleted */
    char id[MESSAGE_ID_BYTES];
    struct err failure; /* found before the store was asked */
    host_done *done;
    void *arg;
};

static void op_free(struct host_op *op)
{
    host_record_free(op->next);
    free(op);
}

static struct host_op *op_new(struct hosts *hosts, const char *id,
                              host_done *done, void *arg)
{
    struct host_op *op = calloc(1, sizeof(*op));
    if (!op) {
        log_error("There is no memory to change host '%s'", id);
        return NULL;
    }
    op->hosts = hosts;
    snprintf(op->id, sizeof(op->id), "%s", id);
    op->done = done;
    op->arg = arg;
    return op;
}

static void fail_posted(void *arg)
{
    struct host_op *op = arg;
    op->done(op->arg, NULL, &op->failure);
    op_free(op);
}

/* Tells op->failure from the loop: completions never run inside the call. */
static void fail_later(struct host_op *op)
{
    if (loop_post(op->hosts->loop, fail_posted, op))
        fail_posted(op);
}

static void stored(void *arg, uint64_t revision, const struct err *err)
{
    struct host_op *op = arg;
    struct err why = ERR_INIT;
    const struct host *host = NULL;
    if (err) {
        why = *err;
        if (why.code == ERR_CONFLICT)
            (void)err_set(&why, ERR_CONFLICT,
                          "host '%s' was changed meanwhile, has an active "
                          "task, or another host has one of these names; read "
                          "it again",
                          op->next ? op->next->name : op->id);
    } else if (op->next) {
        op->next->revision = revision;
        host = hosts_enter(op->hosts, TAKE(op->next));
    } else {
        struct host *gone = table_find(&op->hosts->by_id, op->id);
        if (gone)
            hosts_remove(op->hosts, gone);
    }
    op->done(op->arg, host, err ? &why : NULL);
    op_free(op);
}

/* --- transaction -------------------------------------------------------- */

struct change_list {
    struct store_change changes[2 * HOST_MAX_ALIASES + 2];
    char keys[2 * HOST_MAX_ALIASES + 2][HOST_ALIAS_BYTES + 16];
    size_t count;
};

static void add_change(struct change_list *list, enum store_change_kind kind,
                       json_t *json, uint64_t expected, const char *prefix,
                       const char *key)
{
    char *out = list->keys[list->count];
    snprintf(out, sizeof(list->keys[0]), "%s%.*s", prefix, HOST_ALIAS_BYTES - 1,
             key);
    list->changes[list->count++] =
        (struct store_change){kind, out, json, expected};
}

static bool has_key(char (*keys)[HOST_ALIAS_BYTES], size_t count,
                    const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

/* Aliases of `old` that `next` lacks go, those it gains must be new. */
static void add_aliases(struct change_list *list, const struct host *old,
                        const struct host *next)
{
    char before[HOST_MAX_ALIASES][HOST_ALIAS_BYTES];
    char after[HOST_MAX_ALIASES][HOST_ALIAS_BYTES];
    size_t b = old ? host_record_aliases(old, before) : 0;
    size_t a = next ? host_record_aliases(next, after) : 0;
    for (size_t i = 0; i < b; i++)
        if (!has_key(after, a, before[i]))
            add_change(list, STORE_CHANGE_DELETE, NULL, STORE_ANY, "/v1/alias/",
                       before[i]);
    for (size_t i = 0; i < a; i++)
        if (!has_key(before, b, after[i]))
            add_change(list, STORE_CHANGE_PUT,
                       json_pack("{s:i, s:s}", "schema", 1, "host", next->id),
                       STORE_NEW, "/v1/alias/", after[i]);
}

static void submit(struct host_op *op, const struct host *old,
                   uint64_t expected)
{
    struct change_list list = {.count = 0};
    if (op->next) {
        add_change(&list, STORE_CHANGE_PUT, host_record_format(op->next),
                   expected, "/v1/host/", op->id);
    } else {
        add_change(&list, STORE_CHANGE_DELETE, NULL, expected, "/v1/host/",
                   op->id);
        add_change(&list, STORE_CHANGE_CHECK, NULL, STORE_NEW, "/v1/active/",
                   op->id);
    }
    add_aliases(&list, old, op->next);
    store_apply(op->hosts->store, list.changes, list.count, stored, op);
}

/* --- checks ------------------------------------------------------------- */

static int say_taken(const struct host *other, const struct host *next,
                     size_t alias, struct err *err)
{
    size_t before_macs = *next->uuid ? 2 : 1; /* host_record_aliases's order */
    if (alias == 0)
        return err_set(err, ERR_CONFLICT, "there is a host '%s' already",
                       other->name);
    return err_set(err, ERR_CONFLICT,
                   "host '%s' already has the %s %s; remove it there first",
                   other->name, alias < before_macs ? "UUID" : "MAC address",
                   alias < before_macs ? next->uuid
                                       : next->macs[alias - before_macs]);
}

/* Names the host that already has one of these names or addresses. */
static int check_unique(const struct hosts *hosts, const struct host *next,
                        struct err *err)
{
    char keys[HOST_MAX_ALIASES][HOST_ALIAS_BYTES];
    size_t count = host_record_aliases(next, keys);
    for (size_t i = 0; i < count; i++) {
        const struct host *other = hosts_by_alias(hosts, keys[i]);
        if (other && strcmp(other->id, next->id) != 0)
            return say_taken(other, next, i, err);
    }
    for (size_t i = 0; *next->reserved_address && i < hosts->by_id.count; i++) {
        const struct host *other = hosts->by_id.entries[i].value;
        if (strcmp(other->id, next->id) != 0 &&
            strcmp(other->reserved_address, next->reserved_address) == 0)
            return err_set(err, ERR_CONFLICT,
                           "address %s is reserved for host '%s'",
                           next->reserved_address, other->name);
    }
    return 0;
}

static bool has_mac(const struct host *host, const char *mac)
{
    for (size_t i = 0; host && i < host->mac_count; i++)
        if (strcmp(host->macs[i], mac) == 0)
            return true;
    return false;
}

/* What a host had before its dock was listed stays, without effect. */
static int check_docks(const struct hosts *hosts, const struct host *old,
                       const struct host *next, struct err *err)
{
    for (size_t i = 0; i < next->mac_count; i++)
        if (hosts_dock_mac(hosts, next->macs[i]) &&
            !has_mac(old, next->macs[i]))
            return err_set(err, ERR_INVALID,
                           "%s is listed in 'dock_macs' of the server's "
                           "configuration, so it names no machine; give host "
                           "'%s' its UUID or another MAC address",
                           next->macs[i], next->name);
    return 0;
}

/* Puts the members of a request into a document. */
static int merge(json_t *document, const json_t *patch, struct err *err)
{
    static const char *const allowed[] = {
        "name", "macs", "uuid", "arch", "tier", "reserved_address", "labels",
    };
    const char *key;
    json_t *value;
    if (!json_is_object(patch))
        return err_set(err, ERR_INVALID, "$ must be an object");
    json_object_foreach((json_t *)patch, key, value)
    {
        size_t i = 0;
        while (i < ARRAY_LENGTH(allowed) && strcmp(allowed[i], key) != 0)
            i++;
        if (i == ARRAY_LENGTH(allowed))
            return err_set(err, ERR_INVALID, "$.%.40s is not known here", key);
        if (json_object_set(document, key, value))
            return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    return 0;
}

static void change(struct host_op *op, json_t *document, const struct host *old,
                   uint64_t expected)
{
    if (!document)
        (void)err_set(&op->failure, ERR_NO_MEMORY, "out of memory");
    else if (host_record_parse(document, &op->next, &op->failure) == 0 &&
             check_docks(op->hosts, old, op->next, &op->failure) == 0)
        (void)check_unique(op->hosts, op->next, &op->failure);
    if (op->failure.code)
        fail_later(op);
    else
        submit(op, old, expected);
}

/* --- interface ---------------------------------------------------------- */

void host_create(struct hosts *hosts, const json_t *spec, host_done *done,
                 void *arg)
{
    const struct seam *seam = loop_seam(hosts->loop);
    uint8_t random[16];
    char id[MESSAGE_ID_BYTES];
    seam->random(seam->context, random, sizeof(random));
    hex_format(random, sizeof(random), id);
    struct host_op *op = op_new(hosts, id, done, arg);
    if (!op)
        return;
    AUTO_JSON *document =
        json_pack("{s:i, s:s, s:I}", "schema", 1, "id", id, "created_s",
                  (json_int_t)hosts_wall_s(hosts));
    if (hosts->by_id.count >= HOSTS_MAX)
        (void)err_set(&op->failure, ERR_TOO_BIG,
                      "there are %d hosts already, which is the most one site "
                      "may have",
                      HOSTS_MAX);
    else
        (void)merge(document, spec, &op->failure);
    if (op->failure.code)
        fail_later(op);
    else
        change(op, document, NULL, STORE_NEW);
}

/* The host to change, or NULL with the failure told. */
static const struct host *get_host(struct host_op *op, uint64_t expected)
{
    const struct host *old = host_find(op->hosts, op->id);
    if (!old)
        (void)err_set(&op->failure, ERR_NOT_FOUND, "there is no host '%s'",
                      op->id);
    else if (expected != STORE_ANY && expected != old->revision)
        (void)err_set(&op->failure, ERR_CONFLICT,
                      "host '%s' was changed meanwhile; read it again",
                      old->name);
    if (!op->failure.code)
        return old;
    fail_later(op);
    return NULL;
}

void host_change(struct hosts *hosts, const char *id, const json_t *patch,
                 uint64_t expected, host_done *done, void *arg)
{
    struct host_op *op = op_new(hosts, id, done, arg);
    const struct host *old = op ? get_host(op, expected) : NULL;
    if (!old)
        return;
    AUTO_JSON *document = host_record_format(old);
    if (merge(document, patch, &op->failure))
        fail_later(op);
    else
        change(op, document, old, old->revision);
}

void host_delete(struct hosts *hosts, const char *id, uint64_t expected,
                 host_done *done, void *arg)
{
    struct host_op *op = op_new(hosts, id, done, arg);
    const struct host *old = op ? get_host(op, expected) : NULL;
    if (old)
        submit(op, old, old->revision);
}

/* Adds addresses that no other host has, as far as there is room. */
static void add_macs(const struct hosts *hosts, struct host *next,
                     const char (*macs)[18], size_t count)
{
    char key[IDENTITY_KEY_BYTES];
    for (size_t i = 0; i < count && next->mac_count < HOST_MAX_MACS; i++) {
        char *mac = next->macs[next->mac_count];
        if (identity_mac_parse(macs[i], mac, NULL) ||
            hosts_dock_mac(hosts, mac) || has_mac(next, mac))
            continue;
        identity_mac_key(mac, key);
        if (!hosts_by_alias(hosts, key))
            next->mac_count++;
    }
}

/* ---- what machines tell ------------------------------------------------- */

#define LEARN_TRIES 4

/* A copy of the news until the store has them. */
struct learning {
    struct hosts *hosts;
    char id[MESSAGE_ID_BYTES];
    char arch[33];
    json_t *facts; /* NULL = none */
    char macs[HOST_NEWS_MACS][IDENTITY_MAC_BYTES];
    size_t mac_count;
    unsigned tries;
    host_done *done; /* NULL = a failure is only logged */
    void *arg;
};

static void learn(struct learning *l);

static void learn_over(void *arg, const struct host *host,
                       const struct err *err)
{
    struct learning *l = arg;
    /* The other change has been told by now: on top of it. */
    if (err && err->code == ERR_CONFLICT && ++l->tries < LEARN_TRIES) {
        learn(l);
        return;
    }
    if (l->done)
        l->done(l->arg, host, err);
    else if (err)
        log_info("What a machine said was not kept: %s", err->text);
    json_decref(l->facts);
    free(l);
}

/* The host as it is with the news; 0 or op->failure. */
static int add_news(const struct learning *l, const struct host *old,
                    struct host_op *op)
{
    AUTO_JSON *before = host_record_format(old);
    AUTO_JSON *document = json_deep_copy(before); /* it shares old's facts */
    if (!document ||
        (l->facts &&
         json_object_update(json_object_get(document, "facts"), l->facts)) ||
        (l->arch[0] &&
         json_object_set_new(document, "arch", json_string(l->arch))))
        return err_set(&op->failure, ERR_NO_MEMORY, "out of memory");
    int code = host_record_parse(document, &op->next, &op->failure);
    if (code == 0)
        add_macs(l->hosts, op->next, l->macs, l->mac_count);
    return code;
}

static bool same(const struct host *a, const struct host *b)
{
    AUTO_JSON *before = host_record_format(a);
    AUTO_JSON *after = host_record_format(b);
    return json_equal(before, after);
}

static void learn(struct learning *l)
{
    struct err err = ERR_INIT;
    struct host_op *op = op_new(l->hosts, l->id, learn_over, l);
    if (!op) {
        (void)err_set(&err, ERR_NO_MEMORY, "out of memory");
        learn_over(l, NULL, &err);
        return;
    }
    const struct host *old = get_host(op, STORE_ANY);
    if (!old)
        return; /* told by learn_over */
    if (add_news(l, old, op)) {
        fail_later(op);
    } else if (!l->done && same(old, op->next)) {
        op_free(op);
        learn_over(l, old, NULL);
    } else {
        submit(op, old, old->revision);
    }
}

void host_learn(struct hosts *hosts, const char *id,
                const struct host_news *news, host_done *done, void *arg)
{
    struct err err = ERR_INIT;
    struct learning *l = calloc(1, sizeof(*l));
    if (!l || (news->facts && !(l->facts = json_deep_copy(news->facts)))) {
        free(l);
        (void)err_set(&err, ERR_NO_MEMORY, "out of memory");
        if (done)
            done(arg, NULL, &err);
        return;
    }
    l->hosts = hosts;
    l->done = done;
    l->arg = arg;
    l->mac_count = MIN(news->mac_count, ARRAY_LENGTH(l->macs));
    for (size_t i = 0; i < l->mac_count; i++)
        memcpy(l->macs[i], news->macs[i], sizeof(l->macs[i]));
    (void)snprintf(l->arch, sizeof(l->arch), "%s",
                   news->arch ? news->arch : "");
    (void)snprintf(l->id, sizeof(l->id), "%s", id);
    learn(l);
}
