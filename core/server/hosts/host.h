/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machines we know.  Documents `/v1/host/<id>`, and one alias document
 * for every name a host can be found by: `/v1/alias/mac/<12 hex>`,
 * `/v1/alias/uuid/<canonical>`, `/v1/alias/name/<name>`, so that the store
 * itself keeps two hosts from sharing one.  All are loaded at start; the
 * store is written first, the tables after it has said OK.  Loop thread only.
 */
#ifndef CORE_SERVER_HOSTS_HOST_H
#define CORE_SERVER_HOSTS_HOST_H

#include <stdbool.h>

#include <jansson.h>

#include "core/server/hosts/identity.h"
#include "core/server/store/store.h"
#include "core/wire/message.h"

#define HOST_MAX_MACS 8
#define HOST_MAX_LABELS 32
#define HOST_NEWS_MACS MESSAGE_MAX_MACS
#define HOSTS_MAX 20000       /* hosts of one site */
#define HOSTS_MAX_UNKNOWN 256 /* unknown machines remembered */
/* Events host-unknown; the ring of events has more than that to hold. */
#define HOSTS_UNKNOWN_PER_S 128

struct hosts;

struct host {
    char id[MESSAGE_ID_BYTES];
    char name[MESSAGE_NAME_BYTES]; /* [a-z0-9][a-z0-9.-]{0,62}, unique */
    char macs[HOST_MAX_MACS][IDENTITY_MAC_BYTES];
    size_t mac_count;
    char uuid[IDENTITY_UUID_BYTES]; /* "" = not known */
    char arch[33];                  /* arch plugin, "" = not seen yet */
    char tier[16];                  /* "network" or "console" */
    char reserved_address[46];      /* "" = from the pool */
    json_t *labels;                 /* object of texts */
    /* vendor, product, serial, firmware, machine as its engine last said, and
     * `inventory`, the reference of its newest inventory; an object. */
    json_t *facts;
    int64_t created_s;
    uint64_t revision;
};

/* Hears of what an admin should see: id and one JSON object (stolen). */
typedef void host_event(void *arg, const char *id, json_t *json);

struct hosts *hosts_new(struct loop *loop, struct store *store,
                        host_event *event, void *arg, struct err *err);
void hosts_free(struct hosts *hosts);
/* Addresses that are no machine's, since a dock or a dongle takes them along:
 * none is found by one, and no host is given one.  Borrowed for the life of
 * `hosts`. */
void hosts_set_dock_macs(struct hosts *hosts,
                         const char (*macs)[IDENTITY_MAC_BYTES], size_t count);
/* Whether `mac`, canonical, was set as a dock's. */
bool hosts_dock_mac(const struct hosts *hosts, const char *mac);
/* Reads all documents; loaded(arg, NULL) once they are in the tables, or the
 * failure. */
void hosts_load(struct hosts *hosts, store_loaded *loaded, void *arg);

/* NULL when there is none.  Borrowed until the host is deleted. */
const struct host *host_find(const struct hosts *hosts, const char *id);
const struct host *host_find_name(const struct hosts *hosts, const char *name);
/* The host that this address is reserved for. */
const struct host *host_find_reserved(const struct hosts *hosts,
                                      const char *address);
/* By id, name or MAC: what a person may write. */
const struct host *host_find_any(const struct hosts *hosts, const char *text);
/* In the order of ids: the first whose id is greater than `after` (NULL = the
 * first of all), NULL at the end. */
const struct host *host_next(const struct hosts *hosts, const char *after);
size_t hosts_count(const struct hosts *hosts);

enum host_match { HOST_UNKNOWN, HOST_KNOWN, HOST_CONFLICT };
/*
 * Whose these names are.  `uuid` ("" = none) is looked up in both byte
 * orders; one that many machines share counts as none.  HOST_CONFLICT: MAC and
 * UUID belong to different hosts; ret_host gets the MAC's.
 */
enum host_match host_identify(const struct hosts *hosts, const char *mac,
                              const char *uuid, const struct host **ret_host);

/* As REST shows it; a new reference; NULL = no memory. */
json_t *host_json(const struct host *host);

/* Completions of changes: the host as it is now, or why not. */
typedef void host_done(void *arg, const struct host *host,
                       const struct err *err);

/*
 * Makes a host from {"name", "macs", "uuid", "tier", "reserved_address",
 * "labels", "arch"}; `name` and at least one of `macs` and `uuid` are needed.
 * ERR_CONFLICT names the host that has one of them already.
 */
void host_create(struct hosts *hosts, const json_t *spec, host_done *done,
                 void *arg);
/* Replaces the members that `patch` holds (the same keys).  `expected` is the
 * revision the caller saw, or STORE_ANY. */
void host_change(struct hosts *hosts, const char *id, const json_t *patch,
                 uint64_t expected, host_done *done, void *arg);
/* Removes the host and its aliases; the completion's host is NULL. */
void host_delete(struct hosts *hosts, const char *id, uint64_t expected,
                 host_done *done, void *arg);
/* What an engine or a firmware has told about its machine. */
struct host_news {
    const char *arch;    /* its arch plugin; NULL or "" = not told */
    const json_t *facts; /* members replace those of host->facts; NULL = none */
    /* They become aliases unless another host has them; only of engines that
     * an admin approved. */
    const char (*macs)[IDENTITY_MAC_BYTES];
    size_t mac_count; /* the first HOST_NEWS_MACS count */
};
/*
 * Keeps the news (copied), on top of whatever else changes the host meanwhile.
 * Without `done` nothing is written unless something is new, and a failure is
 * only logged: the machine will say it again.
 */
void host_learn(struct hosts *hosts, const char *id,
                const struct host_news *news, host_done *done, void *arg);

/* Remembers a machine that is not ours and tells `host-unknown` when it is
 * new.  Bounded: the longest unseen is forgotten. */
void host_unknown_seen(struct hosts *hosts, const char *mac, const char *uuid,
                       const char *arch);
/* [{"mac", "uuid", "arch", "first_s", "last_s", "count"}], newest first; a
 * new reference. */
json_t *hosts_unknown_json(const struct hosts *hosts);
/* An admin should look: MAC and UUID point at different hosts. */
void host_conflict_seen(struct hosts *hosts, const struct host *mac_host,
                        const char *mac, const char *uuid);

#endif
