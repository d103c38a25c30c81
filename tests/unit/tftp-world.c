/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tftp-world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/util/bytes.h"
#include "core/util/file.h"
#include "core/util/num.h"

extern const struct slipway_transport_plugin slipway_plugin_descriptor;

enum { RRQ = 1, DATA = 3, ACK = 4, ERROR = 5, OACK = 6 };
enum { CLIENT_MAX_BYTES = 16 << 20, CLIENT_TIMEOUT_MS = 4000 };

static void on_event(void *arg, json_t *event)
{
    struct tftp_world *w = arg;
    const char *id = json_string_value(json_object_get(event, "event"));
    w->started += strcmp(id, "transfer-started") == 0;
    w->done += strcmp(id, "transfer-done") == 0;
    w->failed += strcmp(id, "transfer-failed") == 0;
    json_decref(event);
}

static void on_drained(void *arg)
{
    struct tftp_world *w = arg;
    w->drained = true;
}

static void on_tap(void *arg, const struct datagram *datagram)
{
    struct tftp_world *w = arg;
    if (datagram->peer.port == TFTP_PORT || datagram->length < 2)
        return;
    /* Clients only send to the server's ports, which begin with the request
     * port, and have ports below them. */
    if (datagram->peer.port > TFTP_PORT)
        return;
    w->server_packets++;
    w->data_packets += datagram->data[1] == DATA;
}

