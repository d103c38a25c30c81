/* SPDX-License-Identifier: Apache-2.0 */
/* What config.c (the file) and config-dhcp.c (its sections `interfaces` and
 * `dhcp`) share. */
#ifndef CORE_SERVER_CONFIG_INTERNAL_H
#define CORE_SERVER_CONFIG_INTERNAL_H

#include "core/server/config.h"
#include "core/util/json.h"

/* A copy of an optional text member; NULL = absent, or a failure. */
char *config_text(struct json_reader *r, const char *key, const char *fallback);
/* An IPv4 address; `text` NULL = 0.0.0.0.  Fails at `key`. */
struct in_addr config_address(struct json_reader *r, const char *key,
                              const char *text);

void config_read_interfaces(struct json_reader *r, struct config *config);
/* Needs config->address. */
void config_read_dhcp(struct json_reader *r, struct config *config);
void config_free_dhcp(struct config_dhcp *dhcp);

#endif
