/* SPDX-License-Identifier: Apache-2.0 */
/* The mtftp plugin on the real host services, in a simulated network, with
 * clients of several habits. */
#ifndef TESTS_UNIT_TFTP_WORLD_H
#define TESTS_UNIT_TFTP_WORLD_H

#include <stdbool.h>

#include "core/boot/boot-table.h"
#include "core/server/workers/serve-host.h"
#include "core/util/buf.h"
#include "core/util/sim.h"

#define TFTP_SERVER "10.0.0.1"
/* Where the simulated host's first socket is; the real one is 69. */
#define TFTP_PORT 49152

struct tftp_world {
    struct sim *sim;
    struct loop *loop;
    struct boot_table *table;
    int roots[BOOT_ROOTS];
    struct serve_host *host;
    void *plugin; /* instance; NULL when stopped */
    bool drained;
    unsigned started, done, failed;
    unsigned data_packets; /* seen on the network, from the server */
    unsigned server_packets;
};

enum tftp_habit {
    HABIT_TWICE = 1,   /* acknowledges everything twice (OpenBoot) */
    HABIT_NO_LAST = 2, /* jumps into the file without the last ACK */
    HABIT_SILENT = 4,  /* asks and never acknowledges */
};

struct tftp_client {
    struct tftp_world *world;
    const struct seam *seam;
    struct datagram_socket *socket;
    struct loop_timer *timer;
    unsigned habits;
    uint8_t last[1024]; /* sent last, for its own time-outs */
    size_t last_length;
    struct endpoint server; /* port 0 = no answer yet */
    struct buf content;
    uint32_t block_bytes;
    uint32_t window;
    uint64_t next;      /* block expected, from 1, not wrapped */
    uint32_t in_window; /* blocks since the last ACK */
    bool oack;
    char oack_text[256]; /* NULs shown as '=' and ' ' in turn */
    bool complete;
    int error; /* -1 = none */
    unsigned replies;
};

void tftp_world_start(struct tftp_world *w, uint64_t seed);
void tftp_world_end(struct tftp_world *w);
/* Publishes `length` bytes made from `name`. */
void tftp_publish(struct tftp_world *w, const char *name, size_t length);
bool tftp_content_ok(const struct tftp_client *c, const char *name,
                     size_t length);

void tftp_client_open(struct tftp_client *c, struct tftp_world *w,
                      const char *address, uint16_t port);
void tftp_client_done(struct tftp_client *c);
/* Sends bytes to the server's request port. */
void tftp_send_raw(struct tftp_client *c, const char *address, const void *data,
                   size_t length);
/* Sends bytes to the transfer's port. */
void tftp_send_transfer(struct tftp_client *c, const void *data, size_t length);
/* Asks for a file; `options` is "blksize=1468 windowsize=4" or "". */
void tftp_ask(struct tftp_client *c, const char *name, const char *options);
/* The same, and runs the world for up to `span_ms`; true when complete. */
bool tftp_get(struct tftp_client *c, const char *name, const char *options,
              uint64_t span_ms);

#endif
