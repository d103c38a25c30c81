/* SPDX-License-Identifier: Apache-2.0 */
#include "core/profile/profile.h"

#include <string.h>

#include "core/util/json.h"
#include "core/util/num.h"
#include "core/util/pattern.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define MAX_DESCRIPTION_BYTES 500
#define MAX_TIMEOUT_MS (UINT64_C(7) * 24 * 3600 * 1000)

static void gate_done(struct profile_gate *gate)
{
    free(gate->text);
    pattern_free(gate->pattern);
}

struct profile *profile_ref(const struct profile *profile)
{
    struct profile *p = (struct profile *)profile;
    p->references++;
    return p;
}

void profile_unref(struct profile *profile)
{
    if (!profile || --profile->references > 0)
        return;
    for (size_t i = 0; i < profile->step_count; i++)
        json_decref(profile->steps[i].with);
    gate_done(&profile->vendor);
    gate_done(&profile->product);
    json_decref(profile->labels);
    json_decref(profile->json);
    free(profile);
}

/* Copies a name: [a-z0-9] first, then letters, digits and `more`. */
static void copy_name(struct json_reader *r, const char *key, const char *text,
                      const char *more, char *out, size_t size)
{
    char allowed[64];
    if (r->code)
        return;
    size_t length = strlen(text);
    memcpy(allowed, LOWER DIGITS, sizeof(LOWER DIGITS));
    strncat(allowed, more, sizeof(allowed) - sizeof(LOWER DIGITS));
    if (length == 0 || length >= size || strchr(more, text[0]) ||
        strspn(text, allowed) != length)
        json_reader_fail(r, key,
                         "must be a name of at most %zu lower-case letters, "
                         "digits and '%s' that does not begin with a sign",
                         size - 1, more);
    else
        memcpy(out, text, length + 1);
}

/* A list of names; `key` may also hold one name when `one` is true. */
static size_t read_names(struct json_reader *r, const char *key, bool one,
                         char (*out)[PLAN_NAME_BYTES], size_t max)
{
    const json_t *value = json_opt_any(r, key);
    if (!value || r->code)
        return 0;
    if (one && json_is_string(value)) {
        copy_name(r, key, json_string_value(value), "-", out[0],
                  PLAN_NAME_BYTES);
        return 1;
    }
    size_t count = json_array_size(value);
    if (!json_is_array(value) || count == 0 || count > max) {
        json_reader_fail(r, key, "must be a list of 1 to %zu names", max);
        return 0;
    }
    for (size_t i = 0; i < count && !r->code; i++) {
        const char *text = json_string_value(json_array_get(value, i));
        copy_name(r, key, text ? text : "", "-", out[i], PLAN_NAME_BYTES);
        for (size_t k = 0; k < i && !r->code; k++)
            if (strcmp(out[k], out[i]) == 0)
                json_reader_fail(r, key, "names '%s' twice", out[i]);
    }
    return count;
}

static void read_gate(struct json_reader *r, const char *key,
                      struct profile_gate *gate)
{
    const char *text = json_opt_text(r, key, NULL);
    struct err why = ERR_INIT;
    if (!text || r->code)
        return;
    if (strlen(text) > PROFILE_MAX_PATTERN_BYTES) {
        json_reader_fail(r, key, "is a pattern of more than %d bytes",
                         PROFILE_MAX_PATTERN_BYTES);
        return;
    }
    gate->text = strdup(text);
    gate->pattern = pattern_new(text, &why);
    if (!gate->text || !gate->pattern)
        json_reader_fail(r, key, "cannot be used: %s",
                         *why.text ? why.text : "there is no memory left");
}

static void read_labels(struct json_reader *r, struct profile *p)
{
    const json_t *labels = json_opt_object(r, "labels");
    const char *name;
    json_t *value;
    if (!labels || r->code)
        return;
    json_object_foreach((json_t *)labels, name, value)
    {
        if (!json_is_string(value)) {
            json_reader_fail(r, "labels",
                             "must give each label a text, but '%.32s' has "
                             "something else",
                             name);
            return;
        }
    }
    p->labels = json_incref((json_t *)labels);
}

