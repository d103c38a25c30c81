/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the installed system gets: its name, a line above the login prompt, and
 * cloud-init's seed.  The seed lies where cloud-init looks for it: in the root
 * file system of an image that has cloud-init, or in the FAT file system named
 * CIDATA of an image that has one.
 */
#include "install.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "seed.h"

#define LINE_BYTES 256
#define FILES_MAX 8
#define INSTANCE_BYTES 48
#define SEED_FOLDER "/var/lib/cloud/seed/nocloud"
#define SEED_MODE 0600 /* it may hold hashes of passwords */

struct files {
    struct slipway_file list[FILES_MAX];
    uint64_t count;
};

static void add(struct files *files, const char *path, const char *text,
                uint32_t mode)
{
    files->list[files->count++] = (struct slipway_file){
        .size = sizeof(struct slipway_file),
        .path = path,
        .data = text,
        .length = strlen(text),
        .mode = mode,
    };
}

static int check_hostname(const struct slipway_action_host *host)
{
    const char *name = host->param_text(host, PARAM_HOSTNAME);
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";

    if (!name)
        return SLIPWAY_OK;
    size_t length = strlen(name);
    if (length == 0 || length > HOSTNAME_BYTES_MAX ||
        strspn(name, allowed) != length || name[0] == '-' ||
        name[length - 1] == '-')
        return failf(host, SLIPWAY_EINVAL,
                     "'%.80s' is not a host name: letters, digits and inner "
                     "dashes, at most %d of them",
                     name, HOSTNAME_BYTES_MAX);
    return SLIPWAY_OK;
}

static int check_marker(const struct slipway_action_host *host)
{
    const char *marker = host->param_text(host, PARAM_MARKER);

    for (; marker && *marker; marker++)
        if ((unsigned char)*marker < ' ' || *marker == 0x7f)
            return failf(host, SLIPWAY_EINVAL,
                         "the marker must be one line of printable text");
    return SLIPWAY_OK;
}

/* The number of the partition that cloud-init takes for a seed, or 0.  Its
 * file system's label is what counts; the engine knows the partition's name,
 * which on an MBR is that label. */
static uint32_t seed_partition(const json_t *image)
{
    const json_t *list = json_object_get(image, "partitions");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *p = json_array_get(list, i);
        const char *type = json_string_value(json_object_get(p, "file_system"));
        const char *name = json_string_value(json_object_get(p, "name"));
        if (type && name && strcmp(type, "vfat") == 0 &&
            strcasecmp(name, "CIDATA") == 0)
            return (uint32_t)json_integer_value(json_object_get(p, "number"));
    }
    return 0;
}

static int has_root(const json_t *image)
{
    return json_integer_value(json_object_get(image, "root")) > 0;
}

/* Is there anything that only cloud-init can do? */
static int wants_seed(const struct slipway_action_host *host,
                      const json_t *image)
{
    return host->param_text(host, PARAM_USERS) ||
           host->param_text(host, PARAM_SSH_KEYS) ||
           host->param_text(host, PARAM_NETWORK) ||
           (host->param_text(host, PARAM_HOSTNAME) && !has_root(image) &&
            seed_partition(image));
}

/* Another installation is another instance: cloud-init starts afresh. */
static int new_instance(const struct slipway_action_host *host,
                        char out[INSTANCE_BYTES])
{
    unsigned char random[16];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return failf(host, SLIPWAY_EINTERNAL, "the kernel has no randomness");
    size_t at = (size_t)snprintf(out, INSTANCE_BYTES, "slipway-");
    for (size_t i = 0; i < sizeof(random); i++, at += 2)
        (void)snprintf(out + at, INSTANCE_BYTES - at, "%02x", random[i]);
    return SLIPWAY_OK;
}

