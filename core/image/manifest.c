/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests: see manifest.h. */
#include "core/image/manifest.h"

#include <string.h>

#include "core/util/json.h"

#define MANIFEST_SCHEMA 1
#define DISK_WORD "disk"
#define BLOB_WORD "blob"

bool image_name_ok(const char *name)
{
    size_t length = strnlen(name, IMAGE_NAME_BYTES);
    if (!length || length == IMAGE_NAME_BYTES)
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && !(i && strchr("._-", c)))
            return false;
    }
    return true;
}

const char *image_kind_word(enum image_kind kind)
{
    return kind == IMAGE_BLOB ? BLOB_WORD : DISK_WORD;
}

int image_kind_parse(const char *word, enum image_kind *ret, struct err *err)
{
    if (!strcmp(word, DISK_WORD))
        *ret = IMAGE_DISK;
    else if (!strcmp(word, BLOB_WORD))
        *ret = IMAGE_BLOB;
    else
        return err_set(err, ERR_INVALID,
                       "there is no image kind '%.32s': it is 'disk' or 'blob'",
                       word);
    return 0;
}

static json_t *partition_json(const struct partition *p)
{
    return json_pack("{s:i, s:I, s:I, s:s, s:s, s:s}", "number", (int)p->number,
                     "start_bytes", (json_int_t)p->start_bytes, "length_bytes",
                     (json_int_t)p->length_bytes, "type", p->type, "name",
                     p->name, "file_system", p->file_system);
}

static json_t *boots_json(const struct partitions *partitions)
{
    json_t *boots = json_array();
    if (partitions->boots_uefi)
        (void)json_array_append_new(boots, json_string("uefi"));
    if (partitions->boots_bios)
        (void)json_array_append_new(boots, json_string("bios"));
    return boots;
}

json_t *manifest_json(const struct manifest *m)
{
    char root[DIGEST_HEX_BYTES];
    json_t *list = json_array();
    for (size_t i = 0; list && i < m->partitions.count; i++)
        if (json_array_append_new(list,
                                  partition_json(&m->partitions.list[i]))) {
            json_decref(list);
            list = NULL;
        }
    return json_pack(
        "{s:i, s:s, s:I, s:s, s:I, s:I, s:I, s:i, s:I, s:I, s:s, s:s, s:o, "
        "s:i, s:i, s:o}",
        "schema", MANIFEST_SCHEMA, "name", m->name, "revision",
        (json_int_t)m->revision, "kind", image_kind_word(m->kind), "size_bytes",
        (json_int_t)m->size_bytes, "stored_bytes", (json_int_t)m->stored_bytes,
        "sector_bytes", (json_int_t)m->sector_bytes, "chunk_shift",
        (int)m->chunk_shift, "seal_epoch", (json_int_t)m->seal_epoch, "made_s",
        (json_int_t)m->made_s, "index_root", digest_hex(&m->index_root, root),
        "table", m->partitions.table, "partitions", list, "esp",
        (int)m->partitions.esp, "root", (int)m->partitions.root, "boots",
        boots_json(&m->partitions));
}

char *manifest_format(const struct manifest *manifest, struct err *err)
{
    AUTO_JSON *json = manifest_json(manifest);
    char *text = json ? json_text(json) : NULL;
    if (!text)
        (void)err_set(err, ERR_NO_MEMORY, "no memory for a manifest");
    return text;
}

static void parse_partition(struct json_reader *r, uint64_t size_bytes,
                            struct partition *p)
{
    p->number = (unsigned)json_get_u64(r, "number", 1, 1024);
    p->start_bytes = json_get_u64(r, "start_bytes", 0, size_bytes);
    p->length_bytes =
        json_get_u64(r, "length_bytes", 1, MAX(size_bytes, UINT64_C(1)));
    json_copy_text(r, "type", p->type, sizeof(p->type));
    json_copy_text(r, "name", p->name, sizeof(p->name));
    p->file_system =
        partition_file_system_known(json_get_text(r, "file_system"));
    if (!r->code && p->length_bytes > size_bytes - p->start_bytes)
        (void)json_reader_fail(r, "length_bytes", "ends behind the image");
}

static void parse_boots(struct json_reader *r, struct partitions *ret)
{
    const json_t *boots = json_get_array(r, "boots");
    for (size_t i = 0; i < json_array_size(boots); i++) {
        const char *word = json_string_value(json_array_get(boots, i));
        if (word && !strcmp(word, "uefi"))
            ret->boots_uefi = true;
        else if (word && !strcmp(word, "bios"))
            ret->boots_bios = true;
        else
            (void)json_reader_fail(r, "boots",
                                   "has a member that is neither 'uefi' nor "
                                   "'bios'");
    }
}

