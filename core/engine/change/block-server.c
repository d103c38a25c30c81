/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/change/block-server.h"

#include <linux/nbd.h>
#include <string.h>
#include <sys/socket.h>

#include "core/util/bytes.h"
#include "core/util/file.h"

/* On the wire, big-endian: magic, type, handle (8, opaque), from (u64), length.
 * The kernel's struct nbd_request says the same. */
#define REQUEST_BYTES 28
#define REPLY_BYTES 16
#define TYPE_MASK 0xffffu /* flags are above */

struct request {
    uint32_t type;
    uint8_t handle[8];
    uint64_t from;
    uint32_t length;
};

/* Exactly `length` bytes; 1 when the stream ends before the first. */
static int receive(int socket, uint8_t *data, size_t length, struct err *err)
{
    for (size_t have = 0; have < length;) {
        ssize_t got = recv(socket, data + have, length - have, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0 && have == 0)
            return 1;
        if (got <= 0)
            return err_set_errno(err, ERR_IO, got ? errno : ECONNRESET,
                                 "the kernel's request does not arrive");
        have += (size_t)got;
    }
    return 0;
}

static int transmit(int socket, const uint8_t *data, size_t length,
                    struct err *err)
{
    while (length > 0) {
        ssize_t sent = send(socket, data, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return err_set_errno(err, ERR_IO, errno,
                                 "the kernel does not take its answer");
        data += sent;
        length -= (size_t)sent;
    }
    return 0;
}

/* `room` begins with the space of the reply's head. */
static int reply(int socket, const struct request *request, int number,
                 uint8_t *room, size_t data_length, struct err *err)
{
    put_be32(room, NBD_REPLY_MAGIC);
    put_be32(room + 4, (uint32_t)number);
    memcpy(room + 8, request->handle, sizeof(request->handle));
    return transmit(socket, room, REPLY_BYTES + (number ? 0 : data_length),
                    err);
}

static bool inside(const struct block_server *server,
                   const struct request *request)
{
    return request->length <= BLOCK_SERVER_MAX_BYTES &&
           request->from <= server->length &&
           request->length <= server->length - request->from;
}

/* The errno value for the kernel. */
static int do_read(const struct block_server *server,
                   const struct request *request, uint8_t *data)
{
    return file_pread_all(server->disk_fd, data, request->length,
                          server->offset + request->from, NULL)
               ? EIO
               : 0;
}

static int do_write(const struct block_server *server,
                    const struct request *request, const uint8_t *data)
{
    uint64_t offset = server->offset + request->from;
    /* Before the write: a failed one may have changed something too. */
    change_ranges_add(server->changed, offset, request->length);
    return file_pwrite_all(server->disk_fd, data, request->length, offset, NULL)
               ? EIO
               : 0;
}

/* One request whose head has been read.  `room` holds a reply's head and the
 * longest data. */
static int serve(const struct block_server *server, int socket,
                 const struct request *request, uint8_t *room, struct err *err)
{
    uint8_t *data = room + REPLY_BYTES;
    bool fits = inside(server, request);
    size_t sends = 0;
    int number = EINVAL;
    switch (request->type & TYPE_MASK) {
    case NBD_CMD_READ:
        if (fits)
            number = do_read(server, request, data);
        sends = request->length;
        break;
    case NBD_CMD_WRITE:
        /* What does not fit cannot be skipped either: the stream is lost. */
        if (request->length > BLOCK_SERVER_MAX_BYTES ||
            receive(socket, data, request->length, err))
            return err_set(err, ERR_IO, "a write of the kernel is damaged");
        if (fits)
            number = do_write(server, request, data);
        break;
    case NBD_CMD_FLUSH:
        number = fdatasync(server->disk_fd) ? EIO : 0;
        break;
    default:
        break;
    }
    return reply(socket, request, number, room, sends, err);
}

int block_server_run(const struct block_server *server, int socket,
                     struct err *err)
{
    uint8_t head[REQUEST_BYTES];
    AUTO_FREE uint8_t *room = malloc(REPLY_BYTES + BLOCK_SERVER_MAX_BYTES);
    if (!room)
        return err_set(err, ERR_NO_MEMORY, "no memory to serve a disk");
    for (;;) {
        int code = receive(socket, head, sizeof(head), err);
        if (code == 1)
            return err_set(err, ERR_IO, "the kernel left without a word");
        if (code)
            return code;
        struct request request = {
            .type = get_be32(head + 4),
            .from = get_be64(head + 16),
            .length = get_be32(head + 24),
        };
        memcpy(request.handle, head + 8, sizeof(request.handle));
        if (get_be32(head) != NBD_REQUEST_MAGIC)
            return err_set(err, ERR_IO, "the kernel's request is damaged");
        if ((request.type & TYPE_MASK) == NBD_CMD_DISC)
            return 0;
        code = serve(server, socket, &request, room, err);
        if (code)
            return code;
    }
}
