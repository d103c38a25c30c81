/* SPDX-License-Identifier: Apache-2.0 */
/* Members of messages, read with their bounds and written; message*.c only. */
#ifndef CORE_WIRE_MESSAGE_MEMBER_H
#define CORE_WIRE_MESSAGE_MEMBER_H

#include "core/util/json.h"
#include "core/wire/message.h"

/* Copies printable text of at most size - 1 bytes. */
void member_copy_text(struct json_reader *r, const char *key, const char *text,
                      char *out, size_t size);
/* A required text, not empty; an optional one, "" when absent. */
void member_get_text(struct json_reader *r, const char *key, char *out,
                     size_t size);
void member_opt_text(struct json_reader *r, const char *key, char *out,
                     size_t size);
void member_check_id(struct json_reader *r, const char *key, const char *id);
void member_get_id(struct json_reader *r, const char *key,
                   char out[MESSAGE_ID_BYTES]);
/* The index of the text in `words`; 0 after a failure. */
size_t member_get_word(struct json_reader *r, const char *key,
                       const char *const *words, size_t count);
void member_get_servers(struct json_reader *r, struct message_servers *ret);

/* Takes `value`; a NULL value or object makes the object NULL. */
void member_put(json_t **object, const char *key, json_t *value);
/* Leaves "" out. */
void member_put_text(json_t **object, const char *key, const char *text);
void member_put_number(json_t **object, const char *key, uint64_t value);
/* "servers", and "http_ports" beside it when they are known. */
void member_put_servers(json_t **object, const struct message_servers *servers);

#endif
