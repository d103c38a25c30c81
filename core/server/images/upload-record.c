/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads as documents of the store and as what clients see. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/image/import-journal.h"
#include "core/server/rest/problem.h"
#include "core/server/store/store.h"
#include "core/server/images/uploads-parts.h"
#include "core/util/json.h"
#include "core/util/log.h"

#define UPLOAD_SCHEMA 1

static const char *const words[] = {
    [UPLOAD_RECEIVING] = "receiving",
    [UPLOAD_IMPORTING] = "importing",
    [UPLOAD_DONE] = "done",
    [UPLOAD_FAILED] = "failed",
};

const char *upload_state_word(enum upload_state state)
{
    return words[state];
}

uint64_t upload_estimate(const struct upload *u)
{
    struct stat st;
    if (fstatat(u->uploads->folder_fd, u->spec.id, &st, AT_SYMLINK_NOFOLLOW))
        return 0;
    uint64_t bytes = u->spec.format == DISK_RAW
                         ? import_journal_estimate((uint64_t)st.st_size)
                         : (uint64_t)st.st_size;
    return MIN(bytes, u->spec.size_bytes);
}

/* The members that document and reply share. */
static json_t *common(const struct upload *u)
{
    const struct upload_spec *s = &u->spec;
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:I, s:s}",
                     "name", s->name, "kind", image_kind_word(s->kind),
                     "format", disk_format_word(s->format), "size_bytes",
                     (json_int_t)s->size_bytes, "sector_bytes",
                     (json_int_t)s->sector_bytes, "min_tier", s->min_tier,
                     "source", s->source, "image", u->image, "created_s",
                     (json_int_t)u->created_s, "state", words[u->state]);
}

static int add(json_t *json, const char *key, int64_t value)
{
    return json_object_set_new(json, key, json_integer((json_int_t)value));
}

json_t *upload_json(const struct upload *u)
{
    json_t *json = common(u);
    int bad = !json;
    bad = bad || json_object_set_new(json, "id", json_string(u->spec.id)) ||
          add(json, "offset_bytes", (int64_t)u->offset_bytes) ||
          add(json, "piece_bytes", (int64_t)UPLOAD_PIECE_BYTES) ||
          add(json, "expires_s", u->touched_s + UPLOAD_KEPT_S);
    if (!bad && u->state == UPLOAD_IMPORTING)
        bad = add(json, "done_bytes", (int64_t)u->done_bytes) ||
              add(json, "disk_bytes", (int64_t)u->disk_bytes);
    if (!bad && u->why.code)
        bad = json_object_set_new(
            json, "problem",
            problem_document(problem_for(u->why.code), u->why.text, u->spec.id));
    if (bad) {
        json_decref(json);
        return NULL;
    }
    return json;
}

json_t *upload_document(const struct upload *u)
{
    json_t *json = common(u);
    if (json &&
        (add(json, "schema", UPLOAD_SCHEMA) ||
         add(json, "touched_s", u->touched_s) ||
         add(json, "code", u->why.code) ||
         json_object_set_new(json, "why",
                             json_string(u->why.code ? u->why.text : "")) ||
         json_object_set_new(json, "actor", json_string(u->spec.actor)))) {
        json_decref(json);
        json = NULL;
    }
    return json;
}

static void on_saved(void *arg, uint64_t revision, const struct err *err)
{
    (void)arg;
    (void)revision;
    if (err)
        log_warn("how far an upload is was not written to the store: %s",
                 err->text);
}

void upload_save(struct upload *u)
{
    char key[UPLOAD_KEY_BYTES];
    (void)snprintf(key, sizeof(key), UPLOAD_KEY_PREFIX "%s", u->spec.id);
    store_put(u->uploads->server->store, key, upload_document(u), STORE_ANY,
              on_saved, NULL);
}

static int state_parse(const char *word, enum upload_state *ret,
                       struct err *err)
{
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
        if (!strcmp(word, words[i])) {
            *ret = (enum upload_state)i;
            return 0;
        }
    return err_set(err, ERR_CORRUPT, "'%.16s' is no state of an upload", word);
}

static int parse(const struct store_doc *doc, struct upload *u, struct err *err)
{
    struct json_reader r;
    struct upload_spec *s = &u->spec;
    json_reader_init(&r, doc->json, doc->key, err);
    (void)json_get_u64(&r, "schema", UPLOAD_SCHEMA, UPLOAD_SCHEMA);
    (void)snprintf(s->id, sizeof(s->id), "%s",
                   doc->key + strlen(UPLOAD_KEY_PREFIX));
    json_copy_text(&r, "name", s->name, sizeof(s->name));
    const char *kind = json_get_text(&r, "kind");
    const char *format = json_get_text(&r, "format");
    s->size_bytes = json_get_u64(&r, "size_bytes", 1, IMAGE_BYTES_MAX);
    s->sector_bytes = (uint32_t)json_get_u64(&r, "sector_bytes", 0, 65536);
    json_copy_text(&r, "min_tier", s->min_tier, sizeof(s->min_tier));
    json_copy_text(&r, "source", s->source, sizeof(s->source));
    json_copy_text(&r, "actor", s->actor, sizeof(s->actor));
    json_copy_text(&r, "image", u->image, sizeof(u->image));
    u->created_s = (int64_t)json_get_u64(&r, "created_s", 0, INT64_MAX);
    u->touched_s = (int64_t)json_get_u64(&r, "touched_s", 0, INT64_MAX);
    const char *state = json_get_text(&r, "state");
    json_copy_text(&r, "why", u->why.text, sizeof(u->why.text));
    u->why.code =
        (int)json_integer_value(json_get_any(&r, "code")); /* our own */
    int rc = json_done(&r);
    if (!rc)
        rc = image_kind_parse(kind, &s->kind, err);
    if (!rc)
        rc = disk_format_parse(format, &s->format, err);
    return rc ? rc : state_parse(state, &u->state, err);
}

int upload_enter(void *owner, const struct store_doc *doc, struct err *err)
{
    struct uploads *uploads = owner;
    struct upload *u = calloc(1, sizeof(*u));
    if (!u)
        return err_set(err, ERR_NO_MEMORY, "no memory for an upload");
    u->uploads = uploads;
    u->pipe_fd = -1;
    int rc = parse(doc, u, err);
    if (!rc && table_add(&uploads->table, u->spec.id, u))
        rc = err_set(err, ERR_NO_MEMORY, "no memory for an upload");
    if (rc)
        free(u);
    return rc;
}
