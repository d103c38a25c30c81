/* SPDX-License-Identifier: Apache-2.0 */
/* Verifying and collecting seen from the server: see care.h. */
#include "core/server/images/care.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/server/images/care-roots.h"
#include "core/server/images/care-worker.h"
#include "core/server/event.h"
#include "core/server/images/images-parts.h"
#include "core/server/rest/problem.h"
#include "core/server/images/uploads.h"
#include "core/server/workers/worker-process.h"
#include "core/util/file.h"
#include "core/util/json.h"
#include "core/util/log.h"

enum care_state { CARE_RUNNING, CARE_DONE, CARE_FAILED, CARE_ENDED };

static const char *const state_words[] = {"running", "done", "failed", "ended"};

struct care {
    struct cares *cares; /* NULL: the server ends, a callback frees it */
    char id[33];
    char actor[96];
    bool collect;
    bool dry_run;
    enum care_state state;
    bool gathering; /* the store is being read for roots */
    int64_t started_s;
    int64_t before_s; /* collect: older than that */
    unsigned permille;
    json_t *damaged; /* array */
    json_t *result;
    struct err err;
    struct worker_process *worker;
};

struct cares {
    struct server *server;
    struct care *list[CARES_KEPT]; /* newest first */
};

int cares_new(struct server *server, struct err *err)
{
    struct cares *cares = calloc(1, sizeof(*cares));
    if (!cares)
        return err_set(err, ERR_NO_MEMORY, "no memory to care for images");
    cares->server = server;
    server->cares = cares;
    return 0;
}

static void care_free(struct care *care)
{
    if (!care)
        return;
    worker_process_free(care->worker);
    care->worker = NULL;
    if (care->gathering) {
        care->cares = NULL; /* its callback comes, or the store has dropped it */
        return;
    }
    json_decref(care->damaged);
    json_decref(care->result);
    free(care);
}

void cares_free(struct server *server)
{
    struct cares *cares = TAKE(server->cares);
    for (size_t i = 0; cares && i < CARES_KEPT; i++)
        care_free(cares->list[i]);
    free(cares);
}

struct care *cares_find(const struct cares *cares, const char *id)
{
    for (size_t i = 0; i < CARES_KEPT; i++)
        if (cares->list[i] && !strcmp(cares->list[i]->id, id))
            return cares->list[i];
    return NULL;
}

const struct care *cares_at(const struct cares *cares, size_t index)
{
    return index < CARES_KEPT ? cares->list[index] : NULL;
}

json_t *care_json(const struct care *care)
{
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:O*}", "id", care->id, "kind",
        care->collect ? "collect" : "verify", "state",
        state_words[care->state], "actor", care->actor, "dry_run",
        care->dry_run, "permille", (json_int_t)care->permille, "started_s",
        (json_int_t)care->started_s, "result", care->result);
    int bad = !json;
    if (!bad && !care->collect)
        bad = json_object_set(json, "damaged", care->damaged);
    if (!bad && care->err.code)
        bad = json_object_set_new(json, "problem",
                                  problem_document(problem_for(care->err.code),
                                                   care->err.text, care->id));
    if (!bad)
        return json;
    json_decref(json);
    return NULL;
}

/* ---- the end ---- */

static void over(struct care *care, enum care_state state)
{
    worker_process_free(TAKE(care->worker));
    care->state = state;
    if (state == CARE_DONE)
        care->permille = 1000;
    events_emit(care->cares->server->events, "care-ended", care_json(care));
}

static void failed(struct care *care, int code, const char *text)
{
    (void)err_set(&care->err, code, "%s", text);
    over(care, CARE_FAILED);
}

void care_end(struct care *care)
{
    if (care->state == CARE_RUNNING)
        over(care, CARE_ENDED);
}

/* ---- what the worker says ---- */

