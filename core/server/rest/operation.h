/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Idempotency-Key: the reply to a POST is kept in the store under a name made
 * of token and key, so that a client that lost the reply gets the same one
 * again, also after a restart of the server.  On the loop's thread.
 *
 * A document {"schema":1, "request": digest, "boot": id, "made_s": N} means
 * that the request is being worked on by that run of the server; with "status"
 * and "reply" it is finished.  When the run is over and there is no reply,
 * the request is worked on again with the same derived ids.
 */
#ifndef CORE_SERVER_REST_OPERATION_H
#define CORE_SERVER_REST_OPERATION_H

#include "core/util/crypto.h"

struct request;
struct server;
struct operation;

/* True when the request carries a key and its route takes one. */
bool operation_wanted(const struct request *r);
/* Looks the key up and either replies (done before, another request, still
 * running) or calls run(r). */
void operation_begin(struct request *r, void (*run)(struct request *r));
/* Keeps the reply, then calls send(arg).  `body` may be NULL. */
void operation_finish(struct request *r, unsigned status, uint64_t revision,
                      const char *body, void (*send)(void *arg), void *arg);
/* 32 hex digits for what the request creates. */
const char *operation_new_id(const struct operation *operation);
void operation_free(struct operation *operation);

/* Deletes what is older than a day; at start and each hour. */
void operations_expire(struct server *server);

#endif
