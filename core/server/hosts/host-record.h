/* SPDX-License-Identifier: Apache-2.0 */
/* A host's document and its structure; only host*.c include this. */
#ifndef CORE_SERVER_HOSTS_HOST_RECORD_H
#define CORE_SERVER_HOSTS_HOST_RECORD_H

#include "core/server/hosts/host.h"
#include "core/util/macros.h"

#define HOST_ALIAS_BYTES 80 /* "name/..." is the longest */
#define HOST_MAX_ALIASES (HOST_MAX_MACS + 2)

/* Checks everything a document or a request may say; `ret` owns its JSON. */
int host_record_parse(const json_t *json, struct host **ret, struct err *err);
json_t *host_record_format(const struct host *host);
void host_record_free(struct host *host);
DEFINE_AUTO(host, struct host, host_record_free)
#define AUTO_HOST __attribute__((cleanup(auto_host))) struct host

/* The keys, below /v1/alias/, of all names it is found by; the count. */
size_t host_record_aliases(const struct host *host,
                           char ret[HOST_MAX_ALIASES][HOST_ALIAS_BYTES]);

#endif
