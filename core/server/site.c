/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The site's folder, made and read: see site.h.
 *
 *   site/site.json      ids, epoch, when it was made
 *   site/trust.json     what engines believe in
 *   site/ca.pem         the root, for REST clients
 *   site/server.pem     leaf, server intermediate, root
 *   site/server.key     the leaf's key
 *   site/secret         32 bytes: object and index keys derive from it
 *   site/signing.key    32 bytes: seed of the active signing key
 *   site/verify.keys    active and standby public keys, hexadecimal lines
 *   site/authority/     what the daemon never needs: root and intermediate
 *                       keys, standby keys; stays root's
 */
#include "core/server/site.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/server/config.h"
#include "core/server/site-ca.h"
#include "core/util/file.h"
#include "core/util/json.h"
#include "core/util/secret-memory.h"

#define MAX_FILE_BYTES (64 * 1024)

/* ---- making ---- */

struct making {
    char id[33];
    char server_id[33];
    int64_t made_s;
    struct site_ca ca;
    struct signing_key active, standby;
    struct secret_key secret;
    char *trust;
    int dir;       /* of site.new */
    int authority; /* site.new/authority */
};

static void random_id(char out[33])
{
    uint8_t raw[16];
    random_bytes(raw, sizeof(raw));
    (void)hex_format(raw, sizeof(raw), out);
}

static int make_trust(struct making *m, const struct config *config,
                      struct err *err)
{
    char pins[2][DIGEST_HEX_BYTES];
    char keys[2][65];
    AUTO_FREE char *server = NULL;
    if (asprintf(&server, "%s:%u", config->address,
                 config->ports.tls ? config->ports.tls : 7443) < 0)
        return err_set(err, ERR_NO_MEMORY, "no memory for the trust file");
    AUTO_JSON *trust = json_pack(
        "{s:s, s:[s, s], s:[s, s], s:[s], s:I}", "site", m->id, "ca_pins",
        digest_hex(&m->ca.root_pin, pins[0]),
        digest_hex(&m->ca.standby_pin, pins[1]), "signing_keys",
        hex_format(m->active.public_key.bytes, 32, keys[0]),
        hex_format(m->standby.public_key.bytes, 32, keys[1]), "servers",
        server, "made_s", (json_int_t)m->made_s);
    m->trust = trust ? json_text(trust) : NULL;
    return m->trust ? 0
                    : err_set(err, ERR_NO_MEMORY,
                              "no memory for the trust file");
}

static int make_all(struct making *m, const struct config *config,
                    struct err *err)
{
    random_id(m->id);
    random_id(m->server_id);
    m->made_s = (int64_t)time(NULL);
    random_bytes(m->secret.bytes, sizeof(m->secret.bytes));
    int code = signing_key_generate(&m->active, err);
    if (code == 0)
        code = signing_key_generate(&m->standby, err);
    if (code == 0)
        code = site_ca_make(m->id, m->server_id, config->address, m->made_s,
                            &m->ca, err);
    if (code == 0)
        code = make_trust(m, config, err);
    return code;
}

struct one_file {
    int dir;
    const char *name;
    const void *data;
    size_t length; /* 0 = data is text */
    mode_t mode;
};

static int write_files(const struct one_file *files, size_t count,
                       struct err *err)
{
    int code = 0;
    for (size_t i = 0; code == 0 && i < count; i++) {
        size_t length =
            files[i].length ? files[i].length : strlen(files[i].data);
        code = file_create(files[i].dir, files[i].name, files[i].data, length,
                           files[i].mode, err);
    }
    return code;
}

