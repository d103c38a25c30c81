/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/init/init.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#include "core/engine/facts/facts.h"
#include "core/engine/init/init-console.h"
#include "core/engine/init/init-devices.h"
#include "core/engine/init/init-reap.h"
#include "core/engine/init/modules.h"
#include "core/util/crypto.h"
#include "core/util/file.h"
#include "core/util/log.h"
#include "core/util/num.h"
#include "core/util/seam.h"

#define TRUST_PATH "/etc/slipway/trust.json"
#define BUILT_PATH "/etc/slipway/built"
#define DISK_PROBE_MS 10000
/* Switches with spanning tree take 30 to 50 s before they pass a frame. */
#define NETWORK_WAIT_MS 120000
/* More ports may get their address after the first one. */
#define NETWORK_SETTLE_MS 1500
/* Long enough to read a screen, or to photograph it. */
#define TROUBLE_PAUSE_S 30
#define COMMAND_LINE_MAX 4096

struct start {
    struct target target;
    struct modules *modules;
    struct init_devices *devices;
    struct init_reaper *reaper;
    char line[COMMAND_LINE_MAX]; /* the kernel's command line */
    char server[64];
    char ticket[64];
    struct loop_timer *timer;
    bool timed_out;
};

/* ------------------------------------------------------- file systems */

static const struct {
    const char *what;
    const char *where;
    unsigned long flags;
    const char *options;
} mounts[] = {
    {"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""},
    {"sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""},
    {"devtmpfs", "/dev", MS_NOSUID, "mode=0755"},
    {"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755"},
    {"tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777"},
};

static int mount_all(struct err *err)
{
    (void)umask(022);
    for (size_t i = 0; i < ARRAY_LENGTH(mounts); i++) {
        (void)mkdir(mounts[i].where, 0755); /* it may be there */
        if (mount(mounts[i].what, mounts[i].where, mounts[i].what,
                  mounts[i].flags, mounts[i].options) &&
            errno != EBUSY)
            return err_set_errno(err, ERR_IO, errno, "cannot mount '%s'",
                                 mounts[i].where);
    }
    return 0;
}

/* Only a UEFI machine has them, and only after the module is in. */
static void mount_efivars(struct modules *modules)
{
    if (access("/sys/firmware/efi", F_OK))
        return;
    (void)modules_load(modules, "efivarfs");
    if (mount("efivarfs", "/sys/firmware/efi/efivars", "efivarfs",
              MS_NOSUID | MS_NODEV | MS_NOEXEC, "") &&
        errno != EBUSY)
        log_warn("the firmware's variables cannot be reached: %s",
                 err_errno_text(errno));
}

/* -------------------------------------------------- command line, clock */

int init_parameter(const char *line, const char *key, char *out, size_t size)
{
    size_t length = strlen(key);
    for (const char *at = line; *at;) {
        at += strspn(at, " \t\n");
        size_t word = strcspn(at, " \t\n");
        if (word > length && !strncmp(at, key, length) && at[length] == '=') {
            (void)snprintf(out, size, "%.*s", (int)(word - length - 1),
                           at + length + 1);
            return 0;
        }
        at += word;
    }
    return -1;
}

static void read_command_line(struct start *start)
{
    AUTO_CLOSE int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, start->line, sizeof(start->line) - 1) : -1;
    start->line[got > 0 ? got : 0] = '\0';
    if (!init_parameter(start->line, "slipway.server", start->server,
                        sizeof(start->server)))
        start->target.server = start->server;
    if (!init_parameter(start->line, "slipway.ticket", start->ticket,
                        sizeof(start->ticket)))
        start->target.ticket = start->ticket;
}

/* A machine with an empty battery wakes in 1970 or 2000, and then no
 * certificate is valid yet. */
static void set_clock(struct start *start)
{
    AUTO_BUF text = BUF_INIT(64);
    uint64_t built_s = 0;
    if (file_read(AT_FDCWD, BUILT_PATH, &text, NULL))
        return;
    char *line = (char *)text.data;
    line[strcspn(line, "\n")] = '\0';
    if (num_parse_u64(line, 1, INT64_MAX / 2, &built_s, NULL))
        return;
    start->target.built_s = (int64_t)built_s;
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) || now.tv_sec >= (time_t)built_s)
        return;
    now = (struct timespec){.tv_sec = (time_t)built_s};
    if (!clock_settime(CLOCK_REALTIME, &now))
        init_say("this machine's clock was before the engine was made; it "
                 "begins there now");
}

