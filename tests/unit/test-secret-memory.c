/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for secrets: what the kernel says of its pages, what is in a core
 * dump, and that a low limit is no failure. */
#include "core/util/secret-memory.h"

#include <config.h>
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/util/file.h"
#include "core/util/num.h"

#define CORE_MAX ((size_t)512 << 20)

/* A line "BEGIN-END FLAGS ..." of the list. */
static bool in_mapping(char *line, const void *at)
{
    uint64_t begin = 0, end = 0;
    char *dash = strchr(line, '-');
    *dash = '\0';
    dash[1 + strcspn(dash + 1, " ")] = '\0';
    return num_parse_hex(line, UINT64_MAX, &begin, NULL) == 0 &&
           num_parse_hex(dash + 1, UINT64_MAX, &end, NULL) == 0 &&
           begin <= (uintptr_t)at && (uintptr_t)at < end;
}

/* The line NAME of the mapping that `at` lies in, from /proc/self/smaps. */
static void find_line(const void *at, const char *name, char *out, size_t size)
{
    FILE *maps = fopen("/proc/self/smaps", "re");
    char line[512];
    bool here = false;
    assert_non_null(maps);
    out[0] = '\0';
    while (!out[0] && fgets(line, sizeof(line), maps)) {
        if (here && strncmp(line, name, strlen(name)) == 0)
            (void)snprintf(out, size, "%s", line + strlen(name));
        else if (strchr(line, '-'))
            here = in_mapping(line, at) || (here && line[0] >= 'A' &&
                                            line[0] <= 'Z');
    }
    (void)fclose(maps);
}

static void pages_are_locked_and_in_no_dump(void **state)
{
    char flags[512];
    (void)state;
    char *secret = secret_copy("a secret's value", 16);
    assert_non_null(secret);
    assert_string_equal(secret, "a secret's value");
    assert_int_equal((uintptr_t)secret % 16, 0);
    find_line(secret, "VmFlags:", flags, sizeof(flags));
    assert_non_null(strstr(flags, " dd"));
    if (secret_memory_trouble() == 0)
        assert_non_null(strstr(flags, " lo"));
    char *large = secret_new(100000);
    assert_non_null(large);
    for (size_t i = 0; i < 100000; i++)
        assert_int_equal(large[i], 0);
    memset(large, 1, 100000);
    secret_free(large);
    secret_free(secret);
    secret_free(NULL);
    assert_null(secret_new(SIZE_MAX - 5));
}

/* A process of its own, which may lock nothing. */
static void a_low_limit_is_no_failure(void **state)
{
    int status = 0;
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct rlimit none = {0, 0};
        bool ready = setrlimit(RLIMIT_MEMLOCK, &none) == 0 &&
                     (geteuid() != 0 || setuid(65534) == 0);
        char *secret = ready ? secret_copy("value", 5) : NULL;
        _exit(secret && strcmp(secret, "value") == 0 &&
                      secret_memory_trouble() != 0
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

#ifndef SLIPWAY_SANITIZED /* its shadow is terabytes, and gcore writes them */

static bool contains(const struct buf *file, const char *text)
{
    return memmem(file->data, file->length, text, strlen(text)) != NULL;
}

/* The dumped child's values: written in two pieces each, so that the program's
 * own texts do not have them. */
static void hold_values(int ready)
{
    char *secret = secret_new(64);
    char *plain = calloc(1, 64);
    (void)snprintf(secret, 64, "%s-%s", "sesame", "kept");
    (void)snprintf(plain, 64, "%s-%s", "sesame", "plain");
    /* A text that Jansson held. */
    secret_memory_wipe_json();
    json_decref(json_sprintf("%s-%s", "sesame", "passed"));
    (void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY); /* where that is asked */
    (void)!write(ready, "", 1);
    (void)pause();
    _exit(plain[0]);
}

/* True when `ret` has what gcore(1) wrote of the process. */
static bool dump(pid_t pid, struct buf *ret)
{
    const char *folder = getenv("TEST_DIR");
    char path[400], number[16];
    int status = 0;
    (void)snprintf(number, sizeof(number), "%d", (int)pid);
    (void)snprintf(path, sizeof(path), "%.300s/core", folder ? folder : "/tmp");
    pid_t dumper = fork();
    if (dumper == 0) {
        int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(quiet, STDOUT_FILENO);
        (void)dup2(quiet, STDERR_FILENO);
        (void)execlp("timeout", "timeout", "--kill-after=5", "20", "gcore",
                     "-o", path, number, NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(dumper, &status, 0), dumper);
    size_t length = strlen(path);
    (void)snprintf(path + length, sizeof(path) - length, ".%s", number);
    if (status == 0)
        assert_int_equal(file_read(AT_FDCWD, path, ret, NULL), 0);
    (void)unlink(path);
    return status == 0;
}

static void a_core_dump_does_not_hold_it(void **state)
{
    AUTO_BUF core = BUF_INIT(CORE_MAX);
    int pair[2];
    char byte;
    (void)state;
    assert_int_equal(pipe(pair), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        hold_values(pair[1]);
    assert_int_equal(read(pair[0], &byte, 1), 1);
    bool dumped = dump(pid, &core);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    (void)close(pair[0]);
    (void)close(pair[1]);
    assert_true(dumped);
    assert_true(contains(&core, "sesame-plain"));
    assert_false(contains(&core, "sesame-kept"));
    assert_false(contains(&core, "sesame-passed"));
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_locked_and_in_no_dump),
        cmocka_unit_test(a_low_limit_is_no_failure),
#ifndef SLIPWAY_SANITIZED
        cmocka_unit_test(a_core_dump_does_not_hold_it),
#endif
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
