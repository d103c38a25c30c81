/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated world: see sim.h. */
#include "core/util/sim.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/util/buf.h"
#include "core/util/loop.h"

#define MAX_HOSTS 512
#define MAX_FILES 64
#define FILE_MAX_BYTES ((size_t)64 << 20)
/* An ordinary moment, so that calendars look right: 2026-01-01. */
#define WALL_START_S 1767225600

struct sim_host {
    struct sim *sim;
    struct seam seam;
    struct in_addr address;
    unsigned wire;
    uint16_t next_port;
};

struct datagram_socket {
    struct datagram_socket *next;
    struct sim_host *host;
    struct in_addr address; /* 0.0.0.0 = any of the host's */
    uint16_t port;
    bool closed;
    datagram_handler *handler;
    void *arg;
};

/* A datagram on its way. */
struct flight {
    struct flight *next;
    uint64_t at_ms;
    struct sim_host *from;
    struct endpoint source;
    struct endpoint target;
    unsigned wire; /* a broadcast reaches hosts on this one; 0 = all */
    size_t length;
    uint8_t data[];
};

struct sim_file {
    char *name; /* host's number, a slash, the path */
    struct buf content;
};

struct sim {
    uint64_t now_ms;
    uint64_t state; /* of the generator */
    struct sim_host *hosts[MAX_HOSTS];
    size_t host_count;
    struct datagram_socket *sockets;
    struct flight *flights; /* in order of arrival */
    struct sim_file files[MAX_FILES];
    size_t file_count;
    unsigned lost, repeated;
    uint64_t delay_min_ms, delay_max_ms;
    unsigned failing_files;
    datagram_handler *tap;
    void *tap_arg;
};

