/* SPDX-License-Identifier: Apache-2.0 */
/* A task's document and its structure. */
#include <string.h>

#include "core/server/tasks/task-internal.h"
#include "core/util/json.h"

static const char *const state_words[] = {
    "queued",     "armed",     "running", "leaving",
    "cancelling", "succeeded", "failed",  "cancelled",
};
static const char *const step_words[] = {"waiting", "running", "done",
                                         "failed"};

const char *task_state_word(enum task_state state)
{
    return state_words[state];
}

bool task_state_ended(enum task_state state)
{
    return state >= TASK_SUCCEEDED;
}

void task_record_done(struct task_record *record)
{
    for (size_t i = 0; i < MESSAGE_MAX_STEPS; i++)
        json_decref(record->steps[i].result);
    json_decref(record->plan);
    profile_unref(record->profile);
    memset(record, 0, sizeof(*record));
}

void task_record_copy(struct task_record *to, const struct task_record *from)
{
    *to = *from;
    (void)profile_ref(from->profile);
    json_incref(to->plan);
    for (size_t i = 0; i < MESSAGE_MAX_STEPS; i++)
        json_incref(to->steps[i].result);
}

/* --- writing ------------------------------------------------------------ */

static json_t *steps_json(const struct task_record *record, bool document)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < record->profile->step_count; i++) {
        const struct task_step *s = &record->steps[i];
        json_t *step = json_pack(
            "{s:s, s:s, s:I, s:I}", "action", record->profile->steps[i].action,
            "state", step_words[s->state], "started_s",
            (json_int_t)s->started_s, "ended_s", (json_int_t)s->ended_s);
        if (document && s->result)
            json_object_set(step, "result", s->result);
        else if (!document)
            json_object_set_new(step, "has_result",
                                json_boolean(s->result != NULL));
        json_array_append_new(list, step);
    }
    return list;
}

static json_t *images_json(const struct task_record *record)
{
    char hex[DIGEST_HEX_BYTES];
    json_t *list = json_array();
    for (size_t i = 0; list && i < record->image_count; i++) {
        const struct task_image *image = &record->images[i];
        json_array_append_new(
            list,
            json_pack("{s:i, s:s, s:s, s:s}", "step", (int)image->step, "param",
                      image->param, "reference", image->reference, "manifest",
                      digest_hex(&image->manifest, hex)));
    }
    return list;
}

/* What a document and REST have in common. */
static json_t *common_json(const struct task_record *r, bool document)
{
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, "
        "s:o, s:s, s:s, s:s}",
        "id", r->id, "host", r->host_id, "host_name", r->host_name, "batch",
        r->batch, "by", r->by, "state", state_words[r->state], "attempt",
        (json_int_t)r->attempt, "step", (json_int_t)r->step, "epoch",
        (json_int_t)r->epoch, "created_s", (json_int_t)r->created_s,
        "started_s", (json_int_t)r->started_s, "ended_s",
        (json_int_t)r->ended_s, "steps", steps_json(r, document), "images",
        images_json(r), "code", r->code, "sentence", r->sentence, "method",
        r->method);
}

json_t *task_record_format(const struct task_record *record)
{
    json_t *json = common_json(record, true);
    if (!json)
        return NULL;
    json_object_set_new(json, "schema", json_integer(1));
    json_object_set(json, "profile", record->profile->json);
    json_object_set_new(json, "session", json_string(record->session));
    json_object_set_new(json, "seq", json_integer((json_int_t)record->seq));
    if (record->plan)
        json_object_set(json, "plan", record->plan);
    return json;
}

unsigned task_permille(const struct task_record *record,
                       const struct task_progress *progress)
{
    uint64_t sum = 0;
    if (record->profile->step_count == 0)
        return 0;
    for (size_t i = 0; i < record->profile->step_count; i++) {
        if (record->steps[i].state == STEP_DONE)
            sum += 1000;
        else if (record->steps[i].state == STEP_RUNNING && progress)
            sum += MIN(progress->permille, 1000u);
    }
    return (unsigned)(sum / record->profile->step_count);
}

json_t *task_json(const struct task_record *record,
                  const struct task_progress *progress)
{
    json_t *json = common_json(record, false);
    if (!json)
        return NULL;
    json_object_set_new(json, "profile", json_string(record->profile->name));
    static const struct task_progress none;
    const struct task_progress *step = progress ? progress : &none;
    json_object_set_new(
        json, "progress",
        json_pack("{s:i, s:i, s:I, s:I, s:s}", "permille",
                  (int)task_permille(record, progress), "step_permille",
                  (int)step->permille, "bytes_done",
                  (json_int_t)step->bytes_done, "bytes_total",
                  (json_int_t)step->bytes_total, "text", step->text));
    return json;
}

