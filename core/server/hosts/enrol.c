/* SPDX-License-Identifier: Apache-2.0 */
/* The enrolment window: see enrol.h. */
#include "core/server/hosts/enrol.h"

#include <stdio.h>
#include <string.h>

#include "core/server/hosts/identity.h"
#include "core/server/boot/policy.h"
#include "core/server/store/table.h"
#include "core/util/json.h"
#include "core/util/log.h"

#define ENROL_KEY "/v1/setting/enrol"
#define MAX_MACHINES 4096 /* further ones boot their disk */

/* A machine that has asked in this window. */
struct machine {
    char mac[IDENTITY_MAC_BYTES];
    unsigned boots;
    bool given_up;
};

struct window {
    bool open;
    int64_t opened_s;
    int64_t until_s;
    char by[128];
};

struct enrol {
    const struct deploy *deploy;
    struct window now;
    struct loop_timer *end;
    struct table machines;
};

/* A change of the window on its way to the store. */
struct change {
    struct enrol *enrol;
    struct window next;
    enrol_done *done;
    void *arg;
    struct err failure;
};

static int64_t wall_s(const struct enrol *enrol)
{
    const struct seam *seam = loop_seam(enrol->deploy->loop);
    return seam->wall_s(seam->context);
}

struct enrol *enrol_new(const struct deploy *deploy, struct err *err)
{
    struct enrol *enrol = calloc(1, sizeof(*enrol));
    if (!enrol)
        (void)err_set(err, ERR_NO_MEMORY, "out of memory for enrolment");
    else
        enrol->deploy = deploy;
    return enrol;
}

static void forget_machines(struct enrol *enrol)
{
    for (size_t i = 0; i < enrol->machines.count; i++)
        free(enrol->machines.entries[i].value);
    table_done(&enrol->machines);
    memset(&enrol->machines, 0, sizeof(enrol->machines));
}

void enrol_free(struct enrol *enrol)
{
    if (!enrol)
        return;
    loop_timer_cancel(enrol->end);
    forget_machines(enrol);
    free(enrol);
}

/* ---- the window --------------------------------------------------------- */

static void closed_by_itself(void *arg, const struct err *err)
{
    (void)arg;
    if (err)
        log_warn("The end of the enrolment window could not be written, the "
                 "next start does it: %s",
                 err->text);
}

static void on_end(void *arg)
{
    struct enrol *enrol = arg;
    enrol->end = NULL;
    enrol->now.open = false; /* at once: this needs no disk */
    enrol_close(enrol, "server", closed_by_itself, NULL);
}

/* Makes the window what `next` says. */
static void apply(struct enrol *enrol, const struct window *next)
{
    int64_t left_s = next->until_s - wall_s(enrol);
    enrol->now = *next;
    loop_timer_cancel(enrol->end);
    enrol->end = NULL;
    if (!next->open)
        return;
    enrol->end = loop_timer(enrol->deploy->loop,
                            left_s > 0 ? (uint64_t)left_s * 1000 : 0, on_end,
                            enrol);
    if (!enrol->end) /* better none than one that never ends */
        enrol->now.open = false;
}

static void tell(const struct enrol *enrol, const char *by)
{
    const struct deploy *deploy = enrol->deploy;
    const struct window *now = &enrol->now;
    const char *action = now->open ? "enrol.open" : "enrol.close";
    deploy->audit(deploy->arg, by, action, "enrol",
                  json_pack("{s:I}", "until_s", (json_int_t)now->until_s));
    deploy->event(deploy->arg, now->open ? "enrol-opened" : "enrol-closed",
                  json_pack("{s:s, s:I}", "by", by, "until_s",
                            (json_int_t)now->until_s));
    if (now->open)
        log_notice("unknown machines load the engine for %lld s: enrolment "
                   "was opened by %s",
                   (long long)(now->until_s - now->opened_s), by);
    else
        log_notice("unknown machines boot their disk: enrolment was closed by "
                   "%s",
                   by);
}

static void changed(void *arg, uint64_t revision, const struct err *err)
{
    struct change *c = arg;
    (void)revision;
    if (!err) {
        if (c->next.open)
            forget_machines(c->enrol);
        apply(c->enrol, &c->next);
        tell(c->enrol, c->next.by);
    }
    c->done(c->arg, err);
    free(c);
}

static void failed(void *arg)
{
    struct change *c = arg;
    c->done(c->arg, &c->failure);
    free(c);
}

