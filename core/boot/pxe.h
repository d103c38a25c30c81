/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Option 43 in its two dialects: PXE's (Intel PXE 2.1) and the rendezvous
 * between engine and server (core/doc/wire.md).  Pure.
 */
#ifndef CORE_BOOT_PXE_H
#define CORE_BOOT_PXE_H

#include "core/boot/packet.h"

/* Tag 6, discovery control, bit 3: a boot file in the offer is downloaded at
 * once, without prompt, menu or boot-server discovery. */
#define PXE_TAG_DISCOVERY_CONTROL 6
#define PXE_TAG_BOOT_ITEM 71
#define PXE_DIRECT_BOOT_BYTES 4
extern const uint8_t pxe_direct_boot[PXE_DIRECT_BOOT_BYTES]; /* 06 01 08 FF */

/* A sub-option of option 43; NULL when absent or when the sub-options do not
 * add up.  Borrowed. */
const uint8_t *vendor_option(const uint8_t *data, size_t length, uint8_t tag,
                             size_t *ret_length);

/* PXE boot item of a request: type and layer; false when there is none. */
bool pxe_boot_item(const struct packet *packet, uint16_t *ret_type,
                   uint16_t *ret_layer);

/* Rendezvous: sub-option 1, "address:port" separated by commas; sub-option 2,
 * boot ticket of 43 characters of URL-safe base64, "" when there is none. */
#define RENDEZVOUS_SERVERS_BYTES 201
#define RENDEZVOUS_TICKET_BYTES 44
#define RENDEZVOUS_VENDOR_MAX 255

struct rendezvous {
    char servers[RENDEZVOUS_SERVERS_BYTES];
    char ticket[RENDEZVOUS_TICKET_BYTES];
};

/* Writes option 43; ERR_INVALID when a text is not what it should be. */
int rendezvous_format(const struct rendezvous *rendezvous,
                      uint8_t out[RENDEZVOUS_VENDOR_MAX], size_t *ret_length,
                      struct err *err);
/* Reads option 43 of an ACK.  ERR_INVALID when the server list is missing or
 * malformed; unknown sub-options are skipped. */
int rendezvous_parse(const uint8_t *data, size_t length, struct rendezvous *ret,
                     struct err *err);

#endif