static void read_match(struct json_reader *r, struct profile *p)
{
    struct json_reader m;
    if (!json_has(r, "match"))
        return;
    json_reader_member(&m, r, "match");
    p->arch_count = read_names(&m, "arch", true, p->arch, PROFILE_MAX_ARCH);
    read_gate(&m, "vendor", &p->vendor);
    read_gate(&m, "product", &p->product);
    read_labels(&m, p);
    int code = json_done(&m);
    if (code)
        json_reader_join(r, &m);
}

static void read_timeout(struct json_reader *r, struct profile_step *step)
{
    const char *text = json_opt_text(r, "timeout", NULL);
    struct err why = ERR_INIT;
    if (!text || r->code)
        return;
    if (num_parse_duration(text, &step->timeout_ms, &why))
        json_reader_fail(r, "timeout", "is not a duration like '30m': %s",
                         why.text);
    else if (step->timeout_ms < 1000 || step->timeout_ms > MAX_TIMEOUT_MS)
        json_reader_fail(r, "timeout", "must be between 1s and 7d");
}

static void read_steps(struct json_reader *r, struct profile *p)
{
    size_t count = json_array_size(json_get_array(r, "steps"));
    if (!r->code && (count == 0 || count > MESSAGE_MAX_STEPS))
        json_reader_fail(r, "steps", "must have 1 to %d entries",
                         MESSAGE_MAX_STEPS);
    for (size_t i = 0; i < count && !r->code; i++) {
        struct profile_step *step = &p->steps[i];
        struct json_reader e;
        json_reader_element(&e, r, "steps", i);
        copy_name(&e, "action", json_get_text(&e, "action"), "-", step->action,
                  sizeof(step->action));
        const json_t *with = json_opt_object(&e, "with");
        read_timeout(&e, step);
        int code = json_done(&e);
        json_reader_join(r, &e);
        if (code)
            return;
        step->with = with ? json_incref((json_t *)with) : json_object();
        p->step_count++;
    }
}

static void read_then(struct json_reader *r, struct profile *p)
{
    const char *then = json_opt_text(r, "then", "boot-disk");
    bool given = json_has(r, "kexec");
    struct err why = ERR_INIT;
    p->kexec = json_opt_bool(r, "kexec", false);
    if (r->code)
        return;
    if (plan_then_check(then, &why))
        json_reader_fail(r, "then", "cannot be used: %s", why.text);
    else if (given && strcmp(then, "boot-disk") != 0)
        json_reader_fail(r, "kexec",
                         "only says how 'boot-disk' may be done, but 'then' "
                         "is '%s'",
                         then);
    else
        memcpy(p->then, then, strlen(then) + 1);
}

static void read_profile(struct json_reader *r, struct profile *p)
{
    copy_name(r, "name", json_get_text(r, "name"), ".-", p->name,
              sizeof(p->name));
    if (strlen(json_opt_text(r, "description", "")) > MAX_DESCRIPTION_BYTES)
        json_reader_fail(r, "description", "is longer than %d bytes",
                         MAX_DESCRIPTION_BYTES);
    (void)json_opt_text(r, "$schema", "");
    read_match(r, p);
    p->transport_count =
        read_names(r, "transport", false, p->transport, PLAN_MAX_TRANSPORTS);
    if (!r->code && p->transport_count == 0) {
        memcpy(p->transport[0], "unicast", sizeof("unicast"));
        p->transport_count = 1;
    }
    read_steps(r, p);
    read_then(r, p);
}

int profile_parse(const json_t *json, const char *source,
                  struct profile **ret_profile, struct err *err)
{
    AUTO_PROFILE *p = calloc(1, sizeof(*p));
    struct err local = ERR_INIT;
    struct json_reader r;
    if (!err)
        err = &local;
    if (!p)
        return err_set(err, ERR_NO_MEMORY, "out of memory for a profile");
    p->references = 1;
    p->json = json_incref((json_t *)json);
    json_reader_init(&r, json, "$", err);
    read_profile(&r, p);
    int code = json_done(&r);
    if (code)
        return err_prefix(err, "%s: ", source);
    *ret_profile = TAKE(p);
    return 0;
}

int profile_parse_text(const char *text, size_t length, const char *source,
                       struct profile **ret_profile, struct err *err)
{
    AUTO_JSON *json = json_parse(text, length, PROFILE_MAX_BYTES, err);
    if (!json)
        return err ? err_prefix(err, "%s: ", source) : ERR_INVALID;
    return profile_parse(json, source, ret_profile, err);
}
