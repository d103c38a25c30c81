/* SPDX-License-Identifier: Apache-2.0 */
/* /engine/v1: manifests, index pages and plugins, as exact bytes.  Only what
 * the session's plan names is served. */
#include <sys/stat.h>
#include <unistd.h>

#include "core/plugin/registry.h"
#include "core/server/api/api-deploy.h"
#include "core/server/images/images.h"
#include "core/server/server.h"
#include "core/server/sessions/session.h"

/* The digest of the path; false = replied. */
static bool get_digest(struct request *r, struct digest *ret)
{
    if (digest_parse(request_path_value(r, "digest"), ret, NULL) == 0)
        return true;
    request_problem(r, "not-found", "the path does not end in a digest");
    return false;
}

static void not_named(struct request *r)
{
    request_problem(r, "not-found",
                    "the plan of this session does not name "
                    "that");
}

/* --- manifest ----------------------------------------------------------- */

static void got_manifest(void *arg, const void *text, size_t length,
                         const uint8_t *signature, const struct err *err)
{
    struct request *r = arg;
    char hex[2 * SIGNATURE_BYTES + 1];
    if (err) {
        request_fail(r, err);
        return;
    }
    request_reply_bytes(r, 200, "application/json", text, length,
                        "Slipway-Signature",
                        hex_format(signature, SIGNATURE_BYTES, hex));
}

void api_content_manifest(struct server *server, struct request *r)
{
    struct digest digest;
    struct session *session = api_session_get(server, r);
    if (!session || !get_digest(r, &digest))
        return;
    if (session_may_fetch_manifest(server->sessions, session, &digest))
        images_manifest(server->images, &digest, got_manifest, r);
    else
        not_named(r);
}

/* --- index -------------------------------------------------------------- */

struct paging {
    struct server *server;
    struct request *r;
    struct digest page;
    struct digest manifests[MESSAGE_MAX_STEPS];
    size_t count;
    size_t at;
};

static void try_next(struct paging *p);

static void got_page(void *arg, const void *data, size_t length,
                     const struct err *err)
{
    struct paging *p = arg;
    if (err && err->code == ERR_NOT_FOUND) {
        try_next(p); /* it may belong to another image of the plan */
        return;
    }
    if (err)
        request_fail(p->r, err);
    else
        request_reply_bytes(p->r, 200, "application/octet-stream", data, length,
                            NULL, NULL);
    free(p);
}

static void try_next(struct paging *p)
{
    if (p->at < p->count) {
        const struct digest *manifest = &p->manifests[p->at++];
        images_index(p->server->images, manifest, &p->page, got_page, p);
        return;
    }
    not_named(p->r);
    free(p);
}

void api_content_index(struct server *server, struct request *r)
{
    struct digest digest;
    struct session *session = api_session_get(server, r);
    if (!session || !get_digest(r, &digest))
        return;
    struct paging *p = calloc(1, sizeof(*p));
    if (!p) {
        request_problem(r, "internal", "out of memory");
        return;
    }
    p->server = server;
    p->r = r;
    p->page = digest;
    p->count = session_manifests(server->sessions, session, p->manifests);
    try_next(p);
}

/* --- plugin ------------------------------------------------------------- */

void api_content_plugin(struct server *server, struct request *r)
{
    struct digest digest;
    struct err err = ERR_INIT;
    struct stat status;
    struct session *session = api_session_get(server, r);
    int fd = -1;
    if (!session || !get_digest(r, &digest))
        return;
    if (!session_may_fetch_plugin(server->sessions, session, &digest)) {
        not_named(r);
        return;
    }
    if (registry_open_digest(server->registry, &digest, &fd, &err)) {
        request_fail(r, &err);
        return;
    }
    if (fstat(fd, &status)) {
        (void)close(fd);
        request_problem(r, "internal", "a plugin's size is not known");
        return;
    }
    request_reply_file(r, 200, "application/octet-stream", fd,
                       (uint64_t)status.st_size);
}
