/* SPDX-License-Identifier: Apache-2.0 */
/* A published boot file as the HTTP port serves it. */
#ifndef CORE_SERVER_HTTP_DOOR_FILE_H
#define CORE_SERVER_HTTP_DOOR_FILE_H

#include <jansson.h>

#include "core/boot/boot-table.h"
#include "core/server/http/http-files.h"

/* Opens the file of this name; `ret` stays as it is when there is none. */
void door_file_find(const struct boot_table *table, const int roots[BOOT_ROOTS],
                    const char *name, struct http_file *ret);
/* The event about a file on its way, with the members that transports give
 * theirs; a new reference, NULL = no memory. */
json_t *door_file_event(const char *name, enum http_sending_state state,
                        const struct http_sending *sending);

#endif
