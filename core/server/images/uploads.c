/* SPDX-License-Identifier: Apache-2.0 */
/* The table of uploads: see uploads.h. */
#include "core/server/images/uploads.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/server/config.h"
#include "core/server/store/store.h"
#include "core/server/images/uploads-parts.h"
#include "core/util/file.h"
#include "core/util/log.h"

int64_t upload_now_s(const struct uploads *uploads)
{
    const struct seam *seam = loop_seam(uploads->server->loop);
    return seam->wall_s(seam->context);
}

int uploads_new(struct server *server, struct err *err)
{
    AUTO_CLOSE int state =
        open(server->config->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (state < 0)
        return err_set_errno(err, ERR_IO, errno, "cannot open '%s'",
                             server->config->state_dir);
    int folder = file_open_dir(state, "uploads", 0700, err);
    if (folder < 0)
        return folder;
    struct uploads *uploads = calloc(1, sizeof(*uploads));
    if (!uploads) {
        (void)close(folder);
        return err_set(err, ERR_NO_MEMORY, "no memory for uploads");
    }
    *uploads = (struct uploads){.server = server, .folder_fd = folder};
    server->uploads = uploads;
    return 0;
}

void upload_free(struct upload *u)
{
    if (!u)
        return;
    upload_stop(u);
    free(u);
}

void uploads_free(struct server *server)
{
    struct uploads *uploads = TAKE(server->uploads);
    if (!uploads)
        return;
    for (size_t i = 0; i < uploads->table.count; i++)
        upload_free(uploads->table.entries[i].value);
    table_done(&uploads->table);
    (void)close(uploads->folder_fd);
    free(uploads);
}

struct upload *uploads_find(const struct uploads *uploads, const char *id)
{
    return table_find(&uploads->table, id);
}

const struct upload *uploads_after(const struct uploads *uploads,
                                   const char *id)
{
    size_t i = table_after(&uploads->table, id);
    return i < uploads->table.count ? uploads->table.entries[i].value : NULL;
}

static bool unfinished(const struct upload *u)
{
    return u->state == UPLOAD_RECEIVING || u->state == UPLOAD_IMPORTING;
}

int64_t uploads_oldest_s(const struct uploads *uploads)
{
    int64_t oldest = INT64_MAX;
    for (size_t i = 0; i < uploads->table.count; i++) {
        const struct upload *u = uploads->table.entries[i].value;
        if (unfinished(u))
            oldest = MIN(oldest, u->created_s);
    }
    return oldest;
}

/* ---- making and removing ---- */

struct making {
    struct uploads *uploads;
    char id[UPLOAD_ID_BYTES]; /* it may be deleted meanwhile */
    upload_made *made;
    void *arg;
};

static void on_made(void *arg, uint64_t revision, const struct err *err)
{
    struct making *m = arg;
    struct upload *u = uploads_find(m->uploads, m->id);
    struct err gone;
    (void)revision;
    if (err && u) {
        (void)table_remove(&m->uploads->table, m->id);
        upload_free(u);
        u = NULL;
    }
    if (!err && !u)
        (void)err_set(&gone, ERR_NOT_FOUND, "upload %s was deleted", m->id);
    m->made(m->arg, u, u || err ? err : &gone);
    free(m);
}

static int check_room(const struct uploads *uploads, struct err *err)
{
    unsigned count = 0;
    for (size_t i = 0; i < uploads->table.count; i++)
        count += unfinished(uploads->table.entries[i].value);
    if (count < UPLOADS_MAX)
        return 0;
    return err_set(err, ERR_UNAVAILABLE,
                   "%d uploads are unfinished already: finish or delete one "
                   "('slipway upload list')",
                   UPLOADS_MAX);
}

static int check(const struct uploads *uploads, const struct upload_spec *spec,
                 struct err *err)
{
    const struct image_import_spec import = {
        .name = spec->name,
        .kind = spec->kind,
        .format = spec->format,
        .size_bytes = spec->size_bytes,
        .sector_bytes = spec->sector_bytes,
    };
    int rc = image_import_check(&import, err);
    return rc ? rc : check_room(uploads, err);
}

void upload_create(struct uploads *uploads, const struct upload_spec *spec,
                   upload_made *made, void *arg)
{
    struct err err = ERR_INIT;
    struct upload *known = uploads_find(uploads, spec->id);
    if (known || check(uploads, spec, &err)) {
        made(arg, known, known ? NULL : &err);
        return;
    }
    struct making *m = calloc(1, sizeof(*m));
    struct upload *u = calloc(1, sizeof(*u));
    if (u) {
        u->uploads = uploads;
        u->spec = *spec;
        u->pipe_fd = -1;
        u->created_s = u->touched_s = upload_now_s(uploads);
    }
    if (!m || !u || table_add(&uploads->table, u->spec.id, u)) {
        free(m);
        free(u);
        (void)err_set(&err, ERR_NO_MEMORY, "no memory for an upload");
        made(arg, NULL, &err);
        return;
    }
    *m = (struct making){.uploads = uploads, .made = made, .arg = arg};
    (void)snprintf(m->id, sizeof(m->id), "%s", u->spec.id);
    char key[UPLOAD_KEY_BYTES];
    (void)snprintf(key, sizeof(key), UPLOAD_KEY_PREFIX "%s", u->spec.id);
    store_put(uploads->server->store, key, upload_document(u), STORE_NEW,
              on_made, m);
}

struct removal {
    void (*done)(void *arg, const struct err *err);
    void *arg;
};

static void on_removed(void *arg, uint64_t revision, const struct err *err)
{
    struct removal *r = arg;
    (void)revision;
    if (r->done)
        r->done(r->arg, err);
    else if (err)
        log_warn("an upload that is over stays in the store: %s", err->text);
    free(r);
}

void upload_remove_file(const struct upload *u)
{
    (void)unlinkat(u->uploads->folder_fd, u->spec.id, 0);
}

void upload_delete(struct uploads *uploads, struct upload *u,
                   void (*done)(void *arg, const struct err *err), void *arg)
{
    char key[UPLOAD_KEY_BYTES];
    struct err err = ERR_INIT;
    struct removal *r = malloc(sizeof(*r));
    if (!r) {
        (void)err_set(&err, ERR_NO_MEMORY, "no memory to delete an upload");
        if (done)
            done(arg, &err);
        return;
    }
    *r = (struct removal){done, arg};
    (void)snprintf(key, sizeof(key), UPLOAD_KEY_PREFIX "%s", u->spec.id);
    (void)err_set(&err, ERR_NOT_FOUND, "upload %s was deleted", u->spec.id);
    upload_stop(u);
    upload_remove_file(u);
    (void)table_remove(&uploads->table, u->spec.id);
    if (u->ready)
        u->ready(u->ready_arg, -1, &err);
    if (u->settled)
        u->settled(u->settled_arg, NULL, &err);
    upload_free(u);
    store_delete(uploads->server->store, key, STORE_ANY, on_removed, r);
}

void uploads_expire(struct uploads *uploads)
{
    int64_t now_s = upload_now_s(uploads);
    for (size_t i = uploads->table.count; i-- > 0;) {
        struct upload *u = uploads->table.entries[i].value;
        if (!u->import && now_s - u->touched_s > UPLOAD_KEPT_S)
            upload_delete(uploads, u, NULL, NULL);
    }
}

/* ---- at start ---- */

/* Files whose upload nobody knows. */
static void sweep(const struct uploads *uploads)
{
    int fd = openat(uploads->folder_fd, ".",
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    if (fd >= 0 && !dir)
        (void)close(fd);
    while (dir && (entry = readdir(dir))) {
        const struct upload *u = uploads_find(uploads, entry->d_name);
        if (entry->d_name[0] != '.' && (!u || !unfinished(u)))
            (void)unlinkat(uploads->folder_fd, entry->d_name, 0);
    }
    if (dir)
        (void)closedir(dir);
}

/* What an earlier run of the server came to. */
static void take_up(struct upload *u)
{
    struct err err = ERR_INIT;
    const struct image *image =
        images_by_upload(u->uploads->server->images, u->spec.id);
    if (u->state == UPLOAD_DONE)
        u->offset_bytes = u->spec.size_bytes;
    if (!unfinished(u))
        return;
    u->state = UPLOAD_RECEIVING;
    if (image) {
        u->state = UPLOAD_DONE;
        u->offset_bytes = u->spec.size_bytes;
        (void)snprintf(u->image, sizeof(u->image), "%s", image->id);
        upload_save(u);
        return;
    }
    u->offset_bytes = upload_estimate(u);
    if (u->offset_bytes == u->spec.size_bytes && upload_start(u, &err))
        log_warn("upload %s was received and is not imported yet: %s",
                 u->spec.id, err.text);
}

static void on_loaded(void *arg, const struct err *err)
{
    struct uploads *uploads = arg;
    for (size_t i = 0; !err && i < uploads->table.count; i++)
        take_up(uploads->table.entries[i].value);
    if (!err) {
        sweep(uploads);
        uploads_expire(uploads);
    }
    uploads->loaded(uploads->loaded_arg, err);
}

void uploads_load(struct uploads *uploads,
                  void (*done)(void *arg, const struct err *err), void *arg)
{
    uploads->loaded = done;
    uploads->loaded_arg = arg;
    store_load(uploads->server->store, UPLOAD_KEY_PREFIX, upload_enter, uploads,
               on_loaded, uploads);
}