static void loopback_up(void)
{
    AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo"};
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request))
        log_warn("the loopback port stays down: %s", err_errno_text(errno));
}

/* ------------------------------------------------------------- devices */

static int find_devices(struct start *start, struct err *err)
{
    int rc = modules_open(MODULES_FOLDER, &start->modules, err);
    if (!rc)
        rc = init_devices_open(start->modules, &start->devices, err);
    if (rc)
        return rc;
    unsigned loaded = modules_coldplug(start->modules, "/sys");
    mount_efivars(start->modules);
    loaded += init_devices_settle(start->devices);
    init_say("%u kernel modules loaded", loaded);
    rc = disks_scan("", DISK_PROBE_MS, &start->target.disks, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < start->target.disks.count; i++) {
        const struct disk *disk = &start->target.disks.disks[i];
        char size[NUM_SIZE_TEXT_BYTES];
        init_say("disk %s: %s %s%s%s", disk->name,
                 num_format_size(disk->size_bytes, size),
                 disk->model[0] ? disk->model : disk->transport,
                 disk->finding[0] ? ": " : "", disk->finding);
    }
    if (start->target.disks.count == 0)
        init_say("this machine has no disk");
    return 0;
}

/* Once the ports are up, or every one of them would be without a link. */
static int take_facts(struct start *start, struct err *err)
{
    start->target.facts = facts_collect("", &start->target.disks, err);
    return start->target.facts ? 0 : ERR_NO_MEMORY;
}

/* ------------------------------------------------------------- network */

static void stop_waiting(void *arg)
{
    struct start *start = arg;
    start->timer = NULL;
    start->timed_out = true;
    loop_stop(start->target.loop);
}

static void wait_until(struct start *start, uint64_t delay_ms)
{
    loop_timer_cancel(start->timer);
    start->timer =
        loop_timer(start->target.loop, delay_ms, stop_waiting, start);
}

/* 0 = every linked port has an address, 1 = some have, 2 = none has. */
static int network_state(const struct net *net)
{
    size_t count = 0, linked = 0, leased = 0;
    const struct net_port *ports = net_ports(net, &count);
    for (size_t i = 0; i < count; i++) {
        linked += ports[i].carrier;
        leased += ports[i].leased;
    }
    return leased == 0 ? 2 : leased < linked;
}

static void on_port(void *arg, const struct net_port *port)
{
    struct start *start = arg;
    char address[INET_ADDRSTRLEN];
    if (port->leased)
        init_say("network port %s: address %s", port->name,
                 inet_ntop(AF_INET, &port->address, address, sizeof(address)));
    else
        init_say("network port %s: %s", port->name,
                 port->carrier ? "link, waiting for an address" : "no link");
    if (!start->target.net)
        return; /* still inside net_open */
    int state = network_state(start->target.net);
    if (state == 0)
        loop_stop(start->target.loop);
    else if (state == 1)
        wait_until(start, NETWORK_SETTLE_MS);
}

/* Why there is no address, for somebody who stands in front of the machine. */
static int no_network(const struct net *net, struct err *err)
{
    size_t count = 0, linked = 0;
    const struct net_port *ports = net_ports(net, &count);
    for (size_t i = 0; i < count; i++)
        linked += ports[i].carrier;
    if (count == 0)
        return err_set(err, ERR_UNAVAILABLE,
                       "no network card was found that this engine has a "
                       "driver for; 'slipway engine build' lists the drivers "
                       "and warns of missing firmware");
    if (linked == 0)
        return err_set(err, ERR_UNAVAILABLE,
                       "none of the %zu network ports has a link; look at "
                       "the cable and the switch",
                       count);
    return err_set(err, ERR_UNAVAILABLE,
                   "no DHCP server gave an address on any of the %zu linked "
                   "network ports within %d s; look at the DHCP server and "
                   "its log",
                   linked, NETWORK_WAIT_MS / 1000);
}

