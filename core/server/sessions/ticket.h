/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boot tickets: 32 random bytes that a machine gets by DHCP while a task is
 * armed for it, and shows inside TLS.  Documents `/v1/ticket/<SHA-256>`; only
 * the hash is stored.  A ticket is bound to host, task and the address it was
 * given to, and lives TICKET_LIFE_S.  Loop thread only.
 */
#ifndef CORE_SERVER_SESSIONS_TICKET_H
#define CORE_SERVER_SESSIONS_TICKET_H

#include "core/server/tasks/task.h"

#define TICKET_LIFE_S (15 * 60)
#define TICKETS_PER_HOST 3 /* outstanding, one for each address */

struct ticket {
    char hash[DIGEST_HEX_BYTES];
    char host_id[MESSAGE_ID_BYTES];
    char task[MESSAGE_ID_BYTES];
    uint32_t attempt;
    char address[46]; /* ciaddr it was given to */
    int64_t expires_s;
    char session[MESSAGE_ID_BYTES]; /* "" = not redeemed */
    char key[DIGEST_HEX_BYTES];     /* that redeemed it */
    bool frozen;
    char text[MESSAGE_TOKEN_BYTES]; /* memory only, until redeemed */
    bool stored;                    /* its document is acknowledged */
};

struct tickets;

struct tickets *tickets_new(struct tasks *tasks, struct err *err);
void tickets_free(struct tickets *tickets);
void tickets_load(struct tickets *tickets, store_loaded *loaded, void *arg);

/* A ticket for this task's host at this address: the outstanding one if its
 * text is still known, else a new one.  NULL: none may be given. */
void ticket_issue(struct tickets *tickets, struct task *task,
                  const char *address,
                  void (*done)(void *arg, const char *text), void *arg);

/* The stored ticket that `text` is, expired or not; NULL = there is none. */
struct ticket *ticket_find(struct tickets *tickets, const char *text);
bool ticket_expired(const struct tickets *tickets, const struct ticket *t);
/* Adds to a transaction: the ticket is redeemed or frozen.  The caller sets
 * the members once it is in the store. */
void ticket_write(const struct ticket *ticket, const char *session,
                  const char *key, bool frozen, struct task_writes *writes);
/* Forgets a host's tickets: its task has ended or lost its session.  Frozen
 * ones stay until they expire, so that the alarm is not lost. */
void tickets_drop(struct tickets *tickets, const char *host_id);

#endif