static int write_site(const struct making *m, struct err *err)
{
    AUTO_FREE char *chain = NULL;
    AUTO_FREE char *verify = NULL;
    AUTO_FREE char *text = NULL;
    char keys[2][65];
    AUTO_JSON *json = json_pack("{s:i, s:s, s:s, s:I, s:i}", "schema", 1, "id",
                                m->id, "server_id", m->server_id, "made_s",
                                (json_int_t)m->made_s, "seal_epoch", 1);
    text = json ? json_text(json) : NULL;
    if (!text ||
        asprintf(&chain, "%s%s%s", m->ca.leaf_pem, m->ca.server_ca_pem,
                 m->ca.root_pem) < 0 ||
        asprintf(&verify, "%s\n%s\n",
                 hex_format(m->active.public_key.bytes, 32, keys[0]),
                 hex_format(m->standby.public_key.bytes, 32, keys[1])) < 0)
        return err_set(err, ERR_NO_MEMORY, "no memory to write the site");
    const struct one_file files[] = {
        {m->authority, "root.key", m->ca.root_key, 0, 0600},
        {m->authority, "root-standby.key", m->ca.standby_key, 0, 0600},
        {m->authority, "server-ca.pem", m->ca.server_ca_pem, 0, 0644},
        {m->authority, "server-ca.key", m->ca.server_ca_key, 0, 0600},
        {m->authority, "engine-ca.pem", m->ca.engine_ca_pem, 0, 0644},
        {m->authority, "engine-ca.key", m->ca.engine_ca_key, 0, 0600},
        {m->authority, "signing-standby.key", m->standby.seed, 32, 0600},
        {m->dir, "site.json", text, 0, 0644},
        {m->dir, "trust.json", m->trust, 0, 0644},
        {m->dir, "ca.pem", m->ca.root_pem, 0, 0644},
        {m->dir, "server.pem", chain, 0, 0644},
        {m->dir, "server.key", m->ca.leaf_key, 0, 0600},
        {m->dir, "secret", m->secret.bytes, 32, 0600},
        {m->dir, "signing.key", m->active.seed, 32, 0600},
        {m->dir, "verify.keys", verify, 0, 0644},
    };
    return write_files(files, sizeof(files) / sizeof(files[0]), err);
}

static void making_done(struct making *m)
{
    site_ca_done(&m->ca);
    if (m->dir >= 0)
        (void)close(m->dir);
    if (m->authority >= 0)
        (void)close(m->authority);
    free(m->trust);
    secret_wipe(m, sizeof(*m));
}

/* Below a name of its own first, so that a site is there whole or not. */
static int write_and_publish(struct making *m, int state, struct err *err)
{
    static const char fresh[] = "site.new";
    if (faccessat(state, fresh, F_OK, 0) == 0)
        return err_set(err, ERR_CONFLICT, "an earlier 'slipwayd init' was "
                       "interrupted; remove '%s' from the state folder and "
                       "run it again", fresh);
    m->dir = file_open_dir(state, fresh, 0700, err);
    if (m->dir < 0)
        return err->code;
    m->authority = file_open_dir(m->dir, "authority", 0700, err);
    if (m->authority < 0)
        return err->code;
    int code = write_site(m, err);
    if (code != 0)
        return code;
    if (renameat(state, fresh, state, "site") < 0 || fsync(state) < 0)
        return err_set_errno(err, ERR_IO, errno, "the folder 'site' cannot be "
                             "put in place");
    return 0;
}

int site_create(const struct config *config, struct err *err)
{
    struct err local = ERR_INIT;
    struct making m = {.dir = -1, .authority = -1};
    if (!err)
        err = &local;
    AUTO_CLOSE int state = file_open_dir(AT_FDCWD, config->state_dir, 0755,
                                         err);
    if (state < 0)
        return err->code;
    if (faccessat(state, "site", F_OK, 0) == 0)
        return err_set(err, ERR_CONFLICT, "there is a site in '%s' already; "
                       "nothing was changed", config->state_dir);
    int code = make_all(&m, config, err);
    if (code == 0)
        code = write_and_publish(&m, state, err);
    making_done(&m);
    return code;
}

/* ---- reading ---- */

static int read_text(int dir, const char *name, char **ret, struct err *err)
{
    AUTO_BUF text = BUF_INIT(MAX_FILE_BYTES);
    int code = file_read(dir, name, &text, err);
    if (code != 0)
        return err_prefix(err, "site file '%s': ", name);
    *ret = buf_take_text(&text);
    return *ret ? 0 : err_set(err, ERR_NO_MEMORY, "no memory for the site");
}

