/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/tasks/secret.h"

#include <string.h>

#include "core/util/json.h"
#include "core/util/secret-memory.h"

#define LABEL "slipway secret 1"
#define SEALED_MAX (2 * SECRET_MAX_BYTES)

struct secrets {
    struct secret_key key;
    json_t *documents; /* by name */
};

struct secrets *secrets_new(const struct secret_key *site, struct err *err)
{
    struct secrets *secrets = secret_new(sizeof(*secrets));
    if (secrets)
        secrets->documents = json_object();
    if (!secrets || !secrets->documents) {
        (void)err_set(err, ERR_NO_MEMORY, "out of memory for secrets");
        secret_free(secrets);
        return NULL;
    }
    if (hkdf_sha256(site, LABEL, sizeof(LABEL) - 1, &secrets->key, err)) {
        secrets_free(secrets);
        return NULL;
    }
    return secrets;
}

void secrets_free(struct secrets *secrets)
{
    if (!secrets)
        return;
    json_decref(secrets->documents);
    secret_free(secrets);
}

static bool tier_ok(const char *tier)
{
    return tier && (!strcmp(tier, "network") || !strcmp(tier, "console"));
}

static int check(const struct secret_spec *spec, struct err *err)
{
    size_t length = strlen(spec->value);
    if (!secret_name_ok(spec->name))
        return err_set(err, ERR_INVALID,
                       "'%.64s' is not a secret's name: lower-case letters, "
                       "digits, '.', '_' and '-', at most %d of them",
                       spec->name, SECRET_NAME_BYTES - 1);
    if (!tier_ok(spec->min_tier))
        return err_set(err, ERR_INVALID,
                       "the tier must be 'network' or 'console'");
    if (length < SECRET_MIN_BYTES || length > SECRET_MAX_BYTES)
        return err_set(err, ERR_INVALID,
                       "a secret must have %d to %d bytes; shorter ones could "
                       "not be kept out of logs without spoiling them",
                       SECRET_MIN_BYTES, SECRET_MAX_BYTES);
    return 0;
}

/* Name and tier are sealed too: a value cannot be moved to another name, nor
 * its tier lowered, by who writes the store. */
static char *plain_text(const struct secret_spec *spec)
{
    AUTO_JSON *plain = json_pack("{s:s, s:s, s:s}", "name", spec->name,
                                 "min_tier", spec->min_tier, "value",
                                 spec->value);
    return plain ? json_text(plain) : NULL;
}

json_t *secret_seal(const struct secrets *secrets,
                    const struct secret_spec *spec, struct err *err)
{
    uint8_t nonce[SEAL_NONCE_BYTES];
    uint8_t sealed[SEALED_MAX + SEAL_TAG_BYTES];
    char nonce_hex[2 * SEAL_NONCE_BYTES + 1], hex[2 * sizeof(sealed) + 1];
    if (check(spec, err))
        return NULL;
    AUTO_FREE char *plain = plain_text(spec);
    size_t length = plain ? strlen(plain) : 0;
    if (!plain || length > SEALED_MAX) {
        (void)err_set(err, plain ? ERR_TOO_BIG : ERR_INVALID,
                      "the secret's text is too long or not UTF-8");
        return NULL;
    }
    random_bytes(nonce, sizeof(nonce));
    int code = seal(&secrets->key, nonce, plain, length, sealed, err);
    secret_wipe(plain, length);
    if (code)
        return NULL;
    return json_pack("{s:i, s:s, s:s, s:s, s:I, s:s}", "schema", 1, "min_tier",
                     spec->min_tier, "nonce",
                     hex_format(nonce, sizeof(nonce), nonce_hex), "sealed",
                     hex_format(sealed, length + SEAL_TAG_BYTES, hex),
                     "changed_s", (json_int_t)spec->changed_s, "by", spec->by);
}

/* The plain object of a document; NULL with err. */
static json_t *unseal_document(const struct secrets *secrets, const char *name,
                               const json_t *document, struct err *err)
{
    const char *nonce_hex =
        json_string_value(json_object_get(document, "nonce"));
    const char *hex = json_string_value(json_object_get(document, "sealed"));
    const char *tier = json_string_value(json_object_get(document, "min_tier"));
    uint8_t nonce[SEAL_NONCE_BYTES];
    uint8_t sealed[SEALED_MAX + SEAL_TAG_BYTES], plain[SEALED_MAX];
    size_t length = hex ? strlen(hex) / 2 : 0;
    json_t *json = NULL;
    if (nonce_hex && tier && length > SEAL_TAG_BYTES &&
        length <= sizeof(sealed) &&
        !hex_parse(nonce_hex, nonce, sizeof(nonce)) &&
        !hex_parse(hex, sealed, length) &&
        !unseal(&secrets->key, nonce, sealed, length, plain, NULL)) {
        json = json_parse(plain, length - SEAL_TAG_BYTES, SEALED_MAX, NULL);
        secret_wipe(plain, sizeof(plain));
    }
    const char *own = json_string_value(json_object_get(json, "name"));
    const char *own_tier = json_string_value(json_object_get(json, "min_tier"));
    if (own && own_tier && !strcmp(own, name) && !strcmp(own_tier, tier) &&
        json_is_string(json_object_get(json, "value")))
        return json;
    json_decref(json);
    (void)err_set(err, ERR_VERIFY,
                  "the secret '%.64s' was not sealed by this site, or was "
                  "changed; set it again with 'slipway secret set %.64s'",
                  name, name);
    return NULL;
}

int secrets_apply(struct secrets *secrets, const char *name,
                  const json_t *document, struct err *err)
{
    AUTO_JSON *plain = unseal_document(secrets, name, document, err);
    if (!plain)
        return ERR_VERIFY;
    return json_object_set(secrets->documents, name, (json_t *)document)
               ? err_set(err, ERR_NO_MEMORY, "out of memory for a secret")
               : 0;
}

void secrets_remove(struct secrets *secrets, const char *name)
{
    (void)json_object_del(secrets->documents, name);
}

const char *secrets_tier(const struct secrets *secrets, const char *name)
{
    return json_string_value(json_object_get(
        json_object_get(secrets->documents, name), "min_tier"));
}

char *secrets_open(const struct secrets *secrets, const char *name,
                   struct err *err)
{
    const json_t *document = json_object_get(secrets->documents, name);
    if (!document) {
        (void)err_set(err, ERR_NOT_FOUND,
                      "there is no secret '%.64s'; 'slipway secret set %.64s' "
                      "makes it",
                      name, name);
        return NULL;
    }
    AUTO_JSON *plain = unseal_document(secrets, name, document, err);
    if (!plain)
        return NULL;
    const json_t *text = json_object_get(plain, "value");
    char *value = secret_copy(json_string_value(text), json_string_length(text));
    if (!value)
        (void)err_set(err, ERR_NO_MEMORY, "out of memory for a secret");
    return value;
}
