/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lease log: one line a change, appended and synced before the client is
 * told, read back at start.
 *
 *   CHECK STATE ADDRESS CLIENT UNTIL NAME
 *
 * CHECK: first 16 hexadecimal digits of the SHA-256 of the rest of the line
 * after the space; STATE: bound, released or declined; CLIENT: 32 hexadecimal
 * digits; UNTIL: calendar seconds; NAME: the client's name for itself or "-".
 * The last record of an address counts.
 */
#ifndef CORE_SERVER_DHCP_LEASE_LOG_H
#define CORE_SERVER_DHCP_LEASE_LOG_H

#include "core/server/dhcp/lease.h"
#include "core/util/buf.h"
#include "core/util/seam.h"

#define LEASE_RECORD_MAX 192
#define LEASE_LOG_MAX_BYTES ((size_t)256 << 20)

struct lease_log {
    const struct seam *seam;
    int handle;
    uint64_t records; /* lines in the file */
};

/* What reading found, for the log. */
struct lease_log_found {
    uint64_t records;
    uint64_t damaged; /* lines whose check failed */
    bool torn;        /* the last line was cut off: a crash while writing */
};

int lease_log_open(struct lease_log *log, const struct seam *seam,
                   const char *path, struct err *err);
void lease_log_close(struct lease_log *log);

/*
 * Fills `leases` from the file.  Ends are limited to `longest_s` from now, in
 * case the calendar has jumped.  The address of a damaged line, if it can
 * still be read, is kept from use for `longest_s`: somebody may have it.
 */
int lease_log_load(struct lease_log *log, struct leases *leases,
                   uint32_t longest_s, struct lease_log_found *ret,
                   struct err *err);

/* Adds a record's line to `buf`. */
int lease_record_format(struct buf *buf, enum lease_state state,
                        struct in_addr address, const struct lease_key *key,
                        int64_t until_s, const char *name);
/* Appends `count` lines and syncs.  On failure nothing of them is there. */
int lease_log_append(struct lease_log *log, const struct buf *lines,
                     uint64_t count, struct err *err);
/* Rewrites the file with the current leases alone when it has grown to many
 * times that, or when `force`. */
int lease_log_compact(struct lease_log *log, const struct leases *leases,
                      bool force, struct err *err);

#endif