/* splitmix64: small, and one seed is one sequence. */
static uint64_t draw(struct sim *sim)
{
    uint64_t z = (sim->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t sim_random(struct sim *sim, uint64_t below)
{
    return below ? draw(sim) % below : 0;
}

static uint64_t sim_now_ms(void *context)
{
    return ((struct sim_host *)context)->sim->now_ms;
}

static int64_t sim_wall_s(void *context)
{
    struct sim_host *host = context;
    return WALL_START_S + (int64_t)(host->sim->now_ms / 1000);
}

static void sim_random_bytes(void *context, void *out, size_t length)
{
    struct sim_host *host = context;
    uint8_t *at = out;
    for (size_t i = 0; i < length; i++)
        at[i] = (uint8_t)draw(host->sim);
}

/* ---- network ------------------------------------------------------------ */

static int sim_datagram_open(void *context, struct loop *loop,
                             const struct datagram_spec *spec,
                             datagram_handler *handler, void *arg,
                             struct datagram_socket **ret_socket,
                             struct err *err)
{
    struct sim_host *host = context;
    (void)loop;
    for (struct datagram_socket *s = host->sim->sockets; s; s = s->next)
        if (!s->closed && s->host == host && spec->local.port &&
            s->port == spec->local.port &&
            s->address.s_addr == spec->local.address.s_addr)
            return err_set(err, ERR_IO, "UDP port %u is in use", s->port);
    struct datagram_socket *socket = calloc(1, sizeof(*socket));
    if (!socket)
        return err_set(err, ERR_NO_MEMORY, "no memory for a socket");
    socket->host = host;
    socket->address = spec->local.address;
    socket->port = spec->local.port ? spec->local.port : host->next_port++;
    socket->handler = handler;
    socket->arg = arg;
    socket->next = host->sim->sockets;
    host->sim->sockets = socket;
    *ret_socket = socket;
    return 0;
}

static void sim_datagram_close(void *context, struct datagram_socket *socket)
{
    (void)context;
    if (socket)
        socket->closed = true; /* freed with the world, or by the sweep */
}

static void sim_datagram_local(void *context, struct datagram_socket *socket,
                               struct endpoint *ret)
{
    (void)context;
    *ret = (struct endpoint){socket->address, socket->port, 1};
    if (ret->address.s_addr == 0)
        ret->address = socket->host->address;
}

static bool sim_link_address(void *context, unsigned interface_index,
                             uint8_t ret_mac[6])
{
    const struct sim_host *host = context;
    (void)interface_index;
    memcpy(ret_mac, "\x02\x00", 2);
    memcpy(ret_mac + 2, &host->address, sizeof(host->address));
    return true;
}

static void launch(struct sim *sim, struct datagram_socket *socket,
                   const struct datagram *datagram)
{
    struct flight *flight = malloc(sizeof(*flight) + datagram->length);
    if (!flight)
        return; /* a network loses datagrams */
    struct endpoint source = {socket->address, socket->port, 1};
    if (datagram->local.address.s_addr)
        source.address = datagram->local.address;
    if (!source.address.s_addr)
        source.address = socket->host->address;
    *flight = (struct flight){
        .at_ms = sim->now_ms + sim->delay_min_ms +
                 sim_random(sim, sim->delay_max_ms - sim->delay_min_ms + 1),
        .from = socket->host,
        .source = source,
        .target = datagram->peer,
        .wire = datagram->local.interface_index,
        .length = datagram->length,
    };
    memcpy(flight->data, datagram->data, datagram->length);
    struct flight **place = &sim->flights;
    while (*place && (*place)->at_ms <= flight->at_ms)
        place = &(*place)->next;
    flight->next = *place;
    *place = flight;
}

static int sim_datagram_send(void *context, struct datagram_socket *socket,
                             const struct datagram *datagram)
{
    struct sim *sim = ((struct sim_host *)context)->sim;
    if (sim->tap)
        sim->tap(sim->tap_arg, datagram);
    if (sim_random(sim, 1000) < sim->lost)
        return 0;
    launch(sim, socket, datagram);
    if (sim_random(sim, 1000) < sim->repeated)
        launch(sim, socket, datagram);
    return 0;
}

static int sim_datagram_send_many(void *context,
                                  struct datagram_socket *socket,
                                  const struct datagram *datagram,
                                  size_t segment_bytes)
{
    for (size_t at = 0; at < datagram->length; at += segment_bytes) {
        struct datagram piece = *datagram;
        piece.data += at;
        piece.length = MIN(segment_bytes, datagram->length - at);
        (void)sim_datagram_send(context, socket, &piece);
    }
    return 0;
}

static bool reaches(const struct datagram_socket *socket,
                    const struct flight *flight)
{
    if (socket->closed || socket->port != flight->target.port)
        return false;
    struct in_addr target = flight->target.address;
    if (target.s_addr == INADDR_BROADCAST)
        return socket->host != flight->from &&
               (flight->wire == 0 || socket->host->wire == flight->wire);
    return target.s_addr == socket->host->address.s_addr &&
           (socket->address.s_addr == 0 ||
            socket->address.s_addr == target.s_addr);
}

static void deliver(struct sim *sim, const struct flight *flight)
{
    /* A handler may open sockets: those stand before the head kept here. */
    for (struct datagram_socket *s = sim->sockets; s; s = s->next) {
        if (!reaches(s, flight))
            continue;
        struct datagram datagram = {
            .peer = flight->source,
            .local = flight->target,
            .data = flight->data,
            .length = flight->length,
        };
        datagram.local.interface_index = flight->from->wire;
        s->handler(s->arg, &datagram);
        if (flight->target.address.s_addr != INADDR_BROADCAST)
            break;
    }
}

static void sweep_sockets(struct sim *sim)
{
    struct datagram_socket **place = &sim->sockets;
    while (*place) {
        struct datagram_socket *socket = *place;
        if (!socket->closed) {
            place = &socket->next;
            continue;
        }
        *place = socket->next;
        free(socket);
    }
}

static bool sim_advance(void *context, uint64_t until_ms)
{
    struct sim *sim = ((struct sim_host *)context)->sim;
    sweep_sockets(sim);
    struct flight *flight = sim->flights;
    if (!flight || flight->at_ms > until_ms) {
        if (until_ms == UINT64_MAX)
            return false;
        sim->now_ms = MAX(sim->now_ms, until_ms);
        return true;
    }
    sim->flights = flight->next;
    sim->now_ms = MAX(sim->now_ms, flight->at_ms);
    deliver(sim, flight);
    free(flight);
    return true;
}

/* ---- files -------------------------------------------------------------- */

static int sim_log_open(void *context, const char *path, int *ret_handle,
                        struct err *err)
{
    struct sim_host *host = context;
    struct sim *sim = host->sim;
    AUTO_BUF name = BUF_INIT(4096);
    (void)buf_printf(&name, "%p/%s", (void *)host, path);
    for (size_t i = 0; i < sim->file_count; i++) {
        if (strcmp(sim->files[i].name, buf_text(&name)) == 0) {
            *ret_handle = (int)i;
            return 0;
        }
    }
    if (sim->file_count == MAX_FILES)
        return err_set(err, ERR_NO_SPACE, "too many files in this world");
    struct sim_file *file = &sim->files[sim->file_count];
    buf_init(&file->content, FILE_MAX_BYTES);
    file->name = buf_take_text(&name);
    *ret_handle = (int)sim->file_count++;
    return 0;
}

static bool file_fails(struct sim *sim)
{
    if (!sim->failing_files)
        return false;
    sim->failing_files--;
    return true;
}

static int sim_log_append(void *context, int handle, const void *data,
                          size_t length, struct err *err)
{
    struct sim *sim = ((struct sim_host *)context)->sim;
    if (file_fails(sim))
        return err_set(err, ERR_NO_SPACE, "the disk is full");
    if (buf_append(&sim->files[handle].content, data, length) != 0)
        return err_set(err, ERR_NO_SPACE, "the file is full");
    return 0;
}

static int sim_log_read(void *context, int handle, void *ret_buf,
                        struct err *err)
{
    struct sim *sim = ((struct sim_host *)context)->sim;
    struct buf *buf = ret_buf;
    const struct buf *content = &sim->files[handle].content;
    buf_clear(buf);
    if (buf_append(buf, buf_text(content), content->length) != 0)
        return err_set(err, ERR_TOO_BIG, "the log is too large to read");
    return 0;
}

static int sim_log_rewrite(void *context, int handle, const void *data,
                           size_t length, struct err *err)
{
    struct sim *sim = ((struct sim_host *)context)->sim;
    if (file_fails(sim))
        return err_set(err, ERR_NO_SPACE, "the disk is full");
    buf_clear(&sim->files[handle].content);
    if (buf_append(&sim->files[handle].content, data, length) != 0)
        return err_set(err, ERR_NO_SPACE, "the file is full");
    return 0;
}

static void sim_log_close(void *context, int handle)
{
    (void)context;
    (void)handle; /* content stays: the next open is a restart */
}

/* ---- the world ---------------------------------------------------------- */

struct sim *sim_new(uint64_t seed)
{
    struct sim *sim = calloc(1, sizeof(*sim));
    if (!sim)
        return NULL;
    sim->state = seed;
    sim->now_ms = 1000;
    sim->delay_min_ms = sim->delay_max_ms = 1;
    return sim;
}

void sim_free(struct sim *sim)
{
    if (!sim)
        return;
    for (struct datagram_socket *s = sim->sockets; s; s = s->next)
        s->closed = true;
    sweep_sockets(sim);
    while (sim->flights) {
        struct flight *flight = sim->flights;
        sim->flights = flight->next;
        free(flight);
    }
    for (size_t i = 0; i < sim->file_count; i++) {
        free(sim->files[i].name);
        buf_done(&sim->files[i].content);
    }
    for (size_t i = 0; i < sim->host_count; i++)
        free(sim->hosts[i]);
    free(sim);
}

const struct seam *sim_host(struct sim *sim, const char *address)
{
    struct sim_host *host = calloc(1, sizeof(*host));
    if (!host || sim->host_count == MAX_HOSTS)
        abort(); /* a test that needs more raises the limit */
    sim->hosts[sim->host_count++] = host;
    host->sim = sim;
    host->next_port = 49152;
    host->wire = 1;
    host->seam = (struct seam){
        .context = host,
        .now_ms = sim_now_ms,
        .wall_s = sim_wall_s,
        .random = sim_random_bytes,
        .datagram_open = sim_datagram_open,
        .datagram_send = sim_datagram_send,
        .datagram_send_many = sim_datagram_send_many,
        .datagram_close = sim_datagram_close,
        .datagram_local = sim_datagram_local,
        .link_address = sim_link_address,
        .log_open = sim_log_open,
        .log_append = sim_log_append,
        .log_read = sim_log_read,
        .log_rewrite = sim_log_rewrite,
        .log_close = sim_log_close,
        .advance = sim_advance,
    };
    sim_set_address(&host->seam, address);
    return &host->seam;
}

void sim_set_address(const struct seam *seam, const char *address)
{
    struct sim_host *host = seam->context;
    if (inet_pton(AF_INET, address, &host->address) != 1)
        abort(); /* a slip in the test */
}

void sim_set_wire(const struct seam *seam, unsigned index)
{
    ((struct sim_host *)seam->context)->wire = index;
}

void sim_network(struct sim *sim, unsigned lost, unsigned repeated,
                 uint64_t delay_min_ms, uint64_t delay_max_ms)
{
    sim->lost = lost;
    sim->repeated = repeated;
    sim->delay_min_ms = delay_min_ms;
    sim->delay_max_ms = MAX(delay_min_ms, delay_max_ms);
}

void sim_fail_files(struct sim *sim, unsigned count)
{
    sim->failing_files = count;
}

void sim_tap(struct sim *sim, datagram_handler *handler, void *arg)
{
    sim->tap = handler;
    sim->tap_arg = arg;
}