/* A damaged object is mended by importing the same content again. */
static void told_damage(struct care *care, json_t *head)
{
    (void)json_object_del(head, "type");
    events_emit(care->cares->server->events, "image-damaged",
                json_deep_copy(head));
    if (json_array_size(care->damaged) < CARE_DAMAGE_TOLD)
        (void)json_array_append(care->damaged, head);
}

static void on_message(void *arg, struct channel_message *message)
{
    struct care *care = arg;
    json_t *head = message->head;
    const char *type = json_string_value(json_object_get(head, "type"));
    const char *text = json_string_value(json_object_get(head, "message"));
    json_int_t number = json_integer_value(json_object_get(head, "permille"));
    if (!type)
        return;
    if (!strcmp(type, "progress")) {
        care->permille = (unsigned)MIN(MAX(number, 0), 1000);
    } else if (!strcmp(type, "damage")) {
        told_damage(care, head);
    } else if (!strcmp(type, "done")) {
        care->result = json_incref(json_object_get(head, "result"));
        over(care, CARE_DONE);
    } else if (!strcmp(type, "failed") && text) {
        number = json_integer_value(json_object_get(head, "code"));
        AUTO_FREE char *copy = strdup(text);
        failed(care, number < 0 && number > -100 ? (int)number : ERR_INTERNAL,
               copy ? copy : "it failed");
    }
}

static void on_ended(void *arg, bool clean, const char *why)
{
    struct care *care = arg;
    char text[ERR_TEXT_BYTES];
    (void)clean; /* without a result even a clean end is a failure */
    (void)snprintf(text, sizeof(text), "the care worker %s", why);
    failed(care, ERR_INTERNAL, text);
}

static const struct worker_process_handlers handlers = {
    .on_message = on_message,
    .on_ended = on_ended,
};

/* ---- the beginning ---- */

/* Steals `list`. */
static int start_worker(struct care *care, json_t *list, struct err *err)
{
    AUTO_JSON *taken = list;
    const struct image_files *files = care->cares->server->images->files;
    struct care_keys keys;
    AUTO_FREE char *text = json_text(taken);
    if (!text)
        return err_set(err, ERR_NO_MEMORY, "no memory to care for images");
    AUTO_CLOSE int job = file_sealed_memfd("care", text, strlen(text), err);
    if (job < 0)
        return job;
    care->worker = worker_process_start(care->cares->server->loop, "care",
                                        care->collect ? "collect" : "verify",
                                        &handlers, care, err);
    if (!care->worker)
        return err->code;
    const int fds[CARE_FDS] = {
        [CARE_FD_OBJECTS] = objects_folder_fd(files->objects),
        [CARE_FD_INDEX] = objects_index_fd(files->objects),
        [CARE_FD_MANIFESTS] = objects_manifest_fd(files->objects),
        [CARE_FD_JOB] = job,
    };
    keys.secret = files->secret.key;
    memcpy(keys.verify, files->keys, sizeof(keys.verify));
    json_t *head = json_pack("{s:s, s:I, s:I, s:b}", "type",
                             care->collect ? "collect" : "verify", "epoch",
                             (json_int_t)files->secret.epoch, "before_s",
                             (json_int_t)care->before_s, "dry_run",
                             care->dry_run);
    int rc = worker_process_send(care->worker, head, &keys, sizeof(keys),
                                 fds, CARE_FDS, err);
    secret_wipe(&keys, sizeof(keys));
    return rc;
}

static json_t *image_item(const struct image *image)
{
    char hex[DIGEST_HEX_BYTES];
    return json_pack("{s:s, s:s, s:I}", "id", image->id, "manifest",
                     digest_hex(&image->manifest, hex), "size_bytes",
                     (json_int_t)image->size_bytes);
}

