/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/hosts/host-record.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/util/json.h"

#define LOWER_DIGITS "abcdefghijklmnopqrstuvwxyz0123456789"
#define MAX_LABEL_BYTES 128
#define MAX_FACTS 32

void host_record_free(struct host *host)
{
    if (!host)
        return;
    json_decref(host->labels);
    json_decref(host->facts);
    free(host);
}

static bool name_good(const char *text, const char *signs, size_t size)
{
    size_t length = strlen(text);
    if (length == 0 || length >= size || !strchr(LOWER_DIGITS, text[0]))
        return false;
    for (size_t i = 0; i < length; i++)
        if (!strchr(LOWER_DIGITS, text[i]) && !strchr(signs, text[i]))
            return false;
    return true;
}

static void read_name(struct json_reader *r, struct host *host)
{
    const char *text = json_get_text(r, "name");
    if (r->code)
        return;
    if (!name_good(text, ".-", sizeof(host->name)))
        json_reader_fail(r, "name",
                         "must be a host name of at most %zu lower-case "
                         "letters, digits, '.' and '-'",
                         sizeof(host->name) - 1);
    else
        memcpy(host->name, text, strlen(text) + 1);
}

static void read_macs(struct json_reader *r, struct host *host)
{
    const json_t *list = json_opt_array(r, "macs");
    size_t i;
    json_t *entry;
    struct err why = ERR_INIT;
    if (json_array_size(list) > HOST_MAX_MACS) {
        json_reader_fail(r, "macs", "has more than %d entries", HOST_MAX_MACS);
        return;
    }
    json_array_foreach(list, i, entry)
    {
        const char *text = json_string_value(entry);
        char *mac = host->macs[host->mac_count];
        if (identity_mac_parse(text ? text : "", mac, &why)) {
            json_reader_fail(r, "macs", "is wrong: %s", why.text);
            return;
        }
        for (size_t k = 0; k < host->mac_count; k++)
            if (strcmp(host->macs[k], mac) == 0) {
                json_reader_fail(r, "macs", "names %s twice", mac);
                return;
            }
        host->mac_count++;
    }
}

static void read_words(struct json_reader *r, struct host *host)
{
    struct err why = ERR_INIT;
    const char *uuid = json_opt_text(r, "uuid", "");
    if (*uuid && identity_uuid_parse(uuid, host->uuid, &why))
        json_reader_fail(r, "uuid", "is wrong: %s", why.text);
    const char *arch = json_opt_text(r, "arch", "");
    if (*arch && !name_good(arch, "-", sizeof(host->arch)))
        json_reader_fail(r, "arch", "is not the name of an arch plugin");
    else
        memcpy(host->arch, arch, strlen(arch) + 1);
    const char *tier = json_opt_text(r, "tier", "network");
    if (strcmp(tier, "network") != 0 && strcmp(tier, "console") != 0)
        json_reader_fail(r, "tier", "must be 'network' or 'console'");
    else
        memcpy(host->tier, tier, strlen(tier) + 1);
    const char *address = json_opt_text(r, "reserved_address", "");
    struct in_addr in;
    if (*address && inet_pton(AF_INET, address, &in) != 1)
        json_reader_fail(r, "reserved_address", "is not an IPv4 address");
    else if (*address)
        inet_ntop(AF_INET, &in, host->reserved_address,
                  sizeof(host->reserved_address));
}

static void read_labels(struct json_reader *r, struct host *host)
{
    const json_t *labels = json_opt_object(r, "labels");
    const char *name;
    json_t *value;
    if (json_object_size(labels) > HOST_MAX_LABELS) {
        json_reader_fail(r, "labels", "has more than %d entries",
                         HOST_MAX_LABELS);
        return;
    }
    json_object_foreach((json_t *)labels, name, value)
    {
        if (!name_good(name, "._-", 64)) {
            json_reader_fail(r, "labels", "has the bad name '%.64s'", name);
            return;
        }
        if (!json_is_string(value) ||
            json_string_length(value) > MAX_LABEL_BYTES) {
            json_reader_fail(r, "labels",
                             "must give '%.64s' a text of at most %d bytes",
                             name, MAX_LABEL_BYTES);
            return;
        }
    }
    host->labels = labels ? json_deep_copy(labels) : json_object();
}

static void read_facts(struct json_reader *r, struct host *host)
{
    const json_t *facts = json_opt_object(r, "facts");
    if (json_object_size(facts) > MAX_FACTS)
        json_reader_fail(r, "facts", "has more than %d entries", MAX_FACTS);
    host->facts = facts ? json_deep_copy(facts) : json_object();
}

int host_record_parse(const json_t *json, struct host **ret, struct err *err)
{
    AUTO_HOST *host = calloc(1, sizeof(*host));
    struct json_reader r;
    if (!host)
        return err_set(err, ERR_NO_MEMORY, "out of memory for a host");
    json_reader_init(&r, json, "$", err);
    (void)json_get_u64(&r, "schema", 1, 1);
    const char *id = json_get_text(&r, "id");
    if (!r.code && !message_id_valid(id))
        json_reader_fail(&r, "id", "is not an id of 32 hexadecimal digits");
    else if (!r.code)
        memcpy(host->id, id, sizeof(host->id));
    host->created_s = (int64_t)json_get_u64(&r, "created_s", 0, INT64_MAX);
    read_name(&r, host);
    read_macs(&r, host);
    if (!r.code)
        read_words(&r, host);
    read_labels(&r, host);
    read_facts(&r, host);
    if (!r.code && host->mac_count == 0 && !*host->uuid)
        json_reader_fail(&r, NULL, "needs at least one of 'macs' and 'uuid'");
    int code = json_done(&r);
    if (code)
        return code;
    if (!host->labels || !host->facts)
        return err_set(err, ERR_NO_MEMORY, "out of memory for a host");
    *ret = TAKE(host);
    return 0;
}

json_t *host_record_format(const struct host *host)
{
    AUTO_JSON *macs = json_array();
    for (size_t i = 0; i < host->mac_count; i++)
        json_array_append_new(macs, json_string(host->macs[i]));
    return json_pack("{s:i, s:s, s:I, s:s, s:O, s:s, s:s, s:s, s:s, s:O, s:O}",
                     "schema", 1, "id", host->id, "created_s",
                     (json_int_t)host->created_s, "name", host->name, "macs",
                     macs, "uuid", host->uuid, "arch", host->arch, "tier",
                     host->tier, "reserved_address", host->reserved_address,
                     "labels", host->labels, "facts", host->facts);
}

size_t host_record_aliases(const struct host *host,
                           char ret[HOST_MAX_ALIASES][HOST_ALIAS_BYTES])
{
    char key[IDENTITY_KEY_BYTES];
    size_t count = 0;
    snprintf(ret[count++], HOST_ALIAS_BYTES, "name/%s", host->name);
    if (*host->uuid) {
        identity_uuid_key(host->uuid, key);
        snprintf(ret[count++], HOST_ALIAS_BYTES, "%s", key);
    }
    for (size_t i = 0; i < host->mac_count; i++) {
        identity_mac_key(host->macs[i], key);
        snprintf(ret[count++], HOST_ALIAS_BYTES, "%s", key);
    }
    return count;
}