static void submit(struct enrol *enrol, const struct window *next,
                   enrol_done *done, void *arg)
{
    struct store *store = enrol->deploy->store;
    struct change *c = calloc(1, sizeof(*c));
    if (!c) {
        struct err err = ERR_INIT;
        (void)err_set(&err, ERR_NO_MEMORY, "out of memory");
        done(arg, &err);
        return;
    }
    *c = (struct change){
        .enrol = enrol, .next = *next, .done = done, .arg = arg};
    if (!next->open) {
        store_delete(store, ENROL_KEY, STORE_ANY, changed, c);
        return;
    }
    json_t *document = json_pack(
        "{s:i, s:I, s:I, s:s}", "schema", 1, "opened_s",
        (json_int_t)next->opened_s, "until_s", (json_int_t)next->until_s, "by",
        next->by);
    if (document) {
        store_put(store, ENROL_KEY, document, STORE_ANY, changed, c);
        return;
    }
    (void)err_set(&c->failure, ERR_NO_MEMORY, "out of memory");
    failed(c);
}

void enrol_open(struct enrol *enrol, uint32_t for_s, const char *by,
                enrol_done *done, void *arg)
{
    struct window next = {.open = true, .opened_s = wall_s(enrol)};
    next.until_s = next.opened_s + for_s;
    (void)snprintf(next.by, sizeof(next.by), "%s", by);
    submit(enrol, &next, done, arg);
}

void enrol_close(struct enrol *enrol, const char *by, enrol_done *done,
                 void *arg)
{
    struct window next = enrol->now;
    next.open = false;
    (void)snprintf(next.by, sizeof(next.by), "%s", by);
    submit(enrol, &next, done, arg);
}

/* ---- loading ------------------------------------------------------------ */

static int enter(void *owner, const struct store_doc *doc, struct err *err)
{
    struct enrol *enrol = owner;
    struct window window = {.open = true};
    struct json_reader r;
    if (strcmp(doc->key, ENROL_KEY) != 0)
        return 0; /* another setting, another owner */
    json_reader_init(&r, doc->json, "$", err);
    (void)json_get_u64(&r, "schema", 1, 1);
    window.opened_s = (int64_t)json_get_u64(&r, "opened_s", 0, INT64_MAX);
    window.until_s = (int64_t)json_get_u64(&r, "until_s", 0, INT64_MAX);
    json_copy_text(&r, "by", window.by, sizeof(window.by));
    int code = json_done(&r);
    /* One that ended meanwhile ends now, with its record and event. */
    if (code == 0)
        apply(enrol, &window);
    return code;
}

void enrol_load(struct enrol *enrol, store_loaded *loaded, void *arg)
{
    store_load(enrol->deploy->store, "/v1/setting/", enter, enrol, loaded, arg);
}

/* ---- machines ----------------------------------------------------------- */

static struct machine *machine_get(struct enrol *enrol, const char *mac)
{
    struct machine *machine = table_find(&enrol->machines, mac);
    if (machine)
        return machine;
    if (!*mac || enrol->machines.count >= MAX_MACHINES)
        return NULL;
    machine = calloc(1, sizeof(*machine));
    if (!machine)
        return NULL;
    (void)snprintf(machine->mac, sizeof(machine->mac), "%s", mac);
    if (table_add(&enrol->machines, machine->mac, machine)) {
        free(machine);
        return NULL;
    }
    return machine;
}

bool enrol_is_open(const struct enrol *enrol)
{
    return enrol->now.open && wall_s(enrol) < enrol->now.until_s;
}

bool enrol_wants(struct enrol *enrol, const char *mac, bool again)
{
    struct machine *machine =
        enrol_is_open(enrol) ? machine_get(enrol, mac) : NULL;
    if (!machine || machine->given_up)
        return false;
    machine->boots += again;
    machine->given_up = machine->boots > POLICY_ENGINE_BOOTS;
    return !machine->given_up;
}

void enrol_give_up(struct enrol *enrol, const char *mac)
{
    struct machine *machine = machine_get(enrol, mac);
    if (machine)
        machine->given_up = true;
}

json_t *enrol_json(const struct enrol *enrol)
{
    const struct window *now = &enrol->now;
    return json_pack("{s:b, s:I, s:I, s:s}", "open", enrol_is_open(enrol),
                     "opened_s", (json_int_t)now->opened_s, "until_s",
                     (json_int_t)now->until_s, "by", now->by);
}
