/* SPDX-License-Identifier: Apache-2.0 */
#include "seed.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOUD_CONFIG "#cloud-config\n"

int seed_fail(char why[SEED_SENTENCE_BYTES], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(why, SEED_SENTENCE_BYTES, format, args);
    va_end(args);
    return -1;
}

int seed_members(const json_t *object, const char *path,
                 const char *const *known, char why[SEED_SENTENCE_BYTES])
{
    const char *key;
    json_t *value;

    if (!json_is_object(object))
        return seed_fail(why, "%s must be an object", path);
    json_object_foreach((json_t *)object, key, value)
    {
        const char *const *name = known;
        while (*name && strcmp(*name, key) != 0)
            name++;
        if (!*name)
            return seed_fail(why, "%s.%.40s: there is no such member", path,
                             key);
    }
    return 0;
}

int seed_text_ok(const json_t *value, size_t max)
{
    const char *text = json_string_value(value);
    size_t length = text ? strlen(text) : 0;

    if (length == 0 || length > max)
        return 0;
    for (const char *at = text; *at; at++)
        if (*at < ' ' || *at > '~')
            return 0;
    return 1;
}

/* The text of a parameter, which the engine has parsed once already. */
static json_t *load(const char *text, const char *name,
                    char why[SEED_SENTENCE_BYTES])
{
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

    if (!json)
        (void)seed_fail(why, "%s cannot be read", name);
    return json;
}

/* "PREFIX{...}\n" of a new reference, which is taken. */
static char *text_of(const char *prefix, json_t *json)
{
    char *body = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    size_t length = body ? strlen(prefix) + strlen(body) + 2 : 0;
    char *text = body ? malloc(length) : NULL;

    if (text)
        (void)snprintf(text, length, "%s%s\n", prefix, body);
    free(body);
    json_decref(json);
    return text;
}

/* The users' part of the cloud config. */
static int add_users(json_t *config, const struct seed_spec *spec,
                     char why[SEED_SENTENCE_BYTES])
{
    json_t *given, *made;

    if (spec->users) {
        given = load(spec->users, "users", why);
        made = given ? seed_users(given, why) : NULL;
        json_decref(given);
        if (!made)
            return -1;
        (void)json_object_set_new(config, "users", made);
    }
    if (spec->ssh_keys) {
        given = load(spec->ssh_keys, "ssh_keys", why);
        made = given ? seed_keys(given, "ssh_keys", why) : NULL;
        json_decref(given);
        if (!made)
            return -1;
        (void)json_object_set_new(config, "ssh_authorized_keys", made);
    }
    return 0;
}

static int make_user_data(const struct seed_spec *spec, struct seed *ret,
                          char why[SEED_SENTENCE_BYTES])
{
    json_t *config = json_object();

    if (add_users(config, spec, why) < 0) {
        json_decref(config);
        return -1;
    }
    if (spec->hostname)
        (void)json_object_set_new(config, "hostname",
                                  json_string(spec->hostname));
    ret->user_data = text_of(CLOUD_CONFIG, config);
    return ret->user_data ? 0 : seed_fail(why, "not enough memory");
}

static int make_network(const struct seed_spec *spec, struct seed *ret,
                        char why[SEED_SENTENCE_BYTES])
{
    if (!spec->network)
        return 0;
    json_t *given = load(spec->network, "network", why);
    json_t *made = given ? seed_network(given, why) : NULL;
    json_decref(given);
    if (!made)
        return -1;
    ret->network_config = text_of("", made);
    return ret->network_config ? 0 : seed_fail(why, "not enough memory");
}

int seed_make(const struct seed_spec *spec, struct seed *ret,
              char why[SEED_SENTENCE_BYTES])
{
    *ret = (struct seed){NULL, NULL, NULL};
    ret->meta_data =
        text_of("", json_pack("{s:s, s:s*}", "instance-id", spec->instance_id,
                              "local-hostname", spec->hostname));
    int code = ret->meta_data ? 0 : seed_fail(why, "not enough memory");
    if (code == 0)
        code = make_user_data(spec, ret, why);
    if (code == 0)
        code = make_network(spec, ret, why);
    if (code < 0)
        seed_done(ret);
    return code;
}

static void wipe_and_free(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

void seed_done(struct seed *seed)
{
    wipe_and_free(seed->meta_data);
    wipe_and_free(seed->user_data);
    wipe_and_free(seed->network_config);
    *seed = (struct seed){NULL, NULL, NULL};
}
