/* SPDX-License-Identifier: Apache-2.0 */
/* What a sandboxed process can and cannot do; each try in a child. */
#include "core/server/workers/sandbox.h"

#include <config.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "core/util/file.h"

enum { DONE = 10, REFUSED = 11 };

static int dirs[2][2] = {{-1, -1}, {-1, -1}}; /* for reading, for writing */

static int set_up(void **state)
{
    AUTO_CLOSE int dir =
        open(getenv("TEST_DIR"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    dirs[0][0] = file_open_dir(dir, "read", 0700, NULL);
    dirs[1][0] = file_open_dir(dir, "write", 0700, NULL);
    return file_write(dirs[0][0], "file", "x", 1, 0600, NULL);
}

static bool has_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0,
                   LANDLOCK_CREATE_RULESET_VERSION) >= 1;
}

/* The wait status of a child that enters the sandbox and then tries. */
static int try_it(const struct sandbox_spec *spec, int (*attempt)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        struct err err = ERR_INIT;

        if (sandbox_enter(spec, &err) != 0) {
            (void)fprintf(stderr, "%s\n", err.text);
            _exit(1);
        }
        _exit(attempt());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static const struct sandbox_spec reader = {
    .read_dirs = dirs[0], .internet = true, .threads = true, .max_files = 64};
static const struct sandbox_spec writer = {
    .read_dirs = dirs[0], .write_dirs = dirs[1], .max_files = 64};

static void assert_ends(const struct sandbox_spec *spec, int (*attempt)(void),
                        int with)
{
    int status = try_it(spec, attempt);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), with);
}

static void assert_killed(const struct sandbox_spec *spec, int (*attempt)(void))
{
    int status = try_it(spec, attempt);

    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

static int read_below(void)
{
    return openat(dirs[0][0], "file", O_RDONLY) >= 0 ? DONE : REFUSED;
}

static int write_where_only_reading(void)
{
    return openat(dirs[0][0], "new", O_WRONLY | O_CREAT, 0600) >= 0 ? DONE
                                                                    : REFUSED;
}

static int write_below(void)
{
    return file_write(dirs[1][0], "new", "y", 1, 0600, NULL) == 0 ? DONE
                                                                  : REFUSED;
}

static int read_elsewhere(void)
{
    return open("/etc/passwd", O_RDONLY) >= 0 ? DONE : REFUSED;
}

static int raise_limit(void)
{
    int fd = 0;

    while (fd >= 0 && fd < 200)
        fd = dup(0);
    return fd < 0 ? REFUSED : DONE;
}

static void test_files(void **state)
{
    (void)state;
    assert_ends(&reader, read_below, DONE);
    assert_ends(&writer, write_below, DONE);
    assert_ends(&reader, raise_limit, REFUSED);
    if (!has_landlock())
        return; /* then the user's rights are all there is */
    assert_ends(&reader, write_where_only_reading, REFUSED);
    assert_ends(&writer, write_where_only_reading, REFUSED);
    assert_ends(&reader, write_below, REFUSED);
    assert_ends(&reader, read_elsewhere, REFUSED);
}

static int execute(void)
{
    static const char *const argv[] = {"/bin/true", NULL};

    (void)execv(argv[0], (char *const *)argv);
    return DONE;
}

static int make_unix_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? DONE : REFUSED;
}

static int make_datagram_socket(void)
{
    return socket(AF_INET, SOCK_DGRAM, 0) >= 0 ? DONE : REFUSED;
}

static void test_calls(void **state)
{
    (void)state;
    assert_killed(&reader, execute);
    assert_killed(&reader, make_unix_socket);
    assert_killed(&writer, make_datagram_socket);
    assert_ends(&reader, make_datagram_socket, DONE);
}

static void *nothing(void *arg)
{
    return arg;
}

static int start_thread(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, nothing, NULL) != 0)
        return REFUSED;
    (void)pthread_join(thread, NULL);
    return DONE;
}

#ifndef SLIPWAY_SANITIZED /* the sanitizers need these calls themselves */

static int start_process(void)
{
    return fork() == 0 ? 0 : DONE;
}

static int trace(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? DONE : REFUSED;
}

static int unknown_call(void)
{
    return syscall(4095) < 0 && errno == ENOSYS ? REFUSED : DONE;
}

static void test_processes(void **state)
{
    (void)state;
    assert_ends(&reader, start_thread, DONE);
    assert_killed(&writer, start_thread);
    assert_killed(&reader, start_process);
    assert_killed(&reader, trace);
    assert_ends(&reader, unknown_call, REFUSED);
}

#else

static void test_processes(void **state)
{
    (void)state;
    assert_ends(&reader, start_thread, DONE);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_processes),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, NULL);
}
