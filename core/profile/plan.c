/* SPDX-License-Identifier: Apache-2.0 */
#include "core/profile/plan.h"

#include <string.h>

#include "core/util/json.h"

struct plan *plan_new(void)
{
    return calloc(1, sizeof(struct plan));
}

void plan_free(struct plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->step_count; i++)
        json_decref(plan->steps[i].with);
    free(plan);
}

int plan_then_check(const char *then, struct err *err)
{
    static const char *const words[] = {"boot-disk", "firmware", "kexec",
                                        "reboot",    "poweroff", "stay"};
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
        if (strcmp(words[i], then) == 0)
            return 0;
    return err_set(err, ERR_INVALID,
                   "'%.40s' is not one of boot-disk, firmware, kexec, reboot, "
                   "poweroff, stay",
                   then);
}

/* --- writing ------------------------------------------------------------ */

static json_t *text_list(const char (*texts)[PLAN_NAME_BYTES], size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(texts[i]));
    return list;
}

static json_t *servers_json(const struct plan *plan)
{
    json_t *list = json_array();
    for (size_t i = 0; i < plan->server_count; i++) {
        const struct plan_server *s = &plan->servers[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:i, s:i}", "address",
                                        s->address, "tls_port", s->tls_port,
                                        "http_port", s->http_port));
    }
    return list;
}

static json_t *images_json(const struct plan_step *step)
{
    char hex[DIGEST_HEX_BYTES];
    json_t *images = json_object();
    for (size_t i = 0; i < step->image_count; i++)
        json_object_set_new(
            images, step->images[i].param,
            json_pack("{s:s}", "manifest",
                      digest_hex(&step->images[i].manifest, hex)));
    return images;
}

static json_t *steps_json(const struct plan *plan)
{
    char hex[DIGEST_HEX_BYTES];
    json_t *list = json_array();
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct plan_step *s = &plan->steps[i];
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:O, s:o, s:I}", "action", s->action,
                            "plugin", digest_hex(&s->plugin, hex), "with",
                            s->with, "images", images_json(s), "timeout_ms",
                            (json_int_t)s->timeout_ms));
    }
    return list;
}

char *plan_format(const struct plan *plan)
{
    AUTO_JSON *object = json_pack(
        "{s:s, s:s, s:I, s:{s:s, s:s}, s:I, s:I, s:s, s:o, s:o, s:o, s:s}",
        "site", plan->site, "task", plan->task, "attempt",
        (json_int_t)plan->attempt, "host", "id", plan->host_id, "name",
        plan->host_name, "epoch", (json_int_t)plan->epoch, "not_after_s",
        (json_int_t)plan->not_after_s, "tier", plan->tier, "servers",
        servers_json(plan), "transport",
        text_list(plan->transport, plan->transport_count), "steps",
        steps_json(plan), "then", plan->then);
    /* Left out where it changes nothing: older engines know no such key. */
    if (object && plan->kexec &&
        json_object_set_new(object, "kexec", json_true()) != 0)
        return NULL;
    /* Lists that lost an entry to a lack of memory must not be signed. */
    if (!object ||
        json_array_size(json_object_get(object, "servers")) !=
            plan->server_count ||
        json_array_size(json_object_get(object, "transport")) !=
            plan->transport_count ||
        json_array_size(json_object_get(object, "steps")) != plan->step_count)
        return NULL;
    return json_text(object);
}

/* --- reading ------------------------------------------------------------ */

static void copy_text(struct json_reader *r, const char *key, const char *text,
                      char *out, size_t size)
{
    if (r->code)
        return;
    if (strlen(text) >= size)
        json_reader_fail(r, key, "is longer than %zu bytes", size - 1);
    else
        memcpy(out, text, strlen(text) + 1);
}

static void get_id(struct json_reader *r, const char *key,
                   char out[MESSAGE_ID_BYTES])
{
    json_copy_text(r, key, out, MESSAGE_ID_BYTES);
    if (!r->code && !message_id_valid(out))
        json_reader_fail(r, key, "is not an id of 32 hexadecimal digits");
}

