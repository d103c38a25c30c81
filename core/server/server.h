/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slipwayd as a whole: the parts of one server, made in this order by main.c
 * and freed in the reverse.  Only the loop's thread touches them, unless a
 * part's own header says otherwise.
 */
#ifndef CORE_SERVER_SERVER_H
#define CORE_SERVER_SERVER_H

#include <stdbool.h>

struct audit;      /* audit.h: hash-chained record of changes */
struct boot_table; /* core/boot/boot-table.h: published boot files */
struct cares;      /* care.h: verifying and collecting */
struct config;     /* config.h: constant after start */
struct deployment; /* deploy.h: tickets, batches, boot policy */
struct dhcp;       /* dhcp.h */
struct events;     /* event.h: what clients of the event stream see */
struct hosts;      /* host.h: machines and their aliases */
struct http;       /* http.h: the HTTP thread */
struct images;     /* images.h: catalogue, imports */
struct loop;
struct openapi;    /* openapi.h: the interface's own description */
struct pool;
struct published;  /* publish.h: engine builds */
struct registry;   /* core/plugin/registry.h: enabled plugins */
struct secrets;    /* secret.h: values that profiles name */
struct sessions;   /* session.h: connected engines */
struct schemas;    /* schema.h: of requests and replies */
struct site;       /* site.h: keys and secrets */
struct sockets;    /* sockets.h: opened before privileges went */
struct store;      /* store.h: documents */
struct tasks;      /* task.h */
struct uploads;    /* uploads.h: images that come in pieces */
struct tokens;     /* token.h: who may use REST */
struct workers;    /* worker.h: child processes */

struct server {
    const struct config *config;
    struct loop *loop;
    struct pool *pool;
    struct site *site;
    struct store *store;
    struct registry *registry;
    struct events *events;
    struct audit *audit;
    struct hosts *hosts;
    struct images *images;
    struct uploads *uploads;
    struct cares *cares;
    struct tokens *tokens;
    struct secrets *secrets;
    struct tasks *tasks;
    struct sessions *sessions;
    struct deployment *deployment;
    struct boot_table *boot_table;
    struct published *published;
    struct workers *workers;
    struct dhcp *dhcp;
    struct http *http;
    struct schemas *schemas;
    struct openapi *openapi;
    struct sockets *sockets;
    int64_t started_s; /* calendar */
};

#endif