static int verify_list(const struct images *images, const json_t *names,
                       json_t *list, struct err *err)
{
    size_t i;
    json_t *name;
    int bad = 0;
    json_array_foreach (names, i, name) {
        const char *ref = json_string_value(name);
        const struct image *image = images_find(images, ref ? ref : "");
        if (!image)
            return err_set(err, ERR_NOT_FOUND, "there is no image '%.80s'",
                           ref ? ref : "");
        bad |= json_array_append_new(list, image_item(image));
    }
    for (const struct image *image = names ? NULL : images_after(images, NULL);
         image; image = images_after(images, image->id))
        bad |= json_array_append_new(list, image_item(image));
    return bad ? err_set(err, ERR_NO_MEMORY, "no memory to verify images") : 0;
}

static void on_roots(void *arg, json_t *digests, const struct err *err)
{
    struct care *care = arg;
    struct err local = ERR_INIT;
    care->gathering = false;
    if (care->cares && !err &&
        images_export_roots(care->cares->server->images, digests))
        err = &local;
    if (err == &local)
        (void)err_set(&local, ERR_NO_MEMORY, "no memory to collect");
    if (!care->cares) {
        json_decref(digests);
        care_free(care);
        return;
    }
    if (!err && care->state == CARE_RUNNING &&
        start_worker(care, digests, &local))
        err = &local;
    else if (!err && care->state != CARE_RUNNING)
        json_decref(digests);
    if (err && care->state == CARE_RUNNING)
        failed(care, err->code, err->text);
}

static int begin_verify(struct care *care, const json_t *names,
                        struct err *err)
{
    json_t *list = json_array();
    if (!list)
        return err_set(err, ERR_NO_MEMORY, "no memory to verify images");
    int rc = verify_list(care->cares->server->images, names, list, err);
    if (rc) {
        json_decref(list);
        return rc;
    }
    return start_worker(care, list, err);
}

/* The age before anything is read: whatever begins later is newer. */
static void begin_collect(struct care *care)
{
    struct server *server = care->cares->server;
    care->before_s = care->started_s - CARE_MIN_AGE_S;
    care->before_s =
        MIN(care->before_s, images_oldest_import_s(server->images));
    care->before_s = MIN(care->before_s, uploads_oldest_s(server->uploads));
    care->before_s = MAX(care->before_s, 0);
    care->gathering = true;
    care_roots(server, on_roots, care);
}

static struct care *care_new(struct cares *cares, const struct care_spec *spec)
{
    const struct seam *seam = loop_seam(cares->server->loop);
    struct care *care = calloc(1, sizeof(*care));
    if (!care)
        return NULL;
    care->cares = cares;
    memcpy(care->id, spec->id, sizeof(care->id));
    (void)snprintf(care->actor, sizeof(care->actor), "%s", spec->actor);
    care->collect = spec->collect;
    care->dry_run = spec->dry_run;
    care->started_s = seam->wall_s(seam->context);
    care->damaged = json_array();
    return care;
}

static void remember(struct cares *cares, struct care *care)
{
    care_free(cares->list[CARES_KEPT - 1]);
    memmove(&cares->list[1], &cares->list[0],
            (CARES_KEPT - 1) * sizeof(cares->list[0]));
    cares->list[0] = care;
}

int care_start(struct cares *cares, const struct care_spec *spec,
               const struct care **ret, struct err *err)
{
    struct care *known = cares_find(cares, spec->id);
    struct err local = ERR_INIT;
    if (known) {
        *ret = known;
        return 0;
    }
    for (size_t i = 0; i < CARES_KEPT; i++)
        if (cares->list[i] &&
            (cares->list[i]->state == CARE_RUNNING || cares->list[i]->gathering))
            return err_set(err, ERR_CONFLICT,
                           "images are being %s already: wait for its end, or "
                           "end it",
                           cares->list[i]->collect ? "collected" : "verified");
    struct care *care = care_new(cares, spec);
    if (!care)
        return err_set(err, ERR_NO_MEMORY, "no memory to care for images");
    int rc = 0;
    if (spec->collect)
        begin_collect(care);
    else
        rc = begin_verify(care, spec->images, &local);
    if (rc) {
        care_free(care);
        return err_set(err, rc, "%s", local.text);
    }
    remember(cares, care);
    *ret = care;
    return 0;
}
