/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of tasks, batches and engines' sessions in the route table.  Each
 * replies exactly once. */
#ifndef CORE_SERVER_API_API_DEPLOY_H
#define CORE_SERVER_API_API_DEPLOY_H

#include "core/server/http/http.h"

/* api-task.c */
void api_task_list(struct server *server, struct request *r);
void api_task_get(struct server *server, struct request *r);
void api_task_cancel(struct server *server, struct request *r);
void api_task_result(struct server *server, struct request *r);
void api_host_inventory(struct server *server, struct request *r);
/* api-batch.c: POST /tasks starts a batch, also for one host. */
void api_batch_start(struct server *server, struct request *r);
void api_batch_list(struct server *server, struct request *r);
void api_batch_get(struct server *server, struct request *r);
void api_batch_cancel(struct server *server, struct request *r);
/* api-approve.c: engines that show a code */
void api_host_approve(struct server *server, struct request *r);
void api_host_pending(struct server *server, struct request *r);
void api_batch_approve(struct server *server, struct request *r);
/* api-enrol.c */
void api_enrol_get(struct server *server, struct request *r);
void api_enrol_open(struct server *server, struct request *r);
void api_enrol_close(struct server *server, struct request *r);
void api_enrol_approve(struct server *server, struct request *r);
/* api-session.c */
void api_session_hello(struct server *server, struct request *r);
void api_session_plan(struct server *server, struct request *r);
void api_session_report(struct server *server, struct request *r);
/* api-content.c */
void api_content_manifest(struct server *server, struct request *r);
void api_content_index(struct server *server, struct request *r);
void api_content_plugin(struct server *server, struct request *r);

/* The engine's session that the request belongs to; NULL = refused and
 * replied. */
struct session;
struct session *api_session_get(struct server *server, struct request *r);

#endif
