/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cli/settings.h"

#include <fcntl.h>
#include <string.h>

#include "core/util/file.h"
#include "core/util/json.h"

#define DEFAULT_PORT "7443"
#define MAX_CONFIG (64 * 1024)
#define MAX_TOKEN 512

struct settings {
    const char *server;
    const char *token_file;
    const char *ca;
};

static const char *first_of(const char *a, const char *b, const char *c)
{
    if (a && *a)
        return a;
    return b && *b ? b : c;
}

/* The file may be missing; `ret_json` owns what `ret` points at. */
static int read_config(json_t **ret_json, struct settings *ret, struct err *err)
{
    const char *base = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    AUTO_FREE char *path = NULL;
    struct json_reader r;

    if (base && *base) {
        if (asprintf(&path, "%s/slipway/config.json", base) < 0)
            path = NULL;
    } else if (home &&
               asprintf(&path, "%s/.config/slipway/config.json", home) < 0) {
        path = NULL;
    }
    if (!path || access(path, F_OK) != 0)
        return 0;
    *ret_json = json_read_file(path, MAX_CONFIG, err);
    if (!*ret_json)
        return err->code;
    json_reader_init(&r, *ret_json, "$", err);
    ret->server = json_opt_text(&r, "server", NULL);
    ret->token_file = json_opt_text(&r, "token_file", NULL);
    ret->ca = json_opt_text(&r, "ca", NULL);
    if (json_done(&r) != 0)
        return err_prefix(err, "%s: ", path);
    return 0;
}

int settings_server_url(const char *text, char **ret, struct err *err)
{
    const char *rest = text;
    size_t length;
    char *url = NULL;

    if (strncmp(rest, "https://", 8) == 0)
        rest += 8;
    else if (strstr(rest, "://"))
        return err_set(err, ERR_INVALID, "server '%s' must be reached by https",
                       text);
    length = strcspn(rest, "/");
    if (length == 0 || (rest[length] == '/' && rest[length + 1] != '\0'))
        return err_set(err, ERR_INVALID,
                       "'%s' is not a server: give address or address:port",
                       text);
    if (asprintf(&url, "https://%.*s%s", (int)length, rest,
                 memchr(rest, ':', length) ? "" : ":" DEFAULT_PORT) < 0)
        return err_set(err, ERR_NO_MEMORY, "no memory is left");
    *ret = url;
    return 0;
}

static int read_token(const char *path, char **ret, struct err *err)
{
    AUTO_BUF text = BUF_INIT(MAX_TOKEN);
    int code = file_read(AT_FDCWD, path, &text, err);

    if (code)
        return err_prefix(err, "the token file: ");
    text.data[strcspn(buf_text(&text), "\r\n")] = '\0';
    *ret = strdup(buf_text(&text));
    if (!*ret || !**ret)
        return err_set(err, ERR_INVALID, "the token file '%s' is empty", path);
    return 0;
}

int settings_load(struct cli *cli, struct err *err)
{
    AUTO_JSON *json = NULL;
    struct settings file = {0};
    const char *server;
    const char *token;
    const char *ca;

    if (read_config(&json, &file, err) != 0)
        return err->code;
    server = first_of(cli_option(cli, "server"), getenv("SLIPWAY_SERVER"),
                      file.server);
    token = first_of(cli_option(cli, "token-file"),
                     getenv("SLIPWAY_TOKEN_FILE"), file.token_file);
    ca = first_of(cli_option(cli, "ca"), getenv("SLIPWAY_CA"), file.ca);
    if (!server)
        return err_set(err, ERR_INVALID,
                       "no server is named; use --server, SLIPWAY_SERVER or "
                       "'server' in ~/.config/slipway/config.json");
    if (settings_server_url(server, &cli->server, err) != 0)
        return err->code;
    if (token && read_token(token, &cli->token, err) != 0)
        return err->code;
    if (ca && !(cli->ca = strdup(ca)))
        return err_set(err, ERR_NO_MEMORY, "no memory is left");
    return 0;
}
