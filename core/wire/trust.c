/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/trust.h"

#include <stdio.h>
#include <string.h>

#include "core/util/json.h"
#include "core/util/num.h"
#include "core/util/seam.h"

int server_name_check(const char *text, struct err *err)
{
    struct endpoint endpoint;
    struct err why = ERR_INIT;

    if (strlen(text) >= SERVER_NAME_BYTES ||
        endpoint_parse(text, &endpoint, &why) < 0 || endpoint.port == 0)
        return err_set(err, ERR_INVALID,
                       "'%.64s' is not a server; write it as ADDRESS:PORT",
                       text);
    return 0;
}

static int parse_site(struct json_reader *r, struct trust *trust)
{
    uint8_t site[(SITE_ID_BYTES - 1) / 2];
    const char *text = json_get_text(r, "site");

    if (r->code < 0)
        return r->code;
    if (hex_parse(text, site, sizeof(site)) < 0)
        return json_reader_fail(r, "site", "32 hexadecimal digits expected");
    memcpy(trust->site, text, SITE_ID_BYTES);
    return 0;
}

/* Reads 1..TRUST_MAX_KEYS values of 32 bytes each into `out`. */
static int parse_keys(struct json_reader *r, const char *key, void *out,
                      size_t *ret_count)
{
    const json_t *array = json_get_array(r, key);
    size_t count = json_array_size(array);

    if (r->code < 0)
        return r->code;
    if (count < 1 || count > TRUST_MAX_KEYS)
        return json_reader_fail(r, key, "one or two keys expected");
    for (size_t i = 0; i < count; i++) {
        const char *hex = json_string_value(json_array_get(array, i));
        if (!hex || hex_parse(hex, (uint8_t *)out + 32 * i, 32) < 0)
            return json_reader_fail(r, key, "64 hexadecimal digits expected");
    }
    *ret_count = count;
    return 0;
}

static int parse_servers(struct json_reader *r, struct trust *trust)
{
    const json_t *array = json_get_array(r, "servers");
    size_t count = json_array_size(array);

    if (r->code < 0)
        return r->code;
    if (count > TRUST_MAX_SERVERS)
        return json_reader_fail(r, "servers", "at most %d servers fit",
                                TRUST_MAX_SERVERS);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(array, i));
        if (!text || server_name_check(text, NULL) < 0)
            return json_reader_fail(r, "servers", "ADDRESS:PORT expected");
        (void)snprintf(trust->servers[i], SERVER_NAME_BYTES, "%s", text);
    }
    trust->server_count = count;
    return 0;
}

int trust_parse(const void *text, size_t length, struct trust *ret,
                struct err *err)
{
    struct trust trust = {0};
    struct json_reader r;
    AUTO_JSON *json = json_parse(text, length, TRUST_MAX_BYTES, err);

    _Static_assert(sizeof(struct digest) == 32, "keys are read back to back");
    _Static_assert(sizeof(struct verify_key) == 32, "the same");
    if (!json)
        return ERR_INVALID;
    json_reader_init(&r, json, "$", err);
    (void)parse_site(&r, &trust); /* the reader keeps the first failure */
    (void)parse_keys(&r, "ca_pins", trust.ca_pins, &trust.ca_pin_count);
    (void)parse_keys(&r, "signing_keys", trust.signing_keys,
                     &trust.signing_key_count);
    (void)parse_servers(&r, &trust);
    trust.made_s = (int64_t)json_get_u64(&r, "made_s", 1, INT64_MAX / 2);
    if (json_done(&r) < 0)
        return r.code;
    *ret = trust;
    return 0;
}

int trust_load(const char *path, struct trust *ret, struct err *err)
{
    AUTO_JSON *json = json_read_file(path, TRUST_MAX_BYTES, err);

    if (!json)
        return err ? err->code : ERR_INVALID;
    AUTO_FREE char *text = json_text(json);
    if (!text)
        return err_set(err, ERR_NO_MEMORY, "not enough memory for '%s'", path);
    int code = trust_parse(text, strlen(text), ret, err);
    if (code < 0)
        (void)err_prefix(err, "trust file '%s': ", path);
    return code;
}
