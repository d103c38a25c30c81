/* SPDX-License-Identifier: Apache-2.0 */
/* A description as JSON, for REST and the command line. */
#include <string.h>

#include <slipway/action.h>
#include <slipway/transport.h>

#include "core/plugin/describe.h"

/* Adds a value that it owns; a NULL value means no memory and fails. */
static bool put(json_t *object, const char *key, json_t *value)
{
    return !json_object_set_new(object, key, value);
}

static bool put_text(json_t *object, const char *key, const char *text)
{
    return put(object, key, json_string(text ? text : ""));
}

static bool put_u64(json_t *object, const char *key, uint64_t value)
{
    return put(object, key,
               json_integer((json_int_t)MIN(value, (uint64_t)INT64_MAX)));
}

static json_t *param_json(const struct param *param)
{
    json_t *object = json_object();
    bool ok = put_text(object, "name", param->name) &&
              put_text(object, "type", param_type_word(param->type)) &&
              put_text(object, "help", param->help) &&
              put(object, "required",
                  json_boolean(param->flags & SLIPWAY_PARAM_REQUIRED));
    if (ok && param->default_text)
        ok = put_text(object, "default", param->default_text);
    if (ok && param->choices)
        ok = put_text(object, "choices", param->choices);
    if (ok && param->min)
        ok = put_u64(object, "min", param->min);
    if (ok && param->max)
        ok = put_u64(object, "max", param->max);
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *params_json(const struct param_table *table)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < table->count; i++)
        if (json_array_append_new(array, param_json(&table->items[i]))) {
            json_decref(array);
            array = NULL;
        }
    return array;
}

static json_t *texts_json(char *const *texts, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < count; i++)
        if (json_array_append_new(array, json_string(texts[i]))) {
            json_decref(array);
            array = NULL;
        }
    return array;
}

static json_t *files_json(const struct plugin_info *info)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < info->file_count; i++) {
        json_t *one = json_pack("{s:s,s:s?}", "name", info->files[i].name,
                                "file", info->files[i].file);
        if (json_array_append_new(array, one)) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

struct word {
    uint64_t bit;
    const char *text;
};

static json_t *words_json(uint64_t bits, const struct word *words, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < count; i++)
        if ((bits & words[i].bit) &&
            json_array_append_new(array, json_string(words[i].text))) {
            json_decref(array);
            array = NULL;
        }
    return array;
}

static bool put_action(json_t *object, const struct plugin_info *info)
{
    static const struct word callbacks[] = {
        {DESCRIBED_PROBE, "probe"},
        {DESCRIBED_PREPARE, "prepare"},
        {DESCRIBED_RUN, "run"},
        {DESCRIBED_VERIFY, "verify"},
    };
    return put(object, "destructive",
               json_boolean(info->action_flags & SLIPWAY_ACTION_DESTRUCTIVE)) &&
           put_u64(object, "timeout_ms", info->action_timeout_ms) &&
           put(object, "callbacks",
               words_json(info->action_callbacks, callbacks,
                          ARRAY_LENGTH(callbacks)));
}

static bool put_transport(json_t *object, const struct plugin_info *info)
{
    static const struct word capabilities[] = {
        {SLIPWAY_TRANSPORT_SERVES_BOOT_FILES, "serves-boot-files"},
        {SLIPWAY_TRANSPORT_SERVES_OBJECTS, "serves-objects"},
        {SLIPWAY_TRANSPORT_FETCHES_OBJECTS, "fetches-objects"},
    };
    return put(object, "capabilities",
               words_json(info->capabilities, capabilities,
                          ARRAY_LENGTH(capabilities))) &&
           put_text(object, "sockets", info->sockets);
}

static bool put_kind(json_t *object, const struct plugin_info *info)
{
    switch (info->kind) {
    case SLIPWAY_KIND_ACTION:
        return put_action(object, info);
    case SLIPWAY_KIND_TRANSPORT:
        return put_transport(object, info);
    case SLIPWAY_KIND_ARCH:
        return put_text(object, "engine_machine", info->arch_machine) &&
               put(object, "files", files_json(info));
    default:
        return true;
    }
}

/* Why it could not be enabled; none of the sentences when it could. */
static bool put_findings(json_t *object, const struct plugin_info *info)
{
    json_t *array = json_array();
    bool ok = array != NULL;
    for (unsigned bit = FINDING_RPATH; ok && bit <= FINDING_UNDEFINED;
         bit <<= 1) {
        if (!(info->findings & bit))
            continue;
        struct err why = ERR_INIT;
        plugin_info_explain(info, bit, &why);
        ok = !json_array_append_new(array, json_string(why.text));
    }
    if (ok)
        return put(object, "findings", array);
    json_decref(array);
    return false;
}

json_t *plugin_info_json(const struct plugin_info *info)
{
    char hex[DIGEST_HEX_BYTES];
    json_t *object = json_object();
    bool ok = put_text(object, "kind", kind_word(info->kind)) &&
              put_text(object, "name", info->name) &&
              put_text(object, "version", info->version) &&
              put_text(object, "summary", info->summary) &&
              put_text(object, "machine", info->machine->name) &&
              put_text(object, "sha256", digest_hex(&info->digest, hex)) &&
              put_u64(object, "bytes", info->length) &&
              put_u64(object, "abi_major", info->major) &&
              put_u64(object, "abi_level", info->level) &&
              put_u64(object, "needs_level", info->needs_level) &&
              put(object, "reduced", json_boolean(info->reduced)) &&
              put(object, "libraries",
                  texts_json(info->needed, info->needed_count)) &&
              put(object, "params", params_json(&info->params)) &&
              put_kind(object, info) && put_findings(object, info);
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}
