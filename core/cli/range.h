/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of hosts on the command line: "a,b", "lab-[001-300]",
 * "rack[1-2]-n[01,05-07]".  Numbers keep the width they are written with.
 */
#ifndef CORE_CLI_RANGE_H
#define CORE_CLI_RANGE_H

#include <jansson.h>

#include "core/util/err.h"

#define RANGE_MAX_HOSTS 300 /* what one request may start */

/* An array of strings without repetition, in order; the caller owns it. */
int range_expand(const char *text, json_t **ret_names, struct err *err);

#endif
