/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What arch plugins that answer PXE firmware share.  Compiled into each of
 * them.
 */
#ifndef PXE_ANSWER_H
#define PXE_ANSWER_H

#include <slipway/arch.h>

/* Options of DHCP (RFC 2132) with PXE's meaning (RFC 4578). */
#define PXE_OPTION_VENDOR 43u
#define PXE_OPTION_CLASS_ID 60u

/* How sure `recognise` is. */
enum {
    PXE_SCORE_NONE = 0,
    PXE_SCORE_SILENT = 300, /* PXE before option 93 (RFC 4578) existed */
    PXE_SCORE_LATER = 500,  /* ours, but another architecture comes first */
    PXE_SCORE_TEXT = 600,   /* only the class text says so */
    PXE_SCORE_FIRST = 800,
};

/* Whether the packet is one that firmware asks for its boot file with. */
int pxe_answer_is_wanted(const struct slipway_boot_request *request);

/* Writes what makes it a PXE answer; 0 or the writer's error. */
int pxe_answer_tags(const struct slipway_boot_writer *writer);

/* Names the published file by its URL as the boot file; 0, the writer's
 * error, or SLIPWAY_ENOSPACE with a sentence when it is too long. */
int pxe_answer_url(const struct slipway_boot_intent *intent,
                   const struct slipway_boot_writer *writer, const char *file);

#endif
