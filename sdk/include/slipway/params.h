/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Declared parameters.  A plugin names its parameters in a const table; the
 * profile checker, the manual, `slipway plugin describe` and the host's
 * typed getters all read that one table.  A profile's `with` object may hold
 * exactly these keys.
 */
#ifndef SLIPWAY_PARAMS_H
#define SLIPWAY_PARAMS_H

#include <slipway/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Types.  The text in quotes is what a profile's JSON holds. */
#define SLIPWAY_PARAM_TEXT 1u   /* string; min and max bound its bytes */
#define SLIPWAY_PARAM_NUMBER 2u /* integer 0..2^53; min and max bound it */
#define SLIPWAY_PARAM_BOOL 3u   /* true or false */
#define SLIPWAY_PARAM_SIZE 4u   /* "8 GiB" or a number of bytes */
#define SLIPWAY_PARAM_CHOICE 5u /* one of `choices` */
#define SLIPWAY_PARAM_IMAGE 6u  /* "name" or "name@revision" of a disk image */
#define SLIPWAY_PARAM_BLOB 7u   /* the same of a blob */
#define SLIPWAY_PARAM_DISK 8u   /* disk selector object, see slipway-profile(5) */
#define SLIPWAY_PARAM_SECRET 9u /* like TEXT; never printed, needs a tier */
#define SLIPWAY_PARAM_JSON 10u  /* object or array; min and max bound its text */

/* Flags. */
#define SLIPWAY_PARAM_REQUIRED 1u /* no default; a profile must give it */

struct slipway_param {
    uint64_t size;            /* sizeof(struct slipway_param): the stride */
    uint32_t type;            /* SLIPWAY_PARAM_* */
    uint32_t flags;           /* SLIPWAY_PARAM_REQUIRED or 0 */
    const char *name;         /* [a-z][a-z0-9_]{0,31} */
    const char *help;         /* one sentence, required */
    const char *default_text; /* as a profile would write it; NULL = absent */
    const char *choices;      /* CHOICE: words separated by one space */
    uint64_t min;             /* TEXT, NUMBER, SIZE, JSON: lower bound */
    uint64_t max;             /* upper bound; 0 = the type's own */
};

SLIPWAY_NO_PADDING(slipway_param, 32 + 4 * sizeof(void *));

/* Fills the stride, so that a table's entries read like a list of facts. */
#define SLIPWAY_PARAM(...)                                                     \
    {                                                                          \
        .size = sizeof(struct slipway_param), __VA_ARGS__                      \
    }

#ifdef __cplusplus
}
#endif

#endif
