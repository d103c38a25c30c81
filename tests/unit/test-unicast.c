/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image from a server's real workers to a device through a real pipeline
 * process and the unicast plugin.  This program is its own /proc/self/exe for
 * all of them.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "core/engine/pipeline/pipeline-client.h"
#include "core/engine/pipeline/pipeline-process.h"
#include "core/plugin/load.h"
#include "core/server/workers/worker-main.h"
#include "core/server/workers/worker.h"
#include "core/util/file.h"
#include "core/util/log.h"
#include "tests/unit/image-fixture.h"

#define CHUNK_SHIFT 16
#define SMALL ((size_t)3 << 20)
#define LARGE ((size_t)64 << 20)
#define PATIENCE_MS 60000

/* One server: its workers and where they listen. */
struct server {
    struct workers *workers;
    struct boot_table *table;
    char address[32];
    uint16_t port;
    pid_t unicast; /* as last seen */
};

struct world {
    struct fixture *f;
    struct loop *loop;
    struct server servers[2];
    size_t server_count;
    size_t size;
    uint8_t *image;
    struct manifest manifest;
    int device;
    struct pipeline_client *client;
    char notes[8192];
    bool done;
    int code;
    char sentence[512];
    uint64_t refused;
    uint64_t kept;
    uint64_t fetched;
    unsigned pages;
    bool lose_page;
    void (*on_page)(struct world *w);
    void (*on_progress)(struct world *w, const struct pipeline_progress *p);
    void (*on_note)(struct world *w, const char *text);
};

/* ---- servers ------------------------------------------------------------ */

static int listen_on(struct server *s)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(s->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    s->port = ntohs(address.sin_port);
    (void)snprintf(s->address, sizeof(s->address), "127.0.0.1:%u", s->port);
    return fd;
}

