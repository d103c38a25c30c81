/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: who changed what, one JSON object a line, append-only.  Each
 * line carries the SHA-256 of the line before it, so that a line that was
 * changed, removed or put in is found.  On the loop's thread.
 */
#ifndef CORE_SERVER_AUDIT_H
#define CORE_SERVER_AUDIT_H

#include <jansson.h>

#include "core/util/crypto.h"
#include "core/util/seam.h"

struct audit;

/* Opens or makes the log at `path` and checks its chain.  A last line that a
 * power cut left half written is put aside (it was never acknowledged); any
 * other damage is ERR_CORRUPT and names the line. */
int audit_open(const struct seam *seam, const char *path,
               struct audit **ret_audit, struct err *err);
void audit_close(struct audit *audit);

/*
 * Records that `actor` ("token 'ci'", "engine 'lab-01'", "server") did
 * `action` ("POST /api/v1/hosts/{id}/approve", "ticket-alarm") to `target`
 * ("/api/v1/hosts/7f.../approve"); steals `detail` (object or NULL).  Returns when the line is
 * behind an fdatasync: reply to the change after that.
 */
int audit_record(struct audit *audit, const char *actor, const char *action,
                 const char *target, json_t *detail, struct err *err);

/* Records after number `after`, at most `limit`: an array, each with
 * "number"; *ret_more tells whether there are further ones. */
json_t *audit_list(struct audit *audit, uint64_t after, size_t limit,
                   bool *ret_more, struct err *err);

/* Checks a log's text: 0, or ERR_CORRUPT naming the first wrong line.
 * `ret_end` (may be NULL) gets the length of what is whole. */
int audit_verify(const char *text, size_t length, uint64_t *ret_count,
                 struct digest *ret_head, size_t *ret_end, struct err *err);

#endif
