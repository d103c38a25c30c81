/* SPDX-License-Identifier: Apache-2.0 */
/* REST: the enrolment window, and unknown machines that become hosts. */
#include <stdio.h>
#include <string.h>

#include "core/server/api/api-deploy.h"
#include "core/server/deploy.h"
#include "core/server/hosts/enrol.h"
#include "core/server/hosts/host.h"
#include "core/server/server.h"
#include "core/server/sessions/session.h"

struct window_request {
    struct server *server;
    struct request *r;
};

static void reply_window(struct server *server, struct request *r)
{
    json_t *body = enrol_json(deploy_enrol(server));
    if (body)
        request_reply(r, 200, body, 0);
    else
        request_problem(r, "internal", "out of memory");
}

void api_enrol_get(struct server *server, struct request *r)
{
    reply_window(server, r);
}

static void on_window(void *arg, const struct err *err)
{
    struct window_request *w = arg;
    if (err)
        request_fail(w->r, err);
    else
        reply_window(w->server, w->r);
    free(w);
}

static struct window_request *window_request_new(struct server *server,
                                                 struct request *r)
{
    struct window_request *w = calloc(1, sizeof(*w));
    if (w)
        *w = (struct window_request){server, r};
    else
        request_problem(r, "internal", "out of memory");
    return w;
}

void api_enrol_open(struct server *server, struct request *r)
{
    json_int_t for_s =
        json_integer_value(json_object_get(request_body(r), "for_s"));
    struct window_request *w = window_request_new(server, r);
    if (w)
        enrol_open(deploy_enrol(server), (uint32_t)for_s, request_actor(r),
                   on_window, w);
}

void api_enrol_close(struct server *server, struct request *r)
{
    struct window_request *w = window_request_new(server, r);
    if (w)
        enrol_close(deploy_enrol(server), request_actor(r), on_window, w);
}

static void on_host(void *arg, const struct host *host, const struct err *err)
{
    struct request *r = arg;
    json_t *body = err ? NULL : host_json(host);
    if (err)
        request_fail(r, err);
    else if (body)
        request_reply(r, 201, body, host->revision);
    else
        request_problem(r, "internal", "out of memory");
}

void api_enrol_approve(struct server *server, struct request *r)
{
    const json_t *body = request_body(r);
    session_enrol_approve(server->sessions,
                          json_string_value(json_object_get(body, "code")),
                          body, request_actor(r), on_host, r);
}
