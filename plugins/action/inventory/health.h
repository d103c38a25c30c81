/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a disk says it is: asking (health-ask.c), reading the answer
 * (health-pages.c), and doing both for every disk without ever waiting for one
 * that does not answer (health.c).
 */
#ifndef INVENTORY_HEALTH_H
#define INVENTORY_HEALTH_H

#include <stdint.h>

#include <jansson.h>

#include <slipway/action.h>

#define HEALTH_PAGE_BYTES 512
#define HEALTH_LIMIT_MS 15000 /* for all disks together */

/* Which language a disk speaks. */
enum health_kind {
    HEALTH_NONE, /* it has no health to report: virtio, a file, an SD card */
    HEALTH_NVME,
    HEALTH_ATA,
    HEALTH_SCSI,
};

/* What a disk has answered, as it came: small enough for one write to a pipe,
 * whole or not at all. */
struct health_pages {
    enum health_kind kind;             /* who answered */
    int error;                         /* errno value why nothing came, or 0 */
    unsigned verdict;                  /* ATA's own: HEALTH_VERDICT_* */
    int has_ata;                       /* the page `ata` is there */
    int has_limits;                    /* the page `limits` is there */
    unsigned scsi_length;              /* 0..512 */
    uint8_t nvme[HEALTH_PAGE_BYTES];   /* SMART / Health log, page 02h */
    uint8_t ata[HEALTH_PAGE_BYTES];    /* SMART READ DATA */
    uint8_t limits[HEALTH_PAGE_BYTES]; /* SMART READ THRESHOLDS */
    uint8_t scsi[HEALTH_PAGE_BYTES];   /* log page 2Fh */
};

#define HEALTH_VERDICT_NONE 0u
#define HEALTH_VERDICT_PASSED 1u
#define HEALTH_VERDICT_FAILING 2u

/* The first guess, by the disk's kernel name and transport. */
enum health_kind health_kind_of(const struct slipway_disk *disk);

/* Asks the disk behind `fd`.  Blocks for as long as the disk likes: to be
 * called in a process that can be left behind. */
void health_ask(int fd, enum health_kind kind, struct health_pages *ret_pages);

/*
 * The member `health` of a disk (profiles/schema/inventory.json).  Pages are
 * the disk's own and not trusted: what makes no sense is left out.  NULL = no
 * memory.
 */
json_t *health_json(const struct health_pages *pages);
/* The same for a disk about which there is only this sentence. */
json_t *health_unknown(const char *finding);

/*
 * Asks every disk that has a health at the same time, each in its own process,
 * and adds `health` to the object of that name in `list` (`disks` of the
 * facts).  After `limit_ms` those that are silent get a finding and are left
 * alone.  `ask` is health_ask but for tests.  0, or SLIPWAY_EINTERNAL after
 * fail().
 */
int health_add(const struct slipway_action_host *host, json_t *list,
               unsigned limit_ms,
               void (*ask)(int fd, enum health_kind kind,
                           struct health_pages *ret_pages));

#endif
