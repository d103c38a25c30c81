/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of the route table, by file.  Each replies exactly once. */
#ifndef CORE_SERVER_API_API_H
#define CORE_SERVER_API_API_H

#include "core/server/http/http.h"

typedef void api_handler(struct server *server, struct request *r);

/* api-status.c */
api_handler api_status, api_trust, api_leases, api_audit;
/* api-problem.c */
api_handler api_problems, api_problem;
/* api-openapi.c */
api_handler api_openapi, api_schemas;
/* api-event.c */
api_handler api_events, api_event_list;
/* api-host.c */
api_handler api_host_list, api_host_get, api_host_create, api_host_change,
    api_host_delete, api_host_unknown;
/* api-profile.c */
api_handler api_profile_list, api_profile_get, api_profile_put,
    api_profile_create, api_profile_delete;
/* api-plugin.c */
api_handler api_plugin_list, api_plugin_get, api_plugin_enable,
    api_plugin_disable;
/* api-engine.c */
api_handler api_engine_list, api_engine_file, api_engine_publish;
/* api-secret.c */
api_handler api_secret_list, api_secret_get, api_secret_put, api_secret_delete;

/* api-token.c */
api_handler api_token_list, api_token_create, api_token_delete;

#endif
