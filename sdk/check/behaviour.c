/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An action under the mock host: a dry run in a child process, on an empty
 * disk of its own, looked at from outside for what it left behind.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <slipway/mock.h>

#include "core/plugin/load.h"
#include "core/util/file.h"
#include "core/util/num.h"
#include "sdk/check/check.h"

#define DISK_BYTES (64 << 20)
#define LINE_BYTES 600

/* What the child says in the end; shared memory, read after it is gone. */
struct outcome {
    int finished;
    int code;
    unsigned descriptors_left;
    unsigned children_left;
    uint64_t writes;
    char refused[LINE_BYTES];
    char sentence[LINE_BYTES];
    char violations[LINE_BYTES];
};

static unsigned count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned count = 0;
    while (dir && readdir(dir))
        count++;
    if (dir)
        (void)closedir(dir); /* only read from */
    return count;
}

/* Ends and counts the processes that the plugin left. */
static unsigned end_children(void)
{
    unsigned count = 0;
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT))
            return count; /* no children */
        char path[64], text[256] = "";
        (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children",
                       (int)getpid());
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            (void)!read(fd, text, sizeof(text) - 1);
            (void)close(fd);
        }
        uint64_t pid;
        text[strspn(text, "0123456789")] = 0; /* the first of the list */
        if (num_parse_u64(text, 2, INT32_MAX, &pid, NULL))
            return count;
        (void)kill((pid_t)pid, SIGKILL);
        (void)waitpid((pid_t)pid, NULL, 0);
        count++;
    }
}

static void set_params(struct slipway_mock *mock,
                       const struct param_values *values,
                       const struct param_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (param_values_text(values, i))
            (void)slipway_mock_param(mock, table->items[i].name,
                                     param_values_text(values, i));
}

static void copy_line(char out[LINE_BYTES], const char *text)
{
    (void)snprintf(out, LINE_BYTES, "%s", text);
    for (char *c = out; *c; c++)
        if (*c == '\n')
            *c = c[1] ? ';' : 0;
}

/* The child: loads and runs. */
static void run_child(const struct check_options *options,
                      const struct plugin_info *info, int memory_fd,
                      const char *disk, struct outcome *outcome)
{
    const struct plugin *plugin = NULL;
    struct param_values *values = NULL;
    struct err err = ERR_INIT;
    if (plugin_load(memory_fd, info->kind, info->name, &info->digest, &plugin,
                    &err) ||
        param_values_check(&info->params, options->params, "--params", &values,
                           &err)) {
        copy_line(outcome->refused, err.text);
        _exit(0);
    }
    struct slipway_mock *mock = slipway_mock_new(&plugin->as.action);
    if (!mock)
        _exit(9);
    set_params(mock, values, &info->params);
    (void)slipway_mock_disk(mock, disk, "CHECK", 512);
    slipway_mock_content(mock, disk);
    slipway_mock_flags(mock, SLIPWAY_ACTION_DRY_RUN);
    unsigned before = count_descriptors();
    outcome->code = slipway_mock_run(mock);
    unsigned after = count_descriptors();
    outcome->descriptors_left = after > before ? after - before : 0;
    outcome->children_left = end_children();
    outcome->writes = slipway_mock_writes(mock);
    copy_line(outcome->sentence, slipway_mock_sentence(mock));
    copy_line(outcome->violations, slipway_mock_violations(mock));
    outcome->finished = 1;
    _exit(0);
}

/* Waits for the child; the status, or -1 after the time limit. */
static int wait_child(pid_t pid, int pid_fd, unsigned limit_s)
{
    struct pollfd ready = {pid_fd, POLLIN, 0};
    int status = 0;
    bool late = poll(&ready, 1, (int)limit_s * 1000) == 0;
    if (late)
        (void)kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    (void)kill(-pid, SIGKILL); /* what is left of its group */
    return late ? -1 : status;
}

/* True when every byte is still zero. */
static bool is_untouched(int fd)
{
    struct stat status;
    return !fstat(fd, &status) && status.st_size == DISK_BYTES &&
           lseek(fd, 0, SEEK_DATA) < 0 && errno == ENXIO;
}

static void report_outcome(const struct outcome *outcome, int status,
                           unsigned limit_s)
{
    char why[LINE_BYTES + 64] = "";
    if (status < 0)
        (void)snprintf(why, sizeof(why), "it did not come back in %u seconds",
                       limit_s);
    else if (WIFSIGNALED(status))
        (void)snprintf(why, sizeof(why), "it was ended by signal %d (%s)",
                       WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (outcome->refused[0])
        (void)snprintf(why, sizeof(why), "%s", outcome->refused);
    else if (!outcome->finished)
        (void)snprintf(why, sizeof(why), "it ended the process itself");
    report(!why[0], "comes back from a dry run", why);
    if (why[0])
        return;
    if (outcome->code && outcome->code != SLIPWAY_ENOTAPPLICABLE)
        printf("# the dry run ended with result %d: %s\n", outcome->code,
               outcome->sentence);
    report(!outcome->violations[0], "keeps the rules of the host's services",
           outcome->violations);
    (void)snprintf(why, sizeof(why), "%u descriptors stayed open",
                   outcome->descriptors_left);
    report(!outcome->descriptors_left, "leaves no descriptor open", why);
    (void)snprintf(why, sizeof(why), "%u processes stayed behind",
                   outcome->children_left);
    report(!outcome->children_left, "leaves no process behind", why);
}

static int make_disk(char path[])
{
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0 && ftruncate(fd, DISK_BYTES)) {
        (void)close(fd);
        (void)unlink(path);
        return -1;
    }
    return fd;
}

static void run_and_report(const struct check_options *options,
                           const struct plugin_info *info, int memory_fd,
                           const char *disk, int disk_fd,
                           struct outcome *outcome)
{
    pid_t pid = fork();
    if (!pid) {
        (void)setpgid(0, 0);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        run_child(options, info, memory_fd, disk, outcome);
    }
    (void)setpgid(pid, pid); /* whoever is first */
    AUTO_CLOSE int pid_fd = pid > 0 ? pidfd_open(pid, 0) : -1;
    if (pid_fd < 0) {
        report(false, "comes back from a dry run", "no process can be made");
        return;
    }
    int status = wait_child(pid, pid_fd, options->limit_s);
    report_outcome(outcome, status, options->limit_s);
    report(is_untouched(disk_fd) && !outcome->writes,
           "writes nothing in a dry run",
           "the disk of the mock host was written");
}

void check_behaviour(const struct check_options *options,
                     const struct plugin_info *info, const void *data,
                     size_t length)
{
    const char *tmp = getenv("TMPDIR");
    char disk[512];
    struct err err = ERR_INIT;
    (void)snprintf(disk, sizeof(disk), "%s/slipway-plugin-check.XXXXXX",
                   tmp && tmp[0] ? tmp : "/tmp");
    AUTO_CLOSE int disk_fd = make_disk(disk);
    AUTO_CLOSE int memory_fd =
        file_sealed_memfd(info->name, data, length, &err);
    struct outcome *outcome =
        mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (disk_fd < 0 || memory_fd < 0 || outcome == MAP_FAILED)
        report(false, "comes back from a dry run",
               "this machine has no room for a disk to try it on");
    else
        run_and_report(options, info, memory_fd, disk, disk_fd, outcome);
    if (outcome != MAP_FAILED)
        (void)munmap(outcome, sizeof(*outcome)); /* ours: cannot fail */
    if (disk_fd >= 0)
        (void)unlink(disk);
}
