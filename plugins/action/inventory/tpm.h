/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who made a TPM 2.0.  The kernel's files tell only of a TPM 1.2, so the
 * module itself is asked: one command that reads its fixed properties.
 */
#ifndef INVENTORY_TPM_H
#define INVENTORY_TPM_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <slipway/action.h>

#define TPM_WORDS 8         /* properties that are asked for */
#define TPM_ANSWER_BYTES 83 /* of the longest answer with so many */
#define TPM_LIMIT_MS 5000

/* Texts are "" when the module leaves them out. */
struct tpm_maker {
    char manufacturer[5]; /* "IFX", "STM", "INTC" */
    char model[17];       /* as its maker likes it, printable ASCII */
    char firmware[24];    /* four numbers, "7.85.4555.0" */
};

/* Reads an answer to TPM2_GetCapability, which is not trusted.  0, or -1 when
 * it is none or says that the command failed. */
int tpm_parse(const uint8_t *data, size_t length, struct tpm_maker *ret);

/*
 * Adds `manufacturer`, `model` and `firmware` to the object `tpm` of the facts
 * when that is a TPM 2.0 and answers within TPM_LIMIT_MS; otherwise leaves it
 * as it is.  0, or SLIPWAY_EINTERNAL after fail().
 */
int tpm_add(const struct slipway_action_host *host, json_t *facts);

#endif
