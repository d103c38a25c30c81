/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What machines call themselves: MAC addresses and SMBIOS UUIDs in one
 * canonical form, and which of them say nothing.  Pure: any thread.
 */
#ifndef CORE_SERVER_HOSTS_IDENTITY_H
#define CORE_SERVER_HOSTS_IDENTITY_H

#include <stdbool.h>

#include "core/util/err.h"

#define IDENTITY_MAC_BYTES 18  /* "52:54:00:12:34:56" and the NUL */
#define IDENTITY_UUID_BYTES 37 /* lower case, SMBIOS text order, the NUL */
#define IDENTITY_KEY_BYTES 48  /* "uuid/..." or "mac/525400123456" */

/* Accepts colons or hyphens and either case.  Multicast and all-zero
 * addresses are refused. */
int identity_mac_parse(const char *text, char ret[IDENTITY_MAC_BYTES],
                       struct err *err);
/* Either case.  ERR_INVALID names what is wrong, also with a UUID that many
 * machines share (identity_uuid_shared). */
int identity_uuid_parse(const char *text, char ret[IDENTITY_UUID_BYTES],
                        struct err *err);
/* Blank, all ones, or a default that a vendor left in many machines. */
bool identity_uuid_shared(const char uuid[IDENTITY_UUID_BYTES]);
/* The same bytes with the first three fields in the other byte order, as some
 * firmware sends them (SMBIOS 2.6, section 7.2.1). */
void identity_uuid_swap(const char uuid[IDENTITY_UUID_BYTES],
                        char ret[IDENTITY_UUID_BYTES]);

/* Keys of aliases: "mac/525400123456", "uuid/<canonical>". */
void identity_mac_key(const char mac[IDENTITY_MAC_BYTES],
                      char ret[IDENTITY_KEY_BYTES]);
void identity_uuid_key(const char uuid[IDENTITY_UUID_BYTES],
                       char ret[IDENTITY_KEY_BYTES]);

#endif
