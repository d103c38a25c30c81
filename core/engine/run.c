/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/run.h"

#include <getopt.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/engine/engine.h"
#include "core/engine/facts/facts.h"
#include "core/util/json.h"
#include "core/util/log.h"
#include "core/util/num.h"

#define FACTS_MAX_BYTES (1024 * 1024)
#define SECTOR_DEFAULT_BYTES 512
#define OWN_DISKS_PROBE_MS 10000

struct run {
    struct seam seam; /* seam_real, but for the clock */
    int64_t clock_offset_s;
    struct target target;
    struct trust trust;
    uint64_t patience_ms;
    const char *facts_path;
    struct {
        const char *path;
        uint32_t sector_bytes;
    } disks[16];
    size_t disk_count;
    bool own_disks;
    uint32_t sector_bytes; /* for the disks that follow */
    int64_t clock_s;       /* 0 = the real one */
    struct rendezvous_port port;
    bool has_port;
};

static const char usage[] =
    "usage: slipway-engine run --trust FILE [OPTION...]\n"
    "  --trust FILE        the site's trust file\n"
    "  --server ADDR:PORT  ask this server first (default: the trust file's)\n"
    "  --ticket TEXT       boot ticket\n"
    "  --interface NAME    ask by DHCPINFORM on this port, which has an "
    "address\n"
    "  --sector-bytes N    sector size of the disks that follow (512)\n"
    "  --disk FILE         a plain file as a disk; may be repeated\n"
    "  --own-disks         the machine's own disks too; nothing may write "
    "them\n"
    "  --facts FILE        inventory as JSON (default: this machine's)\n"
    "  --patience TIME     how long to look for a server (10m)\n"
    "  --clock-s N         let the clock say this many seconds since 1970\n"
    "  --verbose           log more\n";

static int64_t shifted_wall_s(void *context)
{
    const struct run *run = context;

    return seam_real.wall_s(seam_real.context) + run->clock_offset_s;
}

static int add_disk(struct run *run, const char *path)
{
    if (run->disk_count == ARRAY_LENGTH(run->disks)) {
        log_error("at most %zu disks can be given", ARRAY_LENGTH(run->disks));
        return -1;
    }
    run->disks[run->disk_count].path = path;
    run->disks[run->disk_count++].sector_bytes = run->sector_bytes;
    return 0;
}

/* Address and MAC of a port that somebody else has set up. */
static int read_port(struct run *run, const char *name, struct err *err)
{
    AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_addr.sa_family = AF_INET};
    struct sockaddr_in address;

    if (strlen(name) >= sizeof(request.ifr_name))
        return err_set(err, ERR_INVALID, "'%.60s' is no port's name", name);
    (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    (void)snprintf(run->port.name, sizeof(run->port.name), "%s", name);
    run->port.interface_index = if_nametoindex(name);
    if (fd < 0 || run->port.interface_index == 0 ||
        ioctl(fd, SIOCGIFADDR, &request) < 0)
        return err_set_errno(err, ERR_INVALID, errno,
                             "port '%s' has no address", name);
    memcpy(&address, &request.ifr_addr, sizeof(address));
    run->port.address = address.sin_addr;
    if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
        return err_set_errno(err, ERR_INVALID, errno, "port '%s' has no MAC",
                             name);
    memcpy(run->port.mac, request.ifr_hwaddr.sa_data, sizeof(run->port.mac));
    run->has_port = true;
    return 0;
}

static int take_option(struct run *run, int option, const char *text)
{
    struct err err = ERR_INIT;
    uint64_t number = 0;
    int code = 0;

    switch (option) {
    case 't':
        run->target.trust_path = text;
        break;
    case 's':
        run->target.server = text;
        code = server_name_check(text, &err);
        break;
    case 'k':
        run->target.ticket = text;
        break;
    case 'i':
        code = read_port(run, text, &err);
        break;
    case 'b':
        code = num_parse_u64(text, 512, 65536, &number, &err);
        run->sector_bytes = (uint32_t)number;
        break;
    case 'o':
        run->own_disks = true;
        break;
    case 'd':
        return add_disk(run, text);
    case 'f':
        run->facts_path = text;
        break;
    case 'p':
        code = num_parse_duration(text, &run->patience_ms, &err);
        break;
    case 'c':
        code = num_parse_u64(text, 1, INT64_MAX / 2, &number, &err);
        run->clock_s = (int64_t)number;
        break;
    case 'v':
        log_open("slipway-engine", LOG_DEBUG, LOG_FORMAT_TEXT);
        break;
    default:
        return -1;
    }
    if (code < 0)
        log_error("%s", err.text);
    return code;
}

