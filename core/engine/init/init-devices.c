/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/init/init-devices.h"

#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define EVENT_MAX 8192
#define KERNEL_GROUP 1
/* Nothing new for this long: everything is there ... */
#define QUIET_MS 1000
/* ... or this long after the start, whatever still comes. */
#define SETTLE_MAX_MS 15000
#define SOCKET_BYTES (8 << 20) /* a machine with hundreds of disks */

struct init_devices {
    struct modules *modules;
    int fd;
    struct loop_watch *watch;
};

const char *uevent_value(const char *event, size_t length, const char *key)
{
    size_t key_length = strlen(key);
    const char *end = event + length;
    for (const char *at = event; at < end;) {
        size_t left = (size_t)(end - at);
        size_t entry = strnlen(at, left);
        if (entry == left)
            return NULL; /* no NUL at the end: not the kernel's */
        if (entry > key_length && !memcmp(at, key, key_length) &&
            at[key_length] == '=')
            return at + key_length + 1;
        at += entry + 1;
    }
    return NULL;
}

int init_devices_open(struct modules *modules, struct init_devices **ret,
                      struct err *err)
{
    struct init_devices *devices = calloc(1, sizeof(*devices));
    if (!devices)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    struct sockaddr_nl local = {.nl_family = AF_NETLINK,
                                .nl_groups = KERNEL_GROUP};
    int bytes = SOCKET_BYTES;
    devices->modules = modules;
    devices->fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                         NETLINK_KOBJECT_UEVENT);
    if (devices->fd < 0 ||
        setsockopt(devices->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes,
                   sizeof(bytes)) ||
        bind(devices->fd, (struct sockaddr *)&local, sizeof(local))) {
        int number = errno;
        init_devices_free(devices);
        return err_set_errno(err, ERR_IO, number,
                             "cannot hear about new devices");
    }
    *ret = devices;
    return 0;
}

void init_devices_free(struct init_devices *devices)
{
    if (!devices)
        return;
    loop_watch_cancel(devices->watch);
    if (devices->fd >= 0)
        (void)close(devices->fd);
    free(devices);
}

/* Everything that waits on the socket; true when there was an event. */
static bool take_events(struct init_devices *devices, unsigned *loaded)
{
    char event[EVENT_MAX];
    struct sockaddr_nl from;
    bool any = false;
    for (;;) {
        socklen_t from_length = sizeof(from);
        ssize_t got = recvfrom(devices->fd, event, sizeof(event), 0,
                               (struct sockaddr *)&from, &from_length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == ENOBUFS) {
            /* Some were lost: ask all devices again. */
            *loaded += modules_coldplug(devices->modules, "/sys");
            any = true;
            continue;
        }
        if (got <= 0)
            return any;
        if (from.nl_pid != 0)
            continue; /* not from the kernel */
        any = true;
        const char *alias = uevent_value(event, (size_t)got, "MODALIAS");
        if (alias)
            *loaded += modules_load(devices->modules, alias);
    }
}

static uint64_t monotonic_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

unsigned init_devices_settle(struct init_devices *devices)
{
    unsigned loaded = 0;
    uint64_t end_ms = monotonic_ms() + SETTLE_MAX_MS;
    struct pollfd ready = {.fd = devices->fd, .events = POLLIN};
    for (;;) {
        uint64_t now_ms = monotonic_ms();
        if (now_ms >= end_ms)
            break;
        int got = poll(&ready, 1, (int)MIN(QUIET_MS, end_ms - now_ms));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || !take_events(devices, &loaded))
            break;
    }
    return loaded;
}

static void on_event(void *arg, unsigned events)
{
    unsigned loaded = 0;
    (void)events;
    (void)take_events(arg, &loaded);
}

int init_devices_watch(struct init_devices *devices, struct loop *loop,
                       struct err *err)
{
    devices->watch =
        loop_watch(loop, devices->fd, LOOP_READ, on_event, devices);
    return devices->watch ? 0 : err_set(err, ERR_NO_MEMORY, "out of memory");
}