static void enable(struct server *s)
{
    AUTO_FREE char *dir = NULL;
    AUTO_CLOSE int memfd = -1;
    struct digest digest;
    struct err err = ERR_INIT;

    assert_true(asprintf(&dir, "%s/plugins-built", getenv("top_builddir")) > 0);
    if (plugin_file_open(&(struct plugin_place){.dir = dir,
                                                .kind = SLIPWAY_KIND_TRANSPORT,
                                                .name = "unicast",
                                                .owner = getuid()},
                         &memfd, &digest, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(worker_transport_enable(s->workers, "unicast", memfd,
                                             &digest, NULL, NULL),
                     0);
}

/* Takes `objects_fd`; the port stays the same over restarts. */
static void server_start(struct world *w, struct server *s, int objects_fd)
{
    struct workers_spec spec = {
        .loop = w->loop,
        .http_fd = listen_on(s),
        .objects_fd = objects_fd,
        .boot_roots = {-1, -1},
    };

    if (!s->table)
        s->table = boot_table_new();
    spec.boot_table = s->table;
    s->workers = workers_new(&spec, NULL);
    assert_non_null(s->workers);
    enable(s);
}

static int objects_of(const struct fixture *f)
{
    return fcntl(objects_folder_fd(f->objects), F_DUPFD_CLOEXEC, 0);
}

static void server_stop(struct server *s)
{
    workers_free(s->workers);
    s->workers = NULL;
}

static void on_status(void *arg, const struct worker_status *status)
{
    struct server *s = arg;

    if (strcmp(status->name, "unicast") == 0)
        s->unicast = status->pid;
}

static void kill_unicast(struct server *s)
{
    workers_list(s->workers, on_status, s);
    if (s->unicast > 0)
        (void)kill(s->unicast, SIGKILL);
}

/* ---- the engine --------------------------------------------------------- */

static void want_page(void *arg, const struct digest *digest)
{
    struct world *w = arg;
    AUTO_BUF page = BUF_INIT(INDEX_MAX_BYTES);
    struct err err = ERR_INIT;

    w->pages++;
    if (w->on_page)
        w->on_page(w);
    if (w->lose_page) {
        pipeline_client_page(w->client, digest, ERR_NOT_FOUND,
                             "the server does not have it", NULL, 0);
        return;
    }
    if (objects_index_get(w->f->objects, &w->f->secret, digest, &page, &err))
        fail_msg("%s", err.text);
    pipeline_client_page(w->client, digest, 0, NULL, page.data, page.length);
}

static void progress(void *arg, const struct pipeline_progress *p)
{
    struct world *w = arg;

    w->refused = p->refused;
    w->kept = p->kept_bytes;
    w->fetched = p->fetched_bytes;
    if (w->on_progress)
        w->on_progress(w, p);
}

static void note(void *arg, unsigned level, const char *text)
{
    struct world *w = arg;
    size_t used = strlen(w->notes);

    (void)level;
    (void)snprintf(w->notes + used, sizeof(w->notes) - used, "%s\n", text);
    if (w->on_note)
        w->on_note(w, text);
}

static void done(void *arg, int code, const char *sentence,
                 const json_t *result)
{
    struct world *w = arg;

    assert_false(w->done);
    assert_true(code != 0 || json_is_object(result));
    w->done = true;
    w->code = code;
    (void)snprintf(w->sentence, sizeof(w->sentence), "%s", sentence);
    loop_stop(w->loop);
}

static void checkpoint(void *arg, const void *data, size_t length)
{
    (void)arg;
    assert_true(length >= 4);
    assert_memory_equal(data, "SLC1", 4);
}

static const struct pipeline_client_handlers handlers = {
    .want_page = want_page,
    .progress = progress,
    .note = note,
    .checkpoint = checkpoint,
    .done = done,
};

static void run_job(struct world *w, enum pipeline_mode mode)
{
    AUTO_FREE char *text = manifest_format(&w->manifest, NULL);
    AUTO_FREE char *dir = NULL;
    const char *transports[] = {"multicast", "unicast"};
    const char *servers[2];
    struct pipeline_job job = {
        .mode = mode,
        .device_fd = w->device,
        .manifest = text,
        .manifest_length = strlen(text),
        .transports = transports,
        .transport_count = 2,
        .servers = servers,
        .server_count = w->server_count,
    };
    struct err err = ERR_INIT;

    for (size_t i = 0; i < w->server_count; i++)
        servers[i] = w->servers[i].address;
    assert_true(asprintf(&dir, "%s/plugins-built", getenv("top_builddir")) > 0);
    job.plugin_dir = dir;
    w->done = false;
    w->client = pipeline_client_start(w->loop, &job, &handlers, w, &err);
    if (!w->client)
        fail_msg("%s", err.text);
    loop_run_for(w->loop, PATIENCE_MS);
    assert_true(w->done);
    pipeline_client_free(w->client);
    w->client = NULL;
}

static void assert_device_right(const struct world *w)
{
    AUTO_FREE uint8_t *read = malloc(w->size);

    if (w->code)
        fail_msg("%s; notes: %s", w->sentence, w->notes);
    assert_non_null(read);
    assert_int_equal(file_pread_all(w->device, read, w->size, 0, NULL), 0);
    assert_memory_equal(read, w->image, w->size);
}

/* ---- one test's world --------------------------------------------------- */

static void world_init(struct world *w, struct fixture *f, size_t size)
{
    memset(w, 0, sizeof(*w));
    w->f = f;
    w->size = size;
    w->loop = loop_new(&seam_real, NULL);
    w->image = fixture_image(f, size);
    fixture_import(f, w->image, size, CHUNK_SHIFT, &w->manifest);
    if (!w->manifest.name[0]) {
        (void)snprintf(w->manifest.name, sizeof(w->manifest.name), "blob");
        w->manifest.revision = 1;
    }
    w->device = fixture_file(f, "device", size);
    w->server_count = 1;
    server_start(w, &w->servers[0], objects_of(f));
}

static void world_done(struct world *w)
{
    pipeline_client_free(w->client);
    for (size_t i = 0; i < 2; i++) {
        server_stop(&w->servers[i]);
        boot_table_free(w->servers[i].table);
    }
    loop_free(w->loop);
    (void)close(w->device);
    free(w->image);
}

static void test_write_and_verify(void **state)
{
    struct world w;

    world_init(&w, *state, SMALL);
    run_job(&w, PIPELINE_FRESH);
    assert_device_right(&w);
    /* A transport that this engine does not have is only said. */
    assert_non_null(strstr(w.notes, "going on without a transport"));
    run_job(&w, PIPELINE_VERIFY);
    assert_int_equal(w.code, 0);
    world_done(&w);
}

static void test_verify_finds_difference(void **state)
{
    struct world w;

    world_init(&w, *state, SMALL);
    run_job(&w, PIPELINE_FRESH);
    assert_int_equal(pwrite(w.device, "x", 1, 12345), 1);
    run_job(&w, PIPELINE_VERIFY);
    assert_int_equal(w.code, ERR_VERIFY);
    /* Repair fetches what differs and nothing else. */
    run_job(&w, PIPELINE_RESUME);
    assert_device_right(&w);
    assert_true(w.fetched > 0 && w.fetched <= 2 << CHUNK_SHIFT);
    world_done(&w);
}

static void kill_once(struct world *w, const struct pipeline_progress *p)
{
    if (p->fetched_bytes == 0)
        return;
    w->on_progress = NULL;
    kill_unicast(&w->servers[0]);
}

static void kill_at_first_page(struct world *w)
{
    if (w->pages == 2)
        kill_unicast(&w->servers[0]);
}

static void test_worker_killed(void **state)
{
    struct world w;

    world_init(&w, *state, LARGE);
    w.on_progress = kill_once;
    w.on_page = kill_at_first_page;
    run_job(&w, PIPELINE_FRESH);
    assert_device_right(&w);
    world_done(&w);
}

static void stop_server(struct world *w)
{
    if (w->pages == 2)
        server_stop(&w->servers[0]);
}

static void start_server(struct world *w, const char *text)
{
    if (strcmp(text, "server 127.0.0.1 does not answer, trying again") == 0 &&
        !w->servers[0].workers)
        server_start(w, &w->servers[0], objects_of(w->f));
}

static void test_server_gone_and_back(void **state)
{
    struct world w;

    world_init(&w, *state, SMALL);
    w.on_page = stop_server;
    w.on_note = start_server;
    run_job(&w, PIPELINE_FRESH);
    assert_device_right(&w);
    assert_non_null(
        strstr(w.notes, "server 127.0.0.1 does not answer, trying again\n"));
    assert_non_null(strstr(w.notes, "server 127.0.0.1 answers again\n"));
    world_done(&w);
}

/* One of the two servers is gone: the other one does it. */
static void test_second_server(void **state)
{
    struct world w;

    world_init(&w, *state, SMALL);
    w.server_count = 2;
    server_start(&w, &w.servers[1], objects_of(*state));
    server_stop(&w.servers[0]);
    run_job(&w, PIPELINE_FRESH);
    assert_device_right(&w);
    world_done(&w);
}

/* A server whose objects are damaged is found out, and another one asked. */
static void test_damaged_objects(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *copy = NULL;
    struct world w;
    AUTO_CLOSE int bad = -1;

    world_init(&w, f, SMALL);
    assert_true(asprintf(&copy,
                         "cp -r '%s/objects' '%s/bad' && find '%s/bad' -type f "
                         "| while read -r o; do printf x | dd of=\"$o\" bs=1 "
                         "seek=100 conv=notrunc status=none; done",
                         f->path, f->path, f->path) > 0);
    {
        const char *const argv[] = {"/bin/sh", "-c", copy, NULL};
        pid_t pid = fork();
        int status;

        if (pid == 0) {
            (void)execv(argv[0], (char *const *)argv);
            _exit(127);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
    bad = file_open_dir(f->dir_fd, "bad", 0700, NULL);
    assert_true(bad >= 0);
    server_stop(&w.servers[0]);
    server_start(&w, &w.servers[0], TAKE_FD(bad));
    w.server_count = 2;
    server_start(&w, &w.servers[1], objects_of(f));
    run_job(&w, PIPELINE_FRESH);
    assert_device_right(&w);
    assert_true(w.refused > 0);
    assert_non_null(strstr(w.notes, "sent a damaged object"));
    world_done(&w);
}

static void test_missing_object(void **state)
{
    struct fixture *f = *state;
    struct world w;

    world_init(&w, f, SMALL);
    assert_int_equal(renameat(f->dir_fd, "objects", f->dir_fd, "elsewhere"), 0);
    assert_int_equal(mkdirat(f->dir_fd, "objects", 0700), 0);
    server_stop(&w.servers[0]);
    server_start(&w, &w.servers[0],
                 file_open_dir(f->dir_fd, "objects", 0700, NULL));
    run_job(&w, PIPELINE_FRESH);
    assert_int_equal(w.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(w.sentence, "cannot be had"));
    assert_non_null(strstr(w.sentence, "status 404"));
    world_done(&w);
}

static void test_lost_page(void **state)
{
    struct world w;

    world_init(&w, *state, SMALL);
    w.lose_page = true;
    run_job(&w, PIPELINE_FRESH);
    assert_int_equal(w.code, ERR_NOT_FOUND);
    assert_non_null(strstr(w.sentence, "the server does not have it"));
    world_done(&w);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_write_and_verify),
        FIXTURE_TEST(test_verify_finds_difference),
        FIXTURE_TEST(test_worker_killed),
        FIXTURE_TEST(test_server_gone_and_back),
        FIXTURE_TEST(test_second_server),
        FIXTURE_TEST(test_damaged_objects),
        FIXTURE_TEST(test_missing_object),
        FIXTURE_TEST(test_lost_page),
    };

    if (argc > 2 && strcmp(argv[1], "worker") == 0)
        return worker_main(argc - 2, argv + 2);
    if (argc == 2 && strcmp(argv[1], "pipeline") == 0)
        return pipeline_process_main();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