static int take_options(struct run *run, int argc, char **argv)
{
    static const struct option options[] = {
        {"trust", required_argument, NULL, 't'},
        {"server", required_argument, NULL, 's'},
        {"ticket", required_argument, NULL, 'k'},
        {"interface", required_argument, NULL, 'i'},
        {"sector-bytes", required_argument, NULL, 'b'},
        {"disk", required_argument, NULL, 'd'},
        {"own-disks", no_argument, NULL, 'o'},
        {"facts", required_argument, NULL, 'f'},
        {"patience", required_argument, NULL, 'p'},
        {"clock-s", required_argument, NULL, 'c'},
        {"verbose", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        if (take_option(run, option, optarg) < 0)
            return -1;
    if (optind == argc && run->target.trust_path)
        return 0;
    log_error(optind < argc ? "an argument that is no option was given"
                            : "--trust is missing");
    return -1;
}

/* The inventory lists the disks that were given, whatever the file says. */
static int put_disks(struct run *run, struct err *err)
{
    json_t *list = json_array();

    for (size_t i = 0; i < run->target.disks.count; i++)
        (void)json_array_append_new(list,
                                    disk_json(&run->target.disks.disks[i]));
    if (json_object_set_new(run->target.facts, "disks", list) < 0)
        return err_set(err, ERR_NO_MEMORY, "not enough memory for the facts");
    return 0;
}

/* As read-only ones: this process is no machine that is being deployed. */
static int find_own_disks(struct run *run, struct err *err)
{
    struct disk_list *disks = &run->target.disks;
    int code = disks_scan("", OWN_DISKS_PROBE_MS, disks, err);

    for (size_t i = 0; code == 0 && i < disks->count; i++)
        disks->disks[i].read_only = true;
    return code;
}

static int prepare(struct run *run, struct err *err)
{
    struct target *target = &run->target;

    run->seam = seam_real;
    if (run->clock_s) {
        run->clock_offset_s =
            run->clock_s - seam_real.wall_s(seam_real.context);
        run->seam.context = run;
        run->seam.wall_s = shifted_wall_s;
    }
    if (trust_load(target->trust_path, &run->trust, err) < 0)
        return ERR_INVALID;
    if (run->own_disks && find_own_disks(run, err) < 0)
        return ERR_IO;
    for (size_t i = 0; i < run->disk_count; i++)
        if (disks_add_file(&target->disks, run->disks[i].path,
                           run->disks[i].sector_bytes, err) < 0)
            return ERR_INVALID;
    target->facts = run->facts_path
                        ? json_read_file(run->facts_path, FACTS_MAX_BYTES, err)
                        : facts_collect("", &target->disks, err);
    if (!target->facts)
        return ERR_INVALID;
    target->loop = loop_new(&run->seam, err);
    return target->loop ? put_disks(run, err) : ERR_NO_MEMORY;
}

/* One line of JSON that says how a machine would have left. */
static void print_end(const struct handoff *leave, int code,
                      const struct err *err)
{
    AUTO_JSON *end = json_pack(
        "{s:s, s:s, s:s, s:s}", "method", handoff_word(leave->method), "disk",
        leave->disk_node, "code", code < 0 ? err_word(code) : "ok", "sentence",
        code < 0 ? err->text : "");
    AUTO_FREE char *text = end ? json_text(end) : NULL;

    if (text)
        (void)puts(text);
}

int run_main(int argc, char **argv)
{
    struct run run = {.sector_bytes = SECTOR_DEFAULT_BYTES};
    struct handoff leave = {.method = HANDOFF_STAY};
    struct err err = ERR_INIT;
    int fd = STDERR_FILENO;
    struct console *console = NULL;

    if (take_options(&run, argc, argv) < 0) {
        (void)fputs(usage, stderr);
        return 2;
    }
    int code = prepare(&run, &err);
    if (code == 0)
        console = console_new(run.target.loop, &fd, 1, &err);
    if (console) {
        struct engine_setup setup = {
            .loop = run.target.loop,
            .target = &run.target,
            .trust = &run.trust,
            .port = run.has_port ? &run.port : NULL,
            .console = console,
            .patience_ms = run.patience_ms,
        };
        code = engine_work(&setup, &leave, &err);
        print_end(&leave, code, &err);
    } else {
        log_error("%s", err.text);
        code = ERR_INVALID;
    }
    console_free(console);
    loop_free(run.target.loop);
    json_decref(run.target.facts);
    disk_list_done(&run.target.disks);
    return code < 0 ? 1 : 0;
}
