/* SPDX-License-Identifier: Apache-2.0 */
/* REST: the pages that the type URIs of problems lead to, as JSON, HTML or
 * plain text. */
#include <stdio.h>
#include <string.h>

#include "core/server/api/api.h"
#include "core/server/http/http-accept.h"
#include "core/server/rest/problem.h"
#include "core/server/rest/route.h"
#include "core/util/buf.h"
#include "core/util/macros.h"

#define PAGE_BYTES 4096

static json_t *problem_json(const struct problem *p)
{
    return json_pack("{s:s, s:s+, s:i, s:s, s:s, s:s}", "id", p->id, "type",
                     PROBLEM_TYPE, p->id, "status", (int)p->status, "title",
                     p->title, "meaning", p->meaning, "remedy", p->remedy);
}

void api_problems(struct server *server, struct request *r)
{
    size_t count;
    const struct problem *list = problem_list(&count);
    json_t *items = json_array();
    (void)server;
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(items, problem_json(&list[i]));
    route_reply_list(r, items, NULL);
}

/* ---- pages for people ---- */

static void put_html(struct buf *page, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            (void)buf_append_text(page, "&lt;");
        else if (*text == '&')
            (void)buf_append_text(page, "&amp;");
        else
            (void)buf_append_byte(page, (uint8_t)*text);
    }
}

static void put_element(struct buf *page, const char *name, const char *text)
{
    (void)buf_printf(page, "<%s>", name);
    put_html(page, text);
    (void)buf_printf(page, "</%s>\n", name);
}

static void put_page(struct buf *page, const struct problem *p)
{
    char heading[160];
    (void)snprintf(heading, sizeof(heading), "%s (%s, status %u)", p->title,
                   p->id, p->status);
    (void)buf_append_text(page, "<!DOCTYPE html>\n<html lang=\"en\">\n"
                                "<meta charset=\"utf-8\">\n");
    put_element(page, "title", heading);
    put_element(page, "h1", heading);
    put_element(page, "h2", "What it means");
    put_element(page, "p", p->meaning);
    put_element(page, "h2", "What to do");
    put_element(page, "p", p->remedy);
}

static void put_plain(struct buf *page, const struct problem *p)
{
    (void)buf_printf(page, "%s (%s, status %u)\n\n%s\n\nWhat to do: %s\n",
                     p->title, p->id, p->status, p->meaning, p->remedy);
}

static void reply_page(struct request *r, const char *type,
                       const struct buf *page)
{
    if (page->failed)
        request_problem(r, "internal", "out of memory");
    else
        request_reply_bytes(r, 200, type, page->data, page->length, "Vary",
                            "Accept");
}

void api_problem(struct server *server, struct request *r)
{
    static const char *const types[] = {"application/json", "text/html",
                                        "text/plain"};
    const char *id = request_path_value(r, "id");
    const struct problem *p = problem_get(id);
    AUTO_BUF page = BUF_INIT(PAGE_BYTES);
    (void)server;
    if (strcmp(p->id, id) != 0) {
        request_problem(r, "not-found", "there is no problem '%s'", id);
        return;
    }
    switch (http_accept_best(request_header(r, "Accept"), types,
                             ARRAY_LENGTH(types))) {
    case 1:
        put_page(&page, p);
        reply_page(r, "text/html; charset=utf-8", &page);
        break;
    case 2:
        put_plain(&page, p);
        reply_page(r, "text/plain; charset=utf-8", &page);
        break;
    default:
        request_reply(r, 200, problem_json(p), 0);
    }
}
