/* SPDX-License-Identifier: Apache-2.0 */
/* REST tokens in memory: see token.h. */
#include "core/server/rest/token.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/util/json.h"
#include "core/util/macros.h"

#define MAX_TOKENS 1024

struct token {
    struct token_holder holder;
    struct digest hash;
    int64_t expires_s; /* 0 = never */
};

struct tokens {
    pthread_mutex_t lock; /* items: written on the loop, read anywhere */
    struct token items[MAX_TOKENS];
    size_t count;
};

static const char *const scope_words[] = {
    [SCOPE_NONE] = "none",         [SCOPE_VIEWER] = "viewer",
    [SCOPE_OPERATOR] = "operator", [SCOPE_ADMIN] = "admin",
    [SCOPE_ENGINE] = "engine",
};

const char *scope_word(enum scope scope)
{
    return scope_words[scope];
}

enum scope scope_parse(const char *word)
{
    for (enum scope s = SCOPE_VIEWER; s <= SCOPE_ADMIN; s++)
        if (strcmp(scope_words[s], word) == 0)
            return s;
    return SCOPE_NONE;
}

struct tokens *tokens_new(struct err *err)
{
    struct tokens *tokens = calloc(1, sizeof(*tokens));
    if (!tokens) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory for the table of tokens");
        return NULL;
    }
    (void)pthread_mutex_init(&tokens->lock, NULL); /* cannot fail on Linux */
    return tokens;
}

void tokens_free(struct tokens *tokens)
{
    if (!tokens)
        return;
    (void)pthread_mutex_destroy(&tokens->lock);
    free(tokens);
}

/* The table holds hashes of random tokens, so comparing in variable time
 * tells nobody anything about a token. */
int tokens_find(struct tokens *tokens, const char *text, int64_t now_s,
                struct token_holder *ret, struct err *err)
{
    struct digest hash;
    int code = ERR_DENIED;
    digest_of(text, strlen(text), &hash);
    (void)pthread_mutex_lock(&tokens->lock);
    for (size_t i = 0; i < tokens->count; i++) {
        const struct token *token = &tokens->items[i];
        if (digest_equal(&token->hash, &hash) &&
            (token->expires_s == 0 || now_s < token->expires_s)) {
            *ret = token->holder;
            code = 0;
            break;
        }
    }
    (void)pthread_mutex_unlock(&tokens->lock);
    if (code != 0)
        return err_set(err, code,
                       "the token is not known here, was revoked or expired");
    return 0;
}

static int parse(const char *id, const json_t *document, struct token *ret,
                 struct err *err)
{
    struct json_reader r;
    json_reader_init(&r, document, "", err);
    (void)json_get_u64(&r, "schema", 1, 1);
    const char *name = json_get_text(&r, "name");
    const char *scope = json_get_text(&r, "scope");
    const char *hash = json_get_text(&r, "hash");
    (void)json_get_u64(&r, "made_s", 0, INT64_MAX);
    uint64_t expires_s = json_get_u64(&r, "expires_s", 0, INT64_MAX);
    int code = json_done(&r);
    if (code != 0)
        return code;
    ret->holder.scope = scope_parse(scope);
    if (ret->holder.scope == SCOPE_NONE)
        return err_set(err, ERR_CORRUPT, "the token '%s' has no scope", id);
    ret->expires_s = (int64_t)expires_s;
    (void)snprintf(ret->holder.id, sizeof(ret->holder.id), "%s", id);
    (void)snprintf(ret->holder.name, sizeof(ret->holder.name), "%s", name);
    return digest_parse(hash, &ret->hash, err);
}

int tokens_apply(struct tokens *tokens, const char *id, const json_t *document,
                 struct err *err)
{
    struct token token = {0};
    int code = parse(id, document, &token, err);
    if (code != 0)
        return code;
    tokens_remove(tokens, id);
    (void)pthread_mutex_lock(&tokens->lock);
    if (tokens->count < MAX_TOKENS)
        tokens->items[tokens->count++] = token;
    else
        code = err_set(err, ERR_NO_SPACE,
                       "there are %d tokens already; delete some", MAX_TOKENS);
    (void)pthread_mutex_unlock(&tokens->lock);
    return code;
}

void tokens_remove(struct tokens *tokens, const char *id)
{
    (void)pthread_mutex_lock(&tokens->lock);
    for (size_t i = 0; i < tokens->count; i++) {
        if (strcmp(tokens->items[i].holder.id, id) == 0) {
            tokens->items[i] = tokens->items[--tokens->count];
            break;
        }
    }
    (void)pthread_mutex_unlock(&tokens->lock);
}

size_t tokens_count(struct tokens *tokens)
{
    (void)pthread_mutex_lock(&tokens->lock);
    size_t count = tokens->count;
    (void)pthread_mutex_unlock(&tokens->lock);
    return count;
}

int token_make(const char *name, enum scope scope, int64_t now_s,
               int64_t expires_s, char ret_text[TOKEN_TEXT_BYTES],
               json_t **ret_document, struct err *err)
{
    uint8_t raw[32];
    random_bytes(raw, sizeof(raw));
    AUTO_FREE char *text = base64url_format(raw, sizeof(raw));
    secret_wipe(raw, sizeof(raw));
    if (!text)
        return err_set(err, ERR_NO_MEMORY, "no memory for a token");
    (void)snprintf(ret_text, TOKEN_TEXT_BYTES, "slw_%s", text);
    secret_wipe(text, strlen(text));
    struct digest hash;
    char hex[DIGEST_HEX_BYTES];
    digest_of(ret_text, strlen(ret_text), &hash);
    *ret_document = json_pack(
        "{s:i, s:s, s:s, s:s, s:I, s:I}", "schema", 1, "name", name, "scope",
        scope_word(scope), "hash", digest_hex(&hash, hex), "made_s",
        (json_int_t)now_s, "expires_s", (json_int_t)expires_s);
    if (!*ret_document)
        return err_set(err, ERR_NO_MEMORY, "no memory for a token");
    return 0;
}
