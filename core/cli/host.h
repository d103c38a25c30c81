/* SPDX-License-Identifier: Apache-2.0 */
/* Labels on the command line. */
#ifndef CORE_CLI_HOST_H
#define CORE_CLI_HOST_H

#include <jansson.h>

/* "k=v,k=v" as an object, or NULL. */
json_t *host_labels(const char *text);

#endif