/* Names become file names and argument words on the target. */
static void get_name(struct json_reader *r, const char *key,
                     char out[PLAN_NAME_BYTES])
{
    json_copy_text(r, key, out, PLAN_NAME_BYTES);
    if (!r->code &&
        (!*out ||
         strspn(out, "abcdefghijklmnopqrstuvwxyz0123456789-_") != strlen(out)))
        json_reader_fail(r, key,
                         "is not a name of lower-case letters, digits "
                         "and '-'");
}

static void get_digest(struct json_reader *r, const char *key,
                       struct digest *ret)
{
    const char *hex = json_get_text(r, key);
    if (!r->code && digest_parse(hex, ret, NULL))
        json_reader_fail(r, key, "is not a digest of 64 hexadecimal digits");
}

/* The number of entries of an array member, checked against `max`. */
static size_t get_count(struct json_reader *r, const char *key, size_t max)
{
    size_t count = json_array_size(json_get_array(r, key));
    if (!r->code && count > max) {
        json_reader_fail(r, key, "has more than %zu entries", max);
        return 0;
    }
    return r->code ? 0 : count;
}

static void get_servers(struct json_reader *r, struct plan *plan)
{
    size_t count = get_count(r, "servers", MESSAGE_MAX_SERVERS);
    for (size_t i = 0; i < count && !r->code; i++) {
        struct plan_server *s = &plan->servers[i];
        struct json_reader e;
        json_reader_element(&e, r, "servers", i);
        json_copy_text(&e, "address", s->address, sizeof(s->address));
        s->tls_port = (uint16_t)json_get_u64(&e, "tls_port", 1, 65535);
        s->http_port = (uint16_t)json_get_u64(&e, "http_port", 1, 65535);
        if (json_done(&e) == 0)
            plan->server_count++;
        json_reader_join(r, &e);
    }
}

static void get_transports(struct json_reader *r, struct plan *plan)
{
    const json_t *list = json_get_array(r, "transport");
    size_t count = json_array_size(list);
    if (!r->code && count > PLAN_MAX_TRANSPORTS)
        json_reader_fail(r, "transport", "has more than %d entries",
                         PLAN_MAX_TRANSPORTS);
    for (size_t i = 0; i < count && !r->code; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text)
            json_reader_fail(r, "transport",
                             "holds something that is not "
                             "text");
        else
            copy_text(r, "transport", text, plan->transport[i],
                      PLAN_NAME_BYTES);
        plan->transport_count = i + 1;
    }
}

static void get_images(struct json_reader *r, struct plan_step *step)
{
    struct json_reader images;
    const json_t *object = json_get_object(r, "images");
    const char *param;
    json_t *value;
    if (json_object_size(object) > PLAN_MAX_IMAGES)
        json_reader_fail(r, "images", "has more than %d entries",
                         PLAN_MAX_IMAGES);
    if (r->code)
        return;
    json_reader_member(&images, r, "images");
    json_object_foreach((json_t *)object, param, value)
    {
        struct plan_image *image = &step->images[step->image_count];
        struct json_reader one;
        json_reader_member(&one, &images, param);
        copy_text(&one, NULL, param, image->param, sizeof(image->param));
        get_digest(&one, "manifest", &image->manifest);
        if (json_done(&one) == 0)
            step->image_count++;
        if (json_reader_join(&images, &one))
            break;
    }
    json_reader_join(r, &images);
}

static void get_steps(struct json_reader *r, struct plan *plan)
{
    size_t count = get_count(r, "steps", MESSAGE_MAX_STEPS);
    for (size_t i = 0; i < count && !r->code; i++) {
        struct plan_step *s = &plan->steps[i];
        struct json_reader e;
        json_reader_element(&e, r, "steps", i);
        get_name(&e, "action", s->action);
        get_digest(&e, "plugin", &s->plugin);
        const json_t *with = json_get_object(&e, "with");
        get_images(&e, s);
        s->timeout_ms = json_get_u64(&e, "timeout_ms", 0, INT64_MAX);
        int code = json_done(&e);
        json_reader_join(r, &e);
        if (code)
            return;
        s->with = json_incref((json_t *)with);
        plan->step_count++;
    }
}

