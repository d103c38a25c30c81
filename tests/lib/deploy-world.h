/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server's deploying half (hosts, tasks, tickets, sessions, batches, policy)
 * in a simulated world: virtual time, a store in memory, and a catalogue of
 * two actions and one image.  It can be ended at any moment and made again on
 * the same store, like a server that is killed.  For cmocka tests.
 */
#ifndef TESTS_LIB_DEPLOY_WORLD_H
#define TESTS_LIB_DEPLOY_WORLD_H

#include "core/server/tasks/batch.h"
#include "core/server/hosts/enrol.h"
#include "core/server/boot/policy.h"
#include "core/server/sessions/session.h"
#include "core/util/sim.h"

#define WORLD_MAC "52:54:00:00:00:01"
#define WORLD_UUID "11223344-5566-7788-99aa-bbccddeeff00"
#define WORLD_SECRET "root-password"
#define WORLD_ADDRESS "10.0.0.100"

struct world {
    struct sim *sim;
    const struct seam *seam;
    struct loop *loop;
    const struct slipway_store_plugin *plugin; /* memory_store, or around it */
    struct store *store;
    struct deploy deploy;
    struct signing_key signing;
    struct secret_key secret;
    struct plan_server server;
    struct hosts *hosts;
    struct tasks *tasks;
    struct tickets *tickets;
    struct sessions *sessions;
    struct batches *batches;
    struct enrol *enrol;
    struct policy *policy;
    struct dhcp_policy dhcp;
    json_t *events;    /* array of {"event": id, ...} in order */
    json_t *audits;    /* array of actions */
    json_t *kept;      /* what deploy.keep was given: an array */
    char min_tier[16]; /* of the image */
    const char *secret_value; /* of WORLD_SECRET; NULL = there is none */
    const char *secret_tier;
    bool ready;
};

/* An empty site with the host "lab-01". */
void world_new(struct world *w, uint64_t seed);
void world_free(struct world *w);
/* Ends the server without a word, as kill -9 does. */
void world_kill(struct world *w);
/* Starts it again on what is in the store. */
void world_boot(struct world *w);
/* Runs until nothing happens for a moment of virtual time. */
void world_settle(struct world *w);
void world_run(struct world *w, uint64_t span_ms);

/* How often an event was told. */
unsigned world_events(const struct world *w, const char *id);
const struct host *world_host(const struct world *w);

/* A profile of one or two steps: "inventory", then "install". */
struct profile *world_profile(const char *then);
/* Starts it on lab-01 and runs until it is armed; the task. */
struct task *world_start(struct world *w);
/* The state of a task, also when it is over; fails when there is none. */
enum task_state world_state(const char *task_id);
/* A member of its document, borrowed until the next call. */
const json_t *world_member(const char *task_id, const char *member);

/* Firmware asks to boot; the intent of the answer. */
uint32_t world_firmware(struct world *w, const char *mac, uint32_t kind);
/* An engine asks for its server: true and a ticket, or false. */
bool world_ticket(struct world *w, const char *address,
                  char ret[MESSAGE_TOKEN_BYTES]);

/* One engine and what it was last told. */
struct engine {
    struct world *world;
    struct digest key;
    const char *address;
    struct message_hello hello;
    struct message_welcome welcome;
    struct message_plan plan; /* text owned */
    struct message_report_reply reply;
    struct err err; /* of the last request, code 0 = none */
    bool answered;
    uint64_t seq;
    uint32_t attempt;
};

void engine_init(struct engine *e, struct world *w, uint8_t key);
void engine_done(struct engine *e);
/* Each sends one request and runs until it is answered, at most 60 s; false
 * when there was no answer or a refusal (e->err then). */
bool engine_hello(struct engine *e, const char *ticket);
bool engine_plan(struct engine *e);
/* Reports under the next number, or again under the same one. */
bool engine_report(struct engine *e, enum message_report_kind kind,
                   uint32_t step, bool repeat);
/* The final report of an engine that cannot leave as it was told. */
bool engine_leave_failed(struct engine *e, const char *code);
/* From power-on to a plan. */
void engine_up(struct engine *e);

#endif