void tftp_world_start(struct tftp_world *w, uint64_t seed)
{
    struct err err = ERR_INIT;
    const char *dir = getenv("TEST_DIR");
    memset(w, 0, sizeof(*w));
    w->sim = sim_new(seed);
    w->loop = loop_new(sim_host(w->sim, TFTP_SERVER), &err);
    w->table = boot_table_new();
    w->roots[BOOT_ROOT_STATE] =
        open(dir ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    w->roots[BOOT_ROOT_DATA] = -1;
    const struct serve_host_spec spec = {
        .loop = w->loop,
        .boot_table = w->table,
        .boot_roots = w->roots,
        .objects_fd = -1,
        .plugin = "mtftp",
        .event = on_event,
        .drained = on_drained,
        .arg = w,
    };
    w->host = serve_host_new(&spec, &err);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (!w->host || serve_host_add_socket(w->host, "tftp", fd, &err) ||
        slipway_plugin_descriptor.serve_start(serve_host_services(w->host),
                                              &w->plugin))
        abort();
    sim_tap(w->sim, on_tap, w);
}

void tftp_world_end(struct tftp_world *w)
{
    if (w->plugin)
        slipway_plugin_descriptor.serve_stop(w->plugin);
    serve_host_free(w->host);
    boot_table_free(w->table);
    (void)close(w->roots[BOOT_ROOT_STATE]);
    loop_free(w->loop);
    sim_free(w->sim);
}

static uint8_t byte_at(const char *name, size_t offset)
{
    return (uint8_t)(offset * 131 + (offset >> 8) * 17 + (uint8_t)name[0]);
}

void tftp_publish(struct tftp_world *w, const char *name, size_t length)
{
    struct err err = ERR_INIT;
    struct boot_file file = {.root = BOOT_ROOT_STATE, .length = length};
    uint8_t *data = malloc(length + 1);
    for (size_t i = 0; data && i < length; i++)
        data[i] = byte_at(name, i);
    (void)snprintf(file.name, sizeof(file.name), "%s", name);
    (void)snprintf(file.path, sizeof(file.path), "%s", name);
    if (!data ||
        file_write(w->roots[BOOT_ROOT_STATE], name, data, length, 0644, &err) ||
        boot_table_put(w->table, &file, &err))
        abort();
    free(data);
}

bool tftp_content_ok(const struct tftp_client *c, const char *name,
                     size_t length)
{
    if (c->content.length != length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (c->content.data[i] != byte_at(name, i))
            return false;
    return true;
}

/* ---- client ------------------------------------------------------------- */

static void client_send(struct tftp_client *c, const struct endpoint *to,
                        const void *data, size_t length)
{
    const struct datagram out = {.peer = *to, .data = data, .length = length};
    (void)c->seam->datagram_send(c->seam->context, c->socket, &out);
}

static void on_timeout(void *arg);

static void arm(struct tftp_client *c)
{
    loop_timer_cancel(c->timer);
    c->timer = loop_timer(c->world->loop, CLIENT_TIMEOUT_MS, on_timeout, c);
}

static struct endpoint request_port(const char *address)
{
    struct endpoint e = {.port = TFTP_PORT};
    if (inet_pton(AF_INET, address, &e.address) != 1)
        abort();
    return e;
}

static void on_timeout(void *arg)
{
    struct tftp_client *c = arg;
    struct endpoint to = c->server.port ? c->server : request_port(TFTP_SERVER);
    c->timer = NULL;
    if (c->complete || c->error >= 0 || (c->habits & HABIT_SILENT))
        return;
    client_send(c, &to, c->last, c->last_length);
    arm(c);
}

static void send_ack(struct tftp_client *c)
{
    if (c->habits & HABIT_SILENT)
        return;
    c->last[0] = 0;
    c->last[1] = ACK;
    put_be16(c->last + 2, (uint16_t)(c->next - 1));
    c->last_length = 4;
    c->in_window = 0;
    client_send(c, &c->server, c->last, 4);
    if (c->habits & HABIT_TWICE)
        client_send(c, &c->server, c->last, 4);
    if (!c->complete)
        arm(c);
}

static void on_data(struct tftp_client *c, const uint8_t *data, size_t length)
{
    if (length < 4)
        return;
    if (get_be16(data + 2) != (uint16_t)c->next) {
        send_ack(c); /* as EDK2 does: says what it has */
        return;
    }
    (void)buf_append(&c->content, data + 4, length - 4);
    c->next++;
    c->in_window++;
    bool last = length - 4 < c->block_bytes;
    c->complete |= last;
    if (last && (c->habits & HABIT_NO_LAST))
        return;
    if (last || c->in_window == c->window)
        send_ack(c);
    else
        arm(c);
}

static void on_oack(struct tftp_client *c, const uint8_t *data, size_t length)
{
    bool value = false;
    const char *key = (const char *)data + 2;
    for (size_t i = 2, n = 0; i < length && n + 1 < sizeof(c->oack_text); i++) {
        c->oack_text[n++] = data[i] ? (char)data[i] : value ? ' ' : '=';
        if (data[i])
            continue;
        uint64_t number;
        const char *next = (const char *)data + i + 1;
        if (!value && i + 1 < length &&
            num_parse_u64(next, 0, UINT64_MAX, &number, NULL) == 0) {
            if (strcasecmp(key, "blksize") == 0)
                c->block_bytes = (uint32_t)number;
            if (strcasecmp(key, "windowsize") == 0)
                c->window = (uint32_t)number;
        }
        key = next;
        value = !value;
    }
    c->oack = true;
    send_ack(c);
}

static void on_reply(void *arg, const struct datagram *datagram)
{
    struct tftp_client *c = arg;
    const uint8_t *data = datagram->data;
    if (datagram->length < 4)
        return;
    if (c->server.port == 0)
        c->server = datagram->peer;
    if (datagram->peer.port != c->server.port) {
        /* A second answer to a repeated request: RFC 1350 section 4. */
        static const uint8_t error[] = {0, ERROR, 0, 5, 0};
        if (data[1] != ERROR)
            client_send(c, &datagram->peer, error, sizeof(error));
        return;
    }
    c->replies++;
    if (data[1] == ERROR) {
        c->error = data[3];
    } else if (data[1] == DATA && !c->complete) {
        on_data(c, data, datagram->length);
    } else if (data[1] == DATA) {
        send_ack(c); /* its last ACK was lost */
    } else if (data[1] == OACK && c->next == 1) {
        on_oack(c, data, datagram->length);
    }
}

void tftp_client_open(struct tftp_client *c, struct tftp_world *w,
                      const char *address, uint16_t port)
{
    const struct datagram_spec spec = {
        .local = {.port = port}, .broadcast = true, .fd = -1};
    memset(c, 0, sizeof(*c));
    c->world = w;
    c->error = -1;
    buf_init(&c->content, CLIENT_MAX_BYTES);
    c->seam = sim_host(w->sim, address);
    if (c->seam->datagram_open(c->seam->context, w->loop, &spec, on_reply, c,
                               &c->socket, NULL))
        abort();
}

void tftp_client_done(struct tftp_client *c)
{
    loop_timer_cancel(c->timer);
    c->seam->datagram_close(c->seam->context, c->socket);
    buf_done(&c->content);
}

void tftp_send_raw(struct tftp_client *c, const char *address, const void *data,
                   size_t length)
{
    struct endpoint to = request_port(address);
    client_send(c, &to, data, length);
}

void tftp_send_transfer(struct tftp_client *c, const void *data, size_t length)
{
    client_send(c, &c->server, data, length);
}

void tftp_ask(struct tftp_client *c, const char *name, const char *options)
{
    int n = snprintf((char *)c->last + 2, sizeof(c->last) - 2, "%s%coctet%c%s",
                     name, 0, 0, options);
    c->last[0] = 0;
    c->last[1] = RRQ;
    size_t length = 2 + (size_t)n;
    for (size_t i = length - strlen(options); i < length; i++)
        if (c->last[i] == '=' || c->last[i] == ' ')
            c->last[i] = 0;
    c->last_length = length + (options[0] != '\0');
    c->server.port = 0;
    c->block_bytes = 512;
    c->window = 1;
    c->next = 1;
    c->in_window = 0;
    c->oack = c->complete = false;
    c->oack_text[0] = '\0';
    c->error = -1;
    buf_clear(&c->content);
    tftp_send_raw(c, TFTP_SERVER, c->last, c->last_length);
    arm(c);
}

bool tftp_get(struct tftp_client *c, const char *name, const char *options,
              uint64_t span_ms)
{
    tftp_ask(c, name, options);
    for (uint64_t t = 0; t < span_ms && !c->complete && c->error < 0; t += 50)
        loop_run_for(c->world->loop, 50);
    loop_run_for(c->world->loop, 50); /* the last ACK arrives */
    return c->complete;
}