static int read_exact(int dir, const char *name, void *out, size_t length,
                      struct err *err)
{
    AUTO_BUF bytes = BUF_INIT(MAX_FILE_BYTES);
    int code = file_read(dir, name, &bytes, err);
    if (code != 0)
        return err_prefix(err, "site file '%s': ", name);
    if (bytes.length != length)
        return err_set(err, ERR_CORRUPT, "the site file '%s' has %zu bytes "
                       "instead of %zu", name, bytes.length, length);
    memcpy(out, bytes.data, length);
    secret_wipe(bytes.data, bytes.length);
    return 0;
}

static int read_ids(int dir, struct site *site, struct err *err)
{
    AUTO_FREE char *text = NULL;
    int code = read_text(dir, "site.json", &text, err);
    if (code != 0)
        return code;
    AUTO_JSON *json = json_parse(text, strlen(text), MAX_FILE_BYTES, err);
    if (!json)
        return err_prefix(err, "site file 'site.json': ");
    struct json_reader r;
    json_reader_init(&r, json, "$", err);
    (void)json_get_u64(&r, "schema", 1, 1);
    (void)snprintf(site->id, sizeof(site->id), "%s", json_get_text(&r, "id"));
    (void)snprintf(site->server_id, sizeof(site->server_id), "%s",
                   json_get_text(&r, "server_id"));
    site->made_s = (int64_t)json_get_u64(&r, "made_s", 0, INT64_MAX);
    site->seal_epoch =
        (uint32_t)json_get_u64(&r, "seal_epoch", 1, UINT32_MAX);
    if (json_done(&r) != 0)
        return err_prefix(err, "site file 'site.json': ");
    return 0;
}

static int read_verify_keys(int dir, struct site *site, struct err *err)
{
    char text[130];
    int code = read_exact(dir, "verify.keys", text, sizeof(text), err);
    if (code != 0)
        return code;
    text[64] = '\0';
    text[129] = '\0';
    if (hex_parse(text, site->verify_keys[0].bytes, 32) < 0 ||
        hex_parse(text + 65, site->verify_keys[1].bytes, 32) < 0)
        return err_set(err, ERR_CORRUPT,
                       "the site file 'verify.keys' is damaged");
    site->signing.public_key = site->verify_keys[0];
    return 0;
}

static int read_key(int dir, struct site *site, struct err *err)
{
    AUTO_FREE char *text = NULL;
    int code = read_text(dir, "server.key", &text, err);
    if (code != 0)
        return code;
    site->key_pem = secret_copy(text, strlen(text));
    secret_wipe(text, strlen(text));
    return site->key_pem ? 0 : err_set(err, ERR_NO_MEMORY,
                                       "no memory for the server's key");
}

static int read_site(int dir, struct site *site, struct err *err)
{
    int code = read_ids(dir, site, err);
    if (code == 0)
        code = read_exact(dir, "secret", site->secret.bytes, 32, err);
    if (code == 0)
        code = read_exact(dir, "signing.key", site->signing.seed, 32, err);
    if (code == 0)
        code = read_verify_keys(dir, site, err);
    if (code == 0)
        code = read_text(dir, "trust.json", &site->trust, err);
    if (code == 0)
        code = read_text(dir, "server.pem", &site->chain_pem, err);
    if (code == 0)
        code = read_key(dir, site, err);
    if (code == 0)
        digest_of(site->trust, strlen(site->trust), &site->trust_digest);
    return code;
}

int site_load(const struct config *config, struct site **ret_site,
              struct err *err)
{
    AUTO_FREE char *path = config_state_path(config, "site");
    if (!path)
        return err_set(err, ERR_NO_MEMORY, "no memory for the site");
    AUTO_CLOSE int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 && errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "there is no site in '%s'; make "
                       "one with 'slipwayd init --config %s'",
                       config->state_dir, config->path);
    if (dir < 0)
        return err_set_errno(err, ERR_IO, errno, "the site's folder '%s' does "
                             "not open", path);
    struct site *site = secret_new(sizeof(*site));
    if (!site)
        return err_set(err, ERR_NO_MEMORY, "no memory for the site");
    int code = read_site(dir, site, err);
    if (code != 0) {
        site_free(site);
        return code;
    }
    *ret_site = site;
    return 0;
}

void site_free(struct site *site)
{
    if (!site)
        return;
    free(site->trust);
    free(site->chain_pem);
    secret_free(site->key_pem);
    secret_free(site);
}