static int make_seed(const struct slipway_action_host *host, struct seed *ret)
{
    char why[SEED_SENTENCE_BYTES], instance[INSTANCE_BYTES];
    const struct seed_spec spec = {
        .instance_id = instance,
        .hostname = host->param_text(host, PARAM_HOSTNAME),
        .users = host->param_text(host, PARAM_USERS),
        .ssh_keys = host->param_text(host, PARAM_SSH_KEYS),
        .network = host->param_text(host, PARAM_NETWORK),
    };
    int code = new_instance(host, instance);

    if (code != SLIPWAY_OK)
        return code;
    return seed_make(&spec, ret, why) < 0
               ? failf(host, SLIPWAY_EINVAL, "%s", why)
               : SLIPWAY_OK;
}

int files_check(const struct slipway_action_host *host)
{
    struct seed seed;
    int code = check_hostname(host);

    if (code == SLIPWAY_OK)
        code = check_marker(host);
    if (code == SLIPWAY_OK)
        code = make_seed(host, &seed);
    if (code == SLIPWAY_OK)
        seed_done(&seed);
    return code;
}

int files_check_image(const struct slipway_action_host *host,
                      const json_t *image)
{
    if (!wants_seed(host, image) || has_root(image) || seed_partition(image))
        return SLIPWAY_OK;
    return failf(host, SLIPWAY_EUNSUPPORTED,
                 "this image has neither a root file system that can be "
                 "written to nor a partition named CIDATA; leave users, "
                 "ssh_keys and network out");
}

static void add_seed(struct files *files, const struct seed *seed,
                     uint32_t partition)
{
    uint64_t first = files->count;

    add(files, partition ? "/meta-data" : SEED_FOLDER "/meta-data",
        seed->meta_data, SEED_MODE);
    add(files, partition ? "/user-data" : SEED_FOLDER "/user-data",
        seed->user_data, SEED_MODE);
    if (seed->network_config)
        add(files,
            partition ? "/network-config" : SEED_FOLDER "/network-config",
            seed->network_config, SEED_MODE);
    for (uint64_t i = first; i < files->count; i++)
        files->list[i].partition = partition;
    if (partition)
        return;
    files->list[first].needs = "/etc/cloud";
    files->list[first].needs_text =
        "this image has no cloud-init (there is no /etc/cloud in its root "
        "file system): leave users, ssh_keys and network out, or put "
        "cloud-init into the image";
}

/* The name and the marker, as every system reads them. */
static void add_plain(struct files *files,
                      const struct slipway_action_host *host,
                      char name_line[LINE_BYTES], char marker_line[LINE_BYTES])
{
    const char *name = host->param_text(host, PARAM_HOSTNAME);
    const char *marker = host->param_text(host, PARAM_MARKER);

    if (name) {
        (void)snprintf(name_line, LINE_BYTES, "%s\n", name);
        add(files, "/etc/hostname", name_line, 0644);
    }
    if (marker) {
        (void)snprintf(marker_line, LINE_BYTES, "%s\n", marker);
        add(files, "/etc/slipway-marker", marker_line, 0644);
        add(files, "/etc/issue.d/slipway.issue", marker_line, 0644);
    }
}

static int write_files(const struct slipway_action_host *host,
                       uint64_t disk_id, const struct files *files)
{
    return files->count ? host->personalise(host, PARAM_IMAGE, disk_id,
                                            files->list, files->count)
                        : SLIPWAY_OK;
}

int files_write(const struct slipway_action_host *host, const json_t *image,
                uint64_t disk_id)
{
    char name_line[LINE_BYTES], marker_line[LINE_BYTES];
    uint32_t partition = seed_partition(image);
    struct seed seed = {NULL, NULL, NULL};
    struct files root = {.count = 0}, other = {.count = 0};
    int code = SLIPWAY_OK;

    if (has_root(image) || !partition)
        add_plain(&root, host, name_line, marker_line);
    if (wants_seed(host, image)) {
        code = make_seed(host, &seed);
        if (code == SLIPWAY_OK)
            add_seed(partition ? &other : &root, &seed, partition);
    }
    if (code == SLIPWAY_OK)
        code = write_files(host, disk_id, &root);
    if (code == SLIPWAY_OK)
        code = write_files(host, disk_id, &other);
    seed_done(&seed);
    return code;
}
