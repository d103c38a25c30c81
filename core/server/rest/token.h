/* SPDX-License-Identifier: Apache-2.0 */
/*
 * REST tokens: who may ask what.  The store holds their hashes, never the
 * tokens.  tokens_find may be called on any thread; all else on the loop.
 */
#ifndef CORE_SERVER_REST_TOKEN_H
#define CORE_SERVER_REST_TOKEN_H

#include <jansson.h>

#include "core/server/http/http.h"

struct tokens;

#define TOKEN_NAME_BYTES 64
#define TOKEN_KEY_PREFIX "/v1/token/"
#define TOKEN_TEXT_BYTES 48 /* "slw_" and 43 characters */

/* What tokens_find tells of a valid token. */
struct token_holder {
    char id[33];
    char name[TOKEN_NAME_BYTES];
    enum scope scope;
};

struct tokens *tokens_new(struct err *err);
void tokens_free(struct tokens *tokens);

/* Any thread: 0, or ERR_DENIED when there is no such token or it has
 * expired. */
int tokens_find(struct tokens *tokens, const char *text, int64_t now_s,
                struct token_holder *ret, struct err *err);

/* Takes over a stored document (at start, or once a change is durable). */
int tokens_apply(struct tokens *tokens, const char *id, const json_t *document,
                 struct err *err);
void tokens_remove(struct tokens *tokens, const char *id);
size_t tokens_count(struct tokens *tokens);

/* Makes a random token and the document that keeps its hash:
 * {"schema":1,"name","scope","hash","made_s","expires_s"}; 0 = never. */
int token_make(const char *name, enum scope scope, int64_t now_s,
               int64_t expires_s, char ret_text[TOKEN_TEXT_BYTES],
               json_t **ret_document, struct err *err);

const char *scope_word(enum scope scope);
/* "viewer", "operator", "admin"; SCOPE_NONE for another word. */
enum scope scope_parse(const char *word);

#endif
