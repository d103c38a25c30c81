/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real workers: this program is its own /proc/self/exe.  The client is this
 * process with blocking sockets; the parent's loop runs when it is needed.
 */
#include "core/server/workers/worker.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/plugin/load.h"
#include "core/server/workers/worker-main.h"
#include "core/util/buf.h"
#include "core/util/file.h"
#include "core/util/log.h"

#define BIG_BYTES (8u << 20)
#define PATIENCE_MS 20000

struct world {
    struct loop *loop;
    struct workers *workers;
    struct boot_table *table;
    unsigned port;
    int dir; /* $TEST_DIR */
    uint8_t *big;
    char big_name[DIGEST_HEX_BYTES];
    char small_name[DIGEST_HEX_BYTES];
    unsigned died; /* events */
    unsigned disabled;
    struct worker_status door;
    struct worker_status unicast;
};

static void on_event(void *arg, const char *id, const json_t *event)
{
    struct world *w = arg;

    assert_true(json_is_string(json_object_get(event, "worker")));
    w->died += strcmp(id, "worker-died") == 0;
}

static void on_status(void *arg, const struct worker_status *status)
{
    struct world *w = arg;

    if (strcmp(status->name, "http") == 0)
        w->door = *status;
    else
        w->unicast = *status;
}

static void look(struct world *w)
{
    memset(&w->door, 0, sizeof(w->door));
    memset(&w->unicast, 0, sizeof(w->unicast));
    workers_list(w->workers, on_status, w);
}

static void run_until(struct world *w, bool (*condition)(const struct world *))
{
    uint64_t end = loop_now_ms(w->loop) + PATIENCE_MS;

    for (look(w); !condition(w); look(w)) {
        assert_true(loop_now_ms(w->loop) < end);
        loop_run_for(w->loop, 5);
    }
}

static bool both_ready(const struct world *w)
{
    return w->door.ready && w->unicast.ready;
}

static bool one_died(const struct world *w)
{
    return w->died >= 1;
}

static bool is_disabled(const struct world *w)
{
    return w->disabled > 0;
}

static void on_disabled(void *arg)
{
    struct world *w = arg;

    w->disabled++;
}

/* ---- the site ----------------------------------------------------------- */

static void put_object(struct world *w, const void *data, size_t length,
                       char hex[DIGEST_HEX_BYTES])
{
    AUTO_CLOSE int objects = file_open_dir(w->dir, "objects", 0700, NULL);
    struct digest digest;
    char folder[3];

    digest_of(data, length, &digest);
    (void)digest_hex(&digest, hex);
    memcpy(folder, hex, 2);
    folder[2] = '\0';
    {
        AUTO_CLOSE int fan = file_open_dir(objects, folder, 0700, NULL);

        assert_int_equal(file_write(fan, hex, data, length, 0600, NULL), 0);
    }
}

static void put_boot_file(struct world *w, const char *name, const char *text)
{
    AUTO_CLOSE int boot = file_open_dir(w->dir, "boot", 0700, NULL);
    struct boot_file file = {.root = BOOT_ROOT_STATE, .length = strlen(text)};

    (void)snprintf(file.name, sizeof(file.name), "%s", name);
    (void)snprintf(file.path, sizeof(file.path), "%s", name);
    digest_of(text, strlen(text), &file.digest);
    assert_int_equal(file_write(boot, name, text, strlen(text), 0600, NULL), 0);
    assert_int_equal(boot_table_put(w->table, &file, NULL), 0);
}