static void parse_partitions(struct json_reader *r, struct manifest *m)
{
    static const char *const tables[] = {"none", "gpt", "mbr"};
    const char *table = json_get_text(r, "table");
    for (size_t i = 0; i < ARRAY_LENGTH(tables); i++)
        if (!strcmp(tables[i], table))
            m->partitions.table = tables[i];
    if (!m->partitions.table)
        (void)json_reader_fail(r, "table", "is none of gpt, mbr, none");
    size_t count = json_array_size(json_get_array(r, "partitions"));
    if (count > PARTITIONS_MAX)
        (void)json_reader_fail(r, "partitions", "has more than %d members",
                               PARTITIONS_MAX);
    for (size_t i = 0; !r->code && i < count; i++) {
        struct json_reader child;
        json_reader_element(&child, r, "partitions", i);
        parse_partition(&child, m->size_bytes, &m->partitions.list[i]);
        m->partitions.count++;
        if (!child.code)
            child.code = json_done(&child);
        (void)json_reader_join(r, &child);
    }
    m->partitions.esp = (unsigned)json_get_u64(r, "esp", 0, 1024);
    m->partitions.root = (unsigned)json_get_u64(r, "root", 0, 1024);
    parse_boots(r, &m->partitions);
}

static void parse_members(struct json_reader *r, struct manifest *m)
{
    (void)json_get_u64(r, "schema", MANIFEST_SCHEMA, MANIFEST_SCHEMA);
    json_copy_text(r, "name", m->name, sizeof(m->name));
    if (!r->code && !image_name_ok(m->name))
        (void)json_reader_fail(r, "name", "is not an image name");
    m->revision = json_get_u64(r, "revision", 1, IMAGE_REVISION_MAX);
    const char *kind = json_get_text(r, "kind");
    if (!r->code && image_kind_parse(kind, &m->kind, NULL))
        (void)json_reader_fail(r, "kind", "is neither 'disk' nor 'blob'");
    m->size_bytes = json_get_u64(r, "size_bytes", 1, IMAGE_BYTES_MAX);
    m->stored_bytes = json_get_u64(r, "stored_bytes", 0, 2 * IMAGE_BYTES_MAX);
    m->sector_bytes = (uint32_t)json_get_u64(r, "sector_bytes", 1, 65536);
    m->chunk_shift = (unsigned)json_get_u64(r, "chunk_shift", CHUNK_SHIFT_MIN,
                                            CHUNK_SHIFT_MAX);
    m->seal_epoch = (uint32_t)json_get_u64(r, "seal_epoch", 0, UINT32_MAX);
    m->made_s = (int64_t)json_get_u64(r, "made_s", 0, INT64_MAX);
    const char *root = json_get_text(r, "index_root");
    if (!r->code && digest_parse(root, &m->index_root, NULL))
        (void)json_reader_fail(r, "index_root", "is not a digest");
}

int manifest_parse(const void *text, size_t length, struct manifest *ret,
                   struct err *err)
{
    AUTO_JSON *json = json_parse(text, length, MANIFEST_MAX_BYTES, err);
    if (!json)
        return err ? err_prefix(err, "a manifest: ") : ERR_INVALID;
    AUTO_FREE struct manifest *m = calloc(1, sizeof(*m));
    if (!m)
        return err_set(err, ERR_NO_MEMORY, "no memory for a manifest");
    struct json_reader r;
    json_reader_init(&r, json, "", err);
    parse_members(&r, m);
    if (!r.code)
        parse_partitions(&r, m);
    int rc = r.code ? r.code : json_done(&r);
    if (rc)
        (void)err_prefix(err, "a manifest: ");
    else
        *ret = *m;
    return rc;
}

int manifest_open(const void *text, size_t length,
                  const uint8_t signature[SIGNATURE_BYTES],
                  const struct verify_key *keys, size_t key_count,
                  struct manifest *ret, struct err *err)
{
    if (length > MANIFEST_MAX_BYTES)
        return err_set(err, ERR_TOO_BIG, "a manifest has %zu bytes", length);
    if (verify_bytes(keys, key_count, MANIFEST_DOMAIN, text, length, signature,
                     NULL))
        return err_set(err, ERR_VERIFY,
                       "the manifest's signature is not from this site");
    return manifest_parse(text, length, ret, err);
}

int manifest_sign(const struct signing_key *key, const void *text,
                  size_t length, uint8_t ret_signature[SIGNATURE_BYTES],
                  struct err *err)
{
    return sign_bytes(key, MANIFEST_DOMAIN, text, length, ret_signature, err);
}
