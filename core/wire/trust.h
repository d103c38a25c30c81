/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trust file of the engine's initramfs (core/doc/wire.md, "Trust file"):
 * the only thing an engine believes in before it has talked to a server.
 */
#ifndef CORE_WIRE_TRUST_H
#define CORE_WIRE_TRUST_H

#include "core/util/crypto.h"
#include "core/util/err.h"
#include "core/util/macros.h"

#define TRUST_PATH "/etc/slipway/trust.json"
#define TRUST_MAX_BYTES (16 * 1024)
#define TRUST_MAX_KEYS 2    /* active and standby */
#define TRUST_MAX_SERVERS 8 /* fallback when the network names none */
#define SITE_ID_BYTES 33    /* 32 hexadecimal digits and the NUL */
/* "255.255.255.255:65535" and the NUL, with room for IPv6 in brackets. */
#define SERVER_NAME_BYTES 56

struct trust {
    char site[SITE_ID_BYTES];
    struct digest ca_pins[TRUST_MAX_KEYS]; /* SHA-256 of a root's SPKI */
    size_t ca_pin_count;
    struct verify_key signing_keys[TRUST_MAX_KEYS];
    size_t signing_key_count;
    char servers[TRUST_MAX_SERVERS][SERVER_NAME_BYTES]; /* "address:port" */
    size_t server_count;
    int64_t made_s; /* when the file was made: the earliest true time */
};

int trust_parse(const void *text, size_t length, struct trust *ret,
                struct err *err) MUST_CHECK;
int trust_load(const char *path, struct trust *ret, struct err *err) MUST_CHECK;
/* 0 when `text` is "a.b.c.d:port" with a port above 0. */
int server_name_check(const char *text, struct err *err);

#endif