/* The UUID as SMBIOS stores it: the first three fields little-endian. */
static const uint8_t *machine_uuid(const json_t *facts, uint8_t out[16])
{
    static const uint8_t order[16] = {3, 2, 1,  0,  5,  4,  7,  6,
                                      8, 9, 10, 11, 12, 13, 14, 15};
    const char *text = json_string_value(
        json_object_get(json_object_get(facts, "system"), "uuid"));
    char hex[33];
    uint8_t bytes[16];
    size_t used = 0;
    for (; text && *text && used < sizeof(hex) - 1; text++)
        if (*text != '-')
            hex[used++] = *text;
    hex[used] = '\0';
    if (hex_parse(hex, bytes, sizeof(bytes)))
        return NULL;
    for (size_t i = 0; i < sizeof(order); i++)
        out[i] = bytes[order[i]];
    return out;
}

static int find_network(struct start *start, struct err *err)
{
    static const struct net_handlers handlers = {on_port};
    uint8_t uuid[16];
    loopback_up();
    start->target.loop = loop_new(&seam_real, err);
    if (!start->target.loop)
        return err->code;
    int rc = init_reaper_new(start->target.loop, &start->reaper, err);
    if (!rc)
        rc = init_devices_watch(start->devices, start->target.loop, err);
    if (!rc)
        rc = net_open(start->target.loop,
                      machine_uuid(start->target.facts, uuid), &handlers, start,
                      &start->target.net, err);
    if (rc)
        return rc;
    wait_until(start, NETWORK_WAIT_MS);
    loop_run(start->target.loop);
    loop_timer_cancel(start->timer);
    start->timer = NULL;
    net_set_handlers(start->target.net, NULL, NULL);
    return network_state(start->target.net) == 2
               ? no_network(start->target.net, err)
               : 0;
}

/* --------------------------------------------------------------- leaving */

static void leave(const struct handoff *handoff)
{
    struct err err = ERR_INIT;
    while (handoff->method == HANDOFF_STAY)
        (void)pause(); /* somebody wants to look; power ends it */
    (void)handoff_go(handoff->method, &err);
    init_say("%s; switch the machine off and on", err.text);
    for (;;)
        (void)pause();
}

/* Something went wrong that the session could not report: say it, wait, and
 * give the machine back.  It never tries again by itself: the server decides
 * at the next boot whether the engine is loaded again. */
static void give_back(const struct err *err)
{
    init_say("The deployment engine cannot go on:");
    init_say("  %s", err->text);
    init_say("The machine resets in %d seconds.", TROUBLE_PAUSE_S);
    struct timespec pause_time = {.tv_sec = TROUBLE_PAUSE_S};
    while (nanosleep(&pause_time, &pause_time) && errno == EINTR)
        ;
}

/* Signals that would end another process mean nothing to PID 1; the kernel's
 * Ctrl-Alt-Del must not reset a machine in the middle of a write. */
static void quiet_signals(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
}

void init_run(target_session *session)
{
    static struct start start;
    struct err err = ERR_INIT;
    struct handoff handoff = {.method = HANDOFF_REBOOT};
    quiet_signals();
    start.target.trust_path = TRUST_PATH;
    int rc = mount_all(&err);
    init_console_open();
    log_open("engine", LOG_WARN, LOG_FORMAT_TEXT);
    init_say("Slipway deployment engine");
    if (!rc) {
        read_command_line(&start);
        set_clock(&start);
        rc = find_devices(&start, &err);
    }
    if (!rc)
        rc = find_network(&start, &err);
    if (!rc)
        rc = take_facts(&start, &err);
    if (!rc)
        rc = session(&start.target, &handoff, &err);
    if (rc) {
        give_back(&err);
        handoff.method = HANDOFF_REBOOT;
    }
    leave(&handoff);
    for (;;)
        (void)pause();
}
