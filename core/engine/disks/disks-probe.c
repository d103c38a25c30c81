/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/disks/disks-internal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#define PROBE_MAX_BYTES 65536

struct probe {
    pid_t pid;
    int fd; /* the child writes one byte and goes; -1 = not running */
};

/* In the child: an errno value, 0 = it can be read. */
static int read_first_sector(const struct disk *disk)
{
    static uint8_t sector[PROBE_MAX_BYTES] __attribute__((aligned(4096)));
    size_t length = MIN(disk->logical_sector_bytes, sizeof(sector));
    int fd = open(disk->node, O_RDONLY | O_CLOEXEC | O_DIRECT);
    if (fd < 0 && errno == EINVAL) /* no direct reading: a file in a test */
        fd = open(disk->node, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    ssize_t got = pread(fd, sector, length, 0);
    if (got < 0)
        return errno;
    return (size_t)got == length ? 0 : EIO;
}

static void start(const struct disk *disk, struct probe *probe)
{
    int fds[2];
    probe->fd = -1;
    if (pipe2(fds, O_CLOEXEC))
        return; /* nothing is known then */
    probe->pid = fork();
    if (probe->pid == 0) {
        uint8_t number = (uint8_t)read_first_sector(disk);
        _exit(write(fds[1], &number, 1) != 1);
    }
    (void)close(fds[1]);
    if (probe->pid > 0)
        probe->fd = fds[0];
    else
        (void)close(fds[0]);
}

static void finding(struct disk *disk, const char *text)
{
    disk->unreadable = true;
    (void)snprintf(disk->finding, sizeof(disk->finding), "%s", text);
}

static void collect(struct disk *disk, const struct probe *probe)
{
    uint8_t number = EIO; /* when the child was killed */
    ssize_t got = 0;
    do
        got = read(probe->fd, &number, 1);
    while (got < 0 && errno == EINTR);
    (void)waitpid(probe->pid, NULL, 0);
    if (number == 0)
        return;
    if (number == ENOMEDIUM) {
        finding(disk, "there is no medium in it");
        return;
    }
    char text[sizeof(disk->finding)];
    (void)snprintf(text, sizeof(text), "its first sector cannot be read: %s",
                   err_errno_text(number));
    finding(disk, text);
}

static uint64_t monotonic_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A disk that neither answers nor fails: its reader is in the kernel's hands
 * and stays behind; PID 1 buries it whenever it ends. */
static void give_up(struct disk *disk, const struct probe *probe,
                    unsigned probe_ms)
{
    char text[sizeof(disk->finding)];
    (void)kill(probe->pid, SIGKILL);
    disk->silent = true;
    (void)snprintf(text, sizeof(text),
                   "its first sector could not be read within %u s",
                   probe_ms / 1000);
    finding(disk, text);
}

static void wait_for(struct disk *disk, const struct probe *probe,
                     uint64_t deadline_ms, unsigned probe_ms)
{
    if (probe->fd < 0)
        return; /* no process could be made: nothing is known */
    uint64_t now_ms = monotonic_ms();
    int left = now_ms < deadline_ms ? (int)(deadline_ms - now_ms) : 0;
    struct pollfd ended = {.fd = probe->fd, .events = POLLIN};
    int ready = 0;
    do
        ready = poll(&ended, 1, left);
    while (ready < 0 && errno == EINTR);
    if (ready > 0)
        collect(disk, probe);
    else
        give_up(disk, probe, probe_ms);
    (void)close(probe->fd);
}

void disks_probe(struct disk_list *list, unsigned probe_ms)
{
    AUTO_FREE struct probe *probes = calloc(list->count + 1, sizeof(*probes));
    if (!probes)
        return;
    uint64_t deadline_ms = monotonic_ms() + probe_ms;
    for (size_t i = 0; i < list->count; i++)
        start(&list->disks[i], &probes[i]);
    for (size_t i = 0; i < list->count; i++)
        wait_for(&list->disks[i], &probes[i], deadline_ms, probe_ms);
}
