/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's side of NBD, played by this test: what it may read and write,
 * and that every write is told. */
#include "core/engine/change/block-server.h"

#include <linux/nbd.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/util/bytes.h"
#include "core/util/file.h"
#include "core/util/json.h"

#define DISK_BYTES 65536
#define PART_OFFSET 16384
#define PART_BYTES 32768

struct world {
    struct block_server server;
    struct change_ranges changed;
    int kernel, socket;
    pthread_t thread;
    int code;
    struct err err;
};

static void *serve(void *arg)
{
    struct world *w = arg;
    w->code = block_server_run(&w->server, w->socket, &w->err);
    return NULL;
}

static void begin(struct world *w)
{
    int pair[2];
    memset(w, 0, sizeof(*w));
    int fd = memfd_create("disk", MFD_CLOEXEC);
    assert_true(fd >= 0);
    for (unsigned i = 0; i < DISK_BYTES / 4; i++)
        assert_int_equal(file_pwrite_all(fd, &i, 4, i * UINT64_C(4), NULL), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    w->kernel = pair[0];
    w->socket = pair[1];
    w->server = (struct block_server){fd, PART_OFFSET, PART_BYTES, &w->changed};
    assert_int_equal(pthread_create(&w->thread, NULL, serve, w), 0);
}

/* The code that the server ended with. */
static int end(struct world *w)
{
    assert_int_equal(pthread_join(w->thread, NULL), 0);
    (void)close(w->kernel);
    (void)close(w->socket);
    (void)close(w->server.disk_fd);
    return w->code;
}

static void ask(struct world *w, uint32_t type, uint64_t from, uint32_t length)
{
    uint8_t head[28];
    put_be32(head, NBD_REQUEST_MAGIC);
    put_be32(head + 4, type);
    memcpy(head + 8, "handle-1", 8);
    put_be64(head + 16, from);
    put_be32(head + 24, length);
    assert_int_equal(send(w->kernel, head, sizeof(head), MSG_NOSIGNAL), 28);
}

/* The reply's error number. */
static uint32_t hear(struct world *w, void *data, size_t length)
{
    uint8_t head[16];
    assert_int_equal(recv(w->kernel, head, 16, MSG_WAITALL), 16);
    assert_int_equal(get_be32(head), NBD_REPLY_MAGIC);
    assert_memory_equal(head + 8, "handle-1", 8);
    uint32_t number = get_be32(head + 4);
    if (number == 0 && length)
        assert_int_equal(recv(w->kernel, data, length, MSG_WAITALL), length);
    return number;
}

static void reads_and_writes_stay_in_the_part(void **state)
{
    struct world w;
    uint32_t word = 0;
    uint8_t data[512];
    (void)state;
    begin(&w);
    ask(&w, NBD_CMD_READ, 4096, 4);
    assert_int_equal(hear(&w, &word, 4), 0);
    assert_int_equal(word, (PART_OFFSET + 4096) / 4);
    memset(data, 0xa5, sizeof(data));
    ask(&w, NBD_CMD_WRITE, PART_BYTES - 512, 512);
    assert_int_equal(send(w.kernel, data, 512, MSG_NOSIGNAL), 512);
    assert_int_equal(hear(&w, NULL, 0), 0);
    ask(&w, NBD_CMD_FLUSH, 0, 0);
    assert_int_equal(hear(&w, NULL, 0), 0);
    /* Behind the end, and around it. */
    ask(&w, NBD_CMD_READ, PART_BYTES - 256, 512);
    assert_int_equal(hear(&w, NULL, 0), EINVAL);
    ask(&w, NBD_CMD_WRITE, UINT64_MAX - 100, 512);
    assert_int_equal(send(w.kernel, data, 512, MSG_NOSIGNAL), 512);
    assert_int_equal(hear(&w, NULL, 0), EINVAL);
    ask(&w, 99, 0, 0);
    assert_int_equal(hear(&w, NULL, 0), EINVAL);
    ask(&w, NBD_CMD_DISC, 0, 0);
    assert_int_equal(end(&w), 0);
    AUTO_JSON *list = change_ranges_json(&w.changed);
    AUTO_FREE char *text = json_text(list);
    assert_string_equal(text, "[[48640,512]]");
    change_ranges_done(&w.changed);
}

static void damaged_requests_end_it(void **state)
{
    struct world w;
    uint8_t junk[28] = {1, 2, 3};
    (void)state;
    begin(&w);
    assert_int_equal(send(w.kernel, junk, sizeof(junk), MSG_NOSIGNAL), 28);
    assert_int_equal(end(&w), ERR_IO);
    begin(&w);
    ask(&w, NBD_CMD_WRITE, 0, BLOCK_SERVER_MAX_BYTES + 1);
    assert_int_equal(end(&w), ERR_IO);
    assert_int_equal(w.changed.count, 0);
    begin(&w);
    ask(&w, NBD_CMD_WRITE, 0, 512);
    assert_int_equal(shutdown(w.kernel, SHUT_WR), 0);
    assert_int_equal(end(&w), ERR_IO);
    begin(&w);
    assert_int_equal(shutdown(w.kernel, SHUT_WR), 0);
    assert_int_equal(end(&w), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_stay_in_the_part),
        cmocka_unit_test(damaged_requests_end_it),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
