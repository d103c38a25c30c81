/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `slipwayd init` and `slipwayd upgrade-plugins` do with the store while
 * no daemon runs: open it on a loop of their own and wait for each answer.
 */
#ifndef CORE_SERVER_OFFLINE_H
#define CORE_SERVER_OFFLINE_H

#include "core/server/config.h"

/* Each returns 0 or prints nothing and explains itself in err. */

/* Makes the site, its first admin token and enables all shipped plugins. */
int offline_init(const struct config *config, struct err *err);
/* Enables again exactly the enabled plugins whose version is slipwayd's. */
int offline_upgrade_plugins(const struct config *config, struct err *err);

#endif
