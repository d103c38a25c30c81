/* SPDX-License-Identifier: Apache-2.0 */
/* Becoming an ordinary user for good, and whose the state folder is. */
#ifndef CORE_SERVER_PRIVILEGES_H
#define CORE_SERVER_PRIVILEGES_H

#include <sys/types.h>

#include "core/server/config.h"

struct identity_ids {
    uid_t uid;
    gid_t gid;
};

/* The user of the configuration; who runs this when none is named.
 * ERR_NOT_FOUND names it. */
int privileges_find(const struct config *config, struct identity_ids *ret,
                    struct err *err);
/* Gives every privilege up and checks that none comes back.  As an ordinary
 * user it only makes sure that none can be gained. */
int privileges_drop(const struct config *config, struct err *err);
/* Root only, else nothing: gives the state folder to that user, except
 * `admin-token` and `site/authority`. */
int privileges_give_state(const struct config *config, struct err *err);

#endif