/* --- reading ------------------------------------------------------------ */

static size_t get_word(struct json_reader *r, const char *key,
                       const char *const *words, size_t count)
{
    const char *text = json_get_text(r, key);
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    json_reader_fail(r, key, "has the unknown value '%.40s'", text);
    return 0;
}

static int64_t get_time(struct json_reader *r, const char *key)
{
    return (int64_t)json_get_u64(r, key, 0, INT64_MAX);
}

static void read_steps(struct json_reader *r, struct task_record *t)
{
    size_t count = json_array_size(json_get_array(r, "steps"));
    if (r->code)
        return;
    if (count != t->profile->step_count) {
        json_reader_fail(r, "steps", "does not fit the profile");
        return;
    }
    for (size_t i = 0; i < count && !r->code; i++) {
        struct json_reader e;
        char action[PLAN_NAME_BYTES];
        json_reader_element(&e, r, "steps", i);
        json_copy_text(&e, "action", action, sizeof(action));
        t->steps[i].state = (enum task_step_state)get_word(
            &e, "state", step_words, ARRAY_LENGTH(step_words));
        t->steps[i].started_s = get_time(&e, "started_s");
        t->steps[i].ended_s = get_time(&e, "ended_s");
        t->steps[i].result =
            json_incref((json_t *)json_opt_object(&e, "result"));
        int code = json_done(&e);
        if (code)
            json_reader_join(r, &e);
    }
}

static void read_images(struct json_reader *r, struct task_record *t)
{
    size_t count = json_array_size(json_get_array(r, "images"));
    if (count > ARRAY_LENGTH(t->images))
        json_reader_fail(r, "images", "has too many entries");
    for (size_t i = 0; i < count && !r->code; i++) {
        struct task_image *image = &t->images[i];
        struct json_reader e;
        json_reader_element(&e, r, "images", i);
        image->step =
            (uint32_t)json_get_u64(&e, "step", 0, MESSAGE_MAX_STEPS - 1);
        json_copy_text(&e, "param", image->param, sizeof(image->param));
        json_copy_text(&e, "reference", image->reference,
                       sizeof(image->reference));
        const char *hex = json_get_text(&e, "manifest");
        if (!e.code && digest_parse(hex, &image->manifest, NULL))
            json_reader_fail(&e, "manifest", "is not a digest");
        int code = json_done(&e);
        if (code)
            json_reader_join(r, &e);
        t->image_count = i + 1;
    }
}

static void read_scalars(struct json_reader *r, struct task_record *t)
{
    (void)json_get_u64(r, "schema", 1, 1);
    json_copy_text(r, "id", t->id, sizeof(t->id));
    json_copy_text(r, "host", t->host_id, sizeof(t->host_id));
    json_copy_text(r, "host_name", t->host_name, sizeof(t->host_name));
    json_copy_text(r, "batch", t->batch, sizeof(t->batch));
    json_copy_text(r, "by", t->by, sizeof(t->by));
    t->state = (enum task_state)get_word(r, "state", state_words,
                                         ARRAY_LENGTH(state_words));
    t->attempt = (uint32_t)json_get_u64(r, "attempt", 1, 1000);
    t->step = (uint32_t)json_get_u64(r, "step", 0, MESSAGE_MAX_STEPS - 1);
    t->epoch = json_get_u64(r, "epoch", 0, INT64_MAX);
    t->created_s = get_time(r, "created_s");
    t->started_s = get_time(r, "started_s");
    t->ended_s = get_time(r, "ended_s");
    json_copy_text(r, "session", t->session, sizeof(t->session));
    t->seq = json_get_u64(r, "seq", 0, INT64_MAX);
    json_copy_text(r, "code", t->code, sizeof(t->code));
    json_copy_text(r, "sentence", t->sentence, sizeof(t->sentence));
    json_copy_text(r, "method", t->method, sizeof(t->method));
    t->plan = json_incref((json_t *)json_opt_object(r, "plan"));
}

int task_record_parse(const json_t *json, struct task_record *ret,
                      struct err *err)
{
    struct task_record *t = calloc(1, sizeof(*t));
    struct err why = ERR_INIT;
    struct json_reader r;
    if (!t)
        return err_set(err, ERR_NO_MEMORY, "out of memory for a task");
    json_reader_init(&r, json, "$", err);
    read_scalars(&r, t);
    const json_t *profile = json_get_object(&r, "profile");
    if (!r.code && profile_parse(profile, "its profile", &t->profile, &why))
        json_reader_fail(&r, "profile", "is damaged: %s", why.text);
    if (!r.code)
        read_steps(&r, t);
    if (!r.code)
        read_images(&r, t);
    int code = json_done(&r);
    if (code)
        task_record_done(t);
    else
        *ret = *t;
    free(t);
    return code;
}
