/* SPDX-License-Identifier: Apache-2.0 */
/* Every disk is asked at the same time, and none is waited for for ever. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "health.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef void health_asker(int fd, enum health_kind kind,
                          struct health_pages *ret_pages);

/* A disk that is being asked. */
struct asking {
    json_t *disk; /* borrowed: its object in the list */
    pid_t pid;    /* 0 = nobody asks */
    int fd;       /* the pages come here, all of them at once */
};

/* In the child: nothing of the engine's stays open in it, because it may stay
 * in the kernel's hands for longer than the step. */
static void ask_and_go(int disk_fd, enum health_kind kind, int answer_fd,
                       health_asker *ask)
{
    struct health_pages pages;
    if (dup3(disk_fd, 0, 0) < 0 || dup3(answer_fd, 1, 0) < 0 ||
        close_range(3, ~0u, 0) < 0)
        _exit(1);
    ask(0, kind, &pages);
    _exit(write(1, &pages, sizeof(pages)) != (ssize_t)sizeof(pages));
}

static int start(struct asking *asking, int disk_fd, enum health_kind kind,
                 health_asker *ask)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC))
        return -1;
    asking->pid = fork();
    if (asking->pid == 0)
        ask_and_go(disk_fd, kind, fds[1], ask);
    (void)close(fds[1]);
    asking->fd = fds[0];
    if (asking->pid > 0)
        return 0;
    (void)close(fds[0]);
    asking->pid = 0;
    return -1;
}

static int put_health(json_t *disk, json_t *health)
{
    return json_object_set_new(disk, "health", health);
}

/* The child has written, or ended without. */
static int collect(const struct asking *asking)
{
    struct health_pages pages = {.kind = HEALTH_NONE};
    char text[160];
    ssize_t got = 0;
    do
        got = read(asking->fd, &pages, sizeof(pages));
    while (got < 0 && errno == EINTR);
    (void)waitpid(asking->pid, NULL, 0);
    if (got != (ssize_t)sizeof(pages))
        return put_health(asking->disk,
                          health_unknown("asking for its health failed"));
    if (!pages.error)
        return put_health(asking->disk, health_json(&pages));
    (void)snprintf(text, sizeof(text), "it does not tell its health: %s",
                   strerrordesc_np(pages.error));
    return put_health(asking->disk, health_unknown(text));
}

/* It may be stuck in the kernel: PID 1 buries it whenever it ends. */
static int give_up(const struct asking *asking, unsigned limit_ms)
{
    char text[160];
    (void)kill(asking->pid, SIGKILL);
    (void)snprintf(text, sizeof(text), "it did not tell its health within %u s",
                   limit_ms / 1000);
    return put_health(asking->disk, health_unknown(text));
}

static int wait_for(const struct slipway_action_host *host,
                    const struct asking *asking, uint64_t deadline_ms,
                    unsigned limit_ms)
{
    struct pollfd answer = {.fd = asking->fd, .events = POLLIN};
    int ready = 0;
    do {
        uint64_t now_ms = host->now_ms(host);
        ready = poll(&answer, 1,
                     now_ms < deadline_ms ? (int)(deadline_ms - now_ms) : 0);
    } while (ready < 0 && errno == EINTR);
    int rc = ready > 0 ? collect(asking) : give_up(asking, limit_ms);
    (void)close(asking->fd);
    return rc;
}

/* The object of this name in the facts; NULL when there is none. */
static json_t *disk_named(const json_t *list, const char *name)
{
    size_t i;
    json_t *disk;
    json_array_foreach(list, i, disk)
    {
        const char *text = json_string_value(json_object_get(disk, "name"));
        if (text && !strcmp(text, name))
            return disk;
    }
    return NULL;
}

/* One disk: a process that asks, or a word why there is none. */
static int begin(const struct slipway_action_host *host,
                 const struct slipway_disk *disk, struct asking *asking,
                 health_asker *ask)
{
    enum health_kind kind = health_kind_of(disk);
    int fd = -1;
    if (!asking->disk || kind == HEALTH_NONE)
        return 0;
    if (host->disk_open(host, disk->id, 0, &fd) != SLIPWAY_OK)
        return put_health(asking->disk, health_unknown("it cannot be opened"));
    int rc = start(asking, fd, kind, ask);
    (void)close(fd);
    return rc ? put_health(asking->disk,
                           health_unknown("no process can be made to ask for "
                                          "its health"))
              : 0;
}

int health_add(const struct slipway_action_host *host, json_t *list,
               unsigned limit_ms, health_asker *ask)
{
    const struct slipway_disk *disk = NULL;
    uint64_t count = 0;
    int code = host->disks(host, &disk, &count);
    if (code != SLIPWAY_OK)
        return code;
    struct asking *askings = host->alloc(host, (count + 1) * sizeof(*askings));
    if (!askings)
        return host->fail(host, SLIPWAY_EINTERNAL,
                          "not enough memory for the health of the disks");
    int rc = 0;
    uint64_t deadline_ms = host->now_ms(host) + limit_ms;
    const char *at = (const char *)disk;
    for (uint64_t i = 0; i < count; i++, at += disk->size) {
        disk = (const void *)at;
        askings[i].disk = disk_named(list, disk->name);
        rc |= begin(host, disk, &askings[i], ask);
    }
    for (uint64_t i = 0; i < count; i++)
        if (askings[i].pid > 0)
            rc |= wait_for(host, &askings[i], deadline_ms, limit_ms);
    return rc ? host->fail(host, SLIPWAY_EINTERNAL,
                           "not enough memory for the health of the disks")
              : SLIPWAY_OK;
}