static int listening(unsigned *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void enable(struct world *w)
{
    struct plugin_place place = {
        .kind = SLIPWAY_KIND_TRANSPORT, .name = "unicast", .owner = getuid()};
    AUTO_FREE char *dir = NULL;
    AUTO_CLOSE int memfd = -1;
    struct digest digest;
    struct err err = ERR_INIT;

    assert_true(asprintf(&dir, "%s/plugins-built", getenv("top_builddir")) > 0);
    place.dir = dir;
    if (plugin_file_open(&place, &memfd, &digest, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(worker_transport_enable(w->workers, "unicast", memfd,
                                             &digest, NULL, NULL),
                     0);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct workers_spec spec = {.event = on_event, .arg = w};

    assert_non_null(w);
    w->dir = open(getenv("TEST_DIR"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(w->dir >= 0);
    w->big = malloc(BIG_BYTES);
    assert_non_null(w->big);
    random_bytes(w->big, BIG_BYTES);
    put_object(w, w->big, BIG_BYTES, w->big_name);
    put_object(w, "small object", 12, w->small_name);
    w->table = boot_table_new();
    put_boot_file(w, "local-x64.efi", "MZ boot");
    w->loop = loop_new(&seam_real, NULL);
    spec.loop = w->loop;
    spec.http_fd = listening(&w->port);
    spec.objects_fd = file_open_dir(w->dir, "objects", 0700, NULL);
    spec.boot_roots[BOOT_ROOT_STATE] =
        file_open_dir(w->dir, "boot", 0700, NULL);
    spec.boot_roots[BOOT_ROOT_DATA] = -1;
    spec.boot_table = w->table;
    w->workers = workers_new(&spec, NULL);
    assert_non_null(w->workers);
    enable(w);
    run_until(w, both_ready);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    workers_free(w->workers);
    loop_free(w->loop);
    boot_table_free(w->table);
    free(w->big);
    (void)close(w->dir);
    free(w);
    return 0;
}

/* ---- the client --------------------------------------------------------- */

static int dial(const struct world *w)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)w->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)),
        0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)),
                     0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Until the server closes. */
static void hear(int fd, struct buf *ret)
{
    uint8_t data[65536];

    for (;;) {
        ssize_t got = recv(fd, data, sizeof(data), 0);

        if (got == 0 || (got < 0 && errno == ECONNRESET))
            return;
        if (got < 0)
            fail_msg("the server neither answers nor closes");
        assert_int_equal(buf_append(ret, data, (size_t)got), 0);
    }
}

/* One request on a connection of its own; the whole answer. */
static const char *ask(const struct world *w, struct buf *answer,
                       const char *text)
{
    AUTO_CLOSE int fd = dial(w);

    buf_clear(answer);
    say(fd, text);
    hear(fd, answer);
    return buf_text(answer);
}