int plan_parse(const char *text, size_t length, struct plan **ret_plan,
               struct err *err)
{
    AUTO_JSON *json = json_parse(text, length, PLAN_MAX_BYTES, err);
    if (!json)
        return err_prefix(err, "the plan: ");
    AUTO_PLAN *plan = plan_new();
    if (!plan)
        return err_set(err, ERR_NO_MEMORY, "out of memory for a plan");
    struct json_reader r, host;
    json_reader_init(&r, json, "$", err);
    get_id(&r, "site", plan->site);
    get_id(&r, "task", plan->task);
    plan->attempt = (uint32_t)json_get_u64(&r, "attempt", 1, 1000);
    json_reader_member(&host, &r, "host");
    get_id(&host, "id", plan->host_id);
    json_copy_text(&host, "name", plan->host_name, sizeof(plan->host_name));
    int code = json_done(&host);
    json_reader_join(&r, &host);
    plan->epoch = json_get_u64(&r, "epoch", 0, INT64_MAX);
    plan->not_after_s = (int64_t)json_get_u64(&r, "not_after_s", 0, INT64_MAX);
    json_copy_text(&r, "tier", plan->tier, sizeof(plan->tier));
    get_servers(&r, plan);
    get_transports(&r, plan);
    get_steps(&r, plan);
    json_copy_text(&r, "then", plan->then, sizeof(plan->then));
    plan->kexec = json_opt_bool(&r, "kexec", false);
    if (!r.code && plan_then_check(plan->then, NULL))
        json_reader_fail(&r, "then", "is not known to this engine");
    if (!code)
        code = json_done(&r);
    if (code)
        return err_prefix(err, "the plan: ");
    *ret_plan = TAKE(plan);
    return 0;
}

/* --- signature ---------------------------------------------------------- */

int plan_sign(const char *text, const struct signing_key *key,
              char ret_signature[MESSAGE_SIGNATURE_BYTES], struct err *err)
{
    uint8_t signature[SIGNATURE_BYTES];
    int code = sign_bytes(key, PLAN_DOMAIN, text, strlen(text), signature, err);
    if (code == 0)
        hex_format(signature, sizeof(signature), ret_signature);
    return code;
}

static int check_expected(const struct plan *plan,
                          const struct plan_expect *expect, struct err *err)
{
    if (strcmp(plan->site, expect->site) != 0)
        return err_set(err, ERR_VERIFY,
                       "the plan is for site %s but this engine belongs to "
                       "site %s",
                       plan->site, expect->site);
    if (expect->host_id && strcmp(plan->host_id, expect->host_id) != 0)
        return err_set(err, ERR_VERIFY,
                       "the plan is for host %s but the server said that this "
                       "machine is host %s",
                       plan->host_id, expect->host_id);
    if (plan->epoch < expect->epoch)
        return err_set(err, ERR_VERIFY,
                       "the plan is from epoch %llu, older than epoch %llu "
                       "that this engine has seen",
                       (unsigned long long)plan->epoch,
                       (unsigned long long)expect->epoch);
    if (plan->not_after_s < expect->now_s)
        return err_set(err, ERR_VERIFY,
                       "the plan ended %lld s ago; start the task again",
                       (long long)(expect->now_s - plan->not_after_s));
    return 0;
}

int plan_verify(const char *text, const char *signature,
                const struct verify_key *keys, size_t key_count,
                const struct plan_expect *expect, struct plan **ret_plan,
                struct err *err)
{
    uint8_t bytes[SIGNATURE_BYTES];
    if (strlen(signature) != MESSAGE_SIGNATURE_BYTES - 1 ||
        hex_parse(signature, bytes, sizeof(bytes)) ||
        verify_bytes(keys, key_count, PLAN_DOMAIN, text, strlen(text), bytes,
                     NULL))
        return err_set(err, ERR_VERIFY,
                       "the plan is not signed by this site; it was changed "
                       "on its way or the server has other keys");
    AUTO_PLAN *plan = NULL;
    int code = plan_parse(text, strlen(text), &plan, err);
    if (!code)
        code = check_expected(plan, expect, err);
    if (!code)
        *ret_plan = TAKE(plan);
    return code;
}