static const char *get(const struct world *w, struct buf *answer,
                       const char *method, const char *path,
                       const char *headers)
{
    AUTO_FREE char *text = NULL;

    assert_true(asprintf(&text,
                         "%s %s HTTP/1.1\r\nHost: x\r\n%sConnection: close"
                         "\r\n\r\n",
                         method, path, headers) > 0);
    return ask(w, answer, text);
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Asks until nothing is starting any more. */
static const char *get_settled(struct world *w, struct buf *answer,
                               const char *path)
{
    uint64_t end = loop_now_ms(w->loop) + PATIENCE_MS;

    while (begins(get(w, answer, "GET", path, ""), "HTTP/1.1 503")) {
        assert_true(loop_now_ms(w->loop) < end);
        loop_run_for(w->loop, 5);
    }
    return buf_text(answer);
}

/* ---- tests -------------------------------------------------------------- */

static void test_boot_files(void **state)
{
    struct world *w = *state;
    AUTO_BUF answer = BUF_INIT(1 << 20);
    const char *text = get(w, &answer, "GET", "/boot/local-x64.efi", "");
    char tag[200];

    assert_true(begins(text, "HTTP/1.1 200"));
    assert_non_null(strstr(text, "Content-Type: application/efi\r\n"));
    assert_non_null(strstr(text, "\r\n\r\nMZ boot"));
    (void)snprintf(tag, sizeof(tag), "If-None-Match: %.66s\r\n",
                   strstr(text, "ETag: ") + 6);
    text = get(w, &answer, "GET", "/boot/local-x64.efi", tag);
    assert_true(begins(text, "HTTP/1.1 304"));

    text = get(w, &answer, "HEAD", "/boot/local-x64.efi", "");
    assert_true(begins(text, "HTTP/1.1 200"));
    assert_non_null(strstr(text, "Content-Length: 7\r\n"));
    assert_null(strstr(text, "MZ boot"));

    assert_true(
        begins(get(w, &answer, "GET", "/boot/other.efi", ""), "HTTP/1.1 404"));
    assert_true(begins(get(w, &answer, "GET", "/boot/../objects/", ""),
                       "HTTP/1.1 404"));
    assert_true(begins(get(w, &answer, "PUT", "/boot/local-x64.efi", ""),
                       "HTTP/1.1 405"));
}

static void test_table_change_reaches_workers(void **state)
{
    struct world *w = *state;
    AUTO_BUF answer = BUF_INIT(1 << 20);
    uint64_t end = loop_now_ms(w->loop) + PATIENCE_MS;

    put_boot_file(w, "engine.efi", "new engine");
    while (
        begins(get(w, &answer, "GET", "/boot/engine.efi", ""), "HTTP/1.1 404"))
        assert_true(loop_now_ms(w->loop) < end);
    assert_non_null(strstr(buf_text(&answer), "\r\n\r\nnew engine"));
}

static void object_path(char path[100], const char *name)
{
    (void)snprintf(path, 100, "/objects/%s", name);
}

static void test_objects(void **state)
{
    struct world *w = *state;
    AUTO_BUF answer = BUF_INIT(BIG_BYTES + 4096);
    const char *text;
    char path[100];

    object_path(path, w->small_name);
    text = get(w, &answer, "GET", path, "");
    assert_true(begins(text, "HTTP/1.1 200"));
    assert_non_null(strstr(text, "immutable"));
    assert_non_null(strstr(text, "\r\n\r\nsmall object"));
    text = get(w, &answer, "GET", path, "Range: bytes=6-\r\n");
    assert_true(begins(text, "HTTP/1.1 206"));
    assert_non_null(strstr(text, "Content-Range: bytes 6-11/12\r\n"));
    assert_non_null(strstr(text, "\r\n\r\nobject"));
    text = get(w, &answer, "GET", path, "Range: bytes=12-\r\n");
    assert_true(begins(text, "HTTP/1.1 416"));
    assert_non_null(strstr(text, "Content-Range: bytes */12\r\n"));

    object_path(path, w->big_name);
    text = get(w, &answer, "GET", path, "");
    assert_true(answer.length > BIG_BYTES);
    assert_memory_equal(answer.data + answer.length - BIG_BYTES, w->big,
                        BIG_BYTES);

    path[20] ^= 1; /* another digit, or no digit at all */
    assert_true(begins(get(w, &answer, "GET", path, ""), "HTTP/1.1 404"));
    assert_true(
        begins(get(w, &answer, "GET", "/objects/x", ""), "HTTP/1.1 404"));
    assert_true(
        begins(get(w, &answer, "POST", "/objects/x", ""), "HTTP/1.1 405"));
}

/* A connection belongs to who serves its first path. */
static void test_other_path_on_one_connection(void **state)
{
    struct world *w = *state;
    AUTO_CLOSE int fd = dial(w);
    AUTO_BUF answer = BUF_INIT(1 << 20);

    say(fd, "GET /objects/x HTTP/1.1\r\nHost: x\r\n\r\n"
            "GET /boot/local-x64.efi HTTP/1.1\r\nHost: x\r\n"
            "Connection: close\r\n\r\n");
    hear(fd, &answer);
    assert_non_null(strstr(buf_text(&answer), "HTTP/1.1 421"));
}

static void test_bad_requests(void **state)
{
    struct world *w = *state;
    AUTO_BUF answer = BUF_INIT(1 << 20);
    static char text[64 * 1024];
    char path[100];

    assert_true(begins(ask(w, &answer, "nonsense\r\n\r\n"), "HTTP/1.1 400"));
    assert_true(
        begins(ask(w, &answer, "GET /boot/x HTTP/9.9\r\n\r\n"), "HTTP/1.1 "));
    memset(text, 'a', sizeof(text) - 1);
    memcpy(text, "GET /", 5);
    assert_true(begins(ask(w, &answer, text), "HTTP/1.1 414") ||
                answer.length == 0); /* cut by a reset */
    /* A header that never ends, in front of both kinds of worker. */
    object_path(path, w->small_name);
    (void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nX: ", path);
    memset(text + strlen(text), 'b', 40000);
    assert_true(begins(ask(w, &answer, text), "HTTP/1.1 431") ||
                answer.length == 0);
    memset(text, 0, sizeof(text));
    (void)snprintf(text, sizeof(text), "GET /boot/x HTTP/1.1\r\nX: ");
    memset(text + strlen(text), 'b', 40000);
    assert_true(begins(ask(w, &answer, text), "HTTP/1.1 431") ||
                answer.length == 0);
    /* Still there. */
    assert_true(begins(get(w, &answer, "GET", "/boot/local-x64.efi", ""),
                       "HTTP/1.1 200"));
}

static void test_half_a_line_and_gone(void **state)
{
    struct world *w = *state;
    AUTO_CLOSE int fd = dial(w);
    AUTO_BUF answer = BUF_INIT(1 << 20);

    say(fd, "GET /obj");
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    hear(fd, &answer);
    assert_int_equal(answer.length, 0);
}

/* One byte now and then does not keep a connection; others are served. */
static void test_slow_client(void **state)
{
    struct world *w = *state;
    AUTO_CLOSE int fd = dial(w);
    AUTO_BUF answer = BUF_INIT(1 << 20);

    say(fd, "G");
    assert_true(begins(get(w, &answer, "GET", "/boot/local-x64.efi", ""),
                       "HTTP/1.1 200"));
    buf_clear(&answer);
    hear(fd, &answer); /* after 10 s */
    assert_true(begins(buf_text(&answer), "HTTP/1.1 408"));
}

static void test_dead_workers_come_back(void **state)
{
    struct world *w = *state;
    AUTO_BUF answer = BUF_INIT(1 << 20);
    char path[100];

    object_path(path, w->small_name);
    look(w);
    assert_int_equal(kill(w->unicast.pid, SIGKILL), 0);
    run_until(w, one_died);
    run_until(w, both_ready);
    assert_true(begins(get_settled(w, &answer, path), "HTTP/1.1 200"));

    w->died = 0;
    look(w);
    assert_int_equal(w->unicast.restarts, 1);
    assert_int_equal(kill(w->door.pid, SIGSEGV), 0);
    run_until(w, one_died);
    run_until(w, both_ready);
    assert_true(begins(get_settled(w, &answer, path), "HTTP/1.1 200"));
}

/* Transfers that run end whole; then the worker is gone. */
static void test_disable_drains(void **state)
{
    struct world *w = *state;
    AUTO_CLOSE int fd = dial(w);
    AUTO_BUF answer = BUF_INIT(BIG_BYTES + 4096);
    AUTO_BUF other = BUF_INIT(1 << 20);
    uint8_t first[1];
    char path[100];
    char text[200];

    object_path(path, w->big_name);
    (void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n",
                   path);
    say(fd, text);
    assert_int_equal(recv(fd, first, 1, 0), 1);
    worker_transport_disable(w->workers, "unicast", on_disabled, w);
    loop_run_for(w->loop, 50);
    assert_int_equal(w->disabled, 0);
    hear(fd, &answer);
    assert_true(answer.length > BIG_BYTES);
    assert_memory_equal(answer.data + answer.length - BIG_BYTES, w->big,
                        BIG_BYTES);
    run_until(w, is_disabled);
    assert_int_equal(w->died, 0);
    assert_int_equal(w->unicast.pid, 0);
    assert_false(begins(get(w, &other, "GET", path, ""), "HTTP/1.1 200"));

    enable(w);
    run_until(w, both_ready);
    assert_true(begins(get_settled(w, &answer, path), "HTTP/1.1 200"));
}

/* Enabling again replaces the worker, and nobody notices. */
static void test_replace(void **state)
{
    struct world *w = *state;
    AUTO_BUF answer = BUF_INIT(1 << 20);
    char path[100];
    pid_t before;

    object_path(path, w->small_name);
    look(w);
    before = w->unicast.pid;
    enable(w);
    for (int i = 0; i < 50; i++) {
        assert_true(begins(get(w, &answer, "GET", path, ""), "HTTP/1.1 200"));
        loop_run_for(w->loop, 5);
    }
    look(w);
    assert_true(w->unicast.pid != before);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boot_files),
        cmocka_unit_test(test_table_change_reaches_workers),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_other_path_on_one_connection),
        cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_half_a_line_and_gone),
        cmocka_unit_test(test_slow_client),
        cmocka_unit_test(test_dead_workers_come_back),
        cmocka_unit_test_setup_teardown(test_disable_drains, set_up, tear_down),
        cmocka_unit_test(test_replace),
    };

    if (argc > 2 && strcmp(argv[1], "worker") == 0)
        return worker_main(argc - 2, argv + 2);
    log_open("test-worker", LOG_DEBUG, LOG_FORMAT_TEXT);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
