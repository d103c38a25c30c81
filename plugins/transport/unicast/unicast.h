/* SPDX-License-Identifier: Apache-2.0 */
/* The two halves of the transport; unicast.c has the descriptor. */
#ifndef UNICAST_H
#define UNICAST_H

#include <slipway/params.h>
#include <slipway/transport.h>

/* Where objects lie on a server's HTTP port: OBJECTS_PATH, then the object's
 * name as 64 lower-case hexadecimal digits. */
#define OBJECTS_PATH "/objects/"
#define OBJECT_HEX_BYTES (2 * SLIPWAY_OBJECT_NAME_BYTES + 1)

/* Places in the parameter table. */
enum { PARAM_CONNECTIONS };

int unicast_serve_start(const struct slipway_serve_host *host,
                        void **ret_instance);
void unicast_serve_drain(void *instance);
void unicast_serve_stop(void *instance);

int unicast_fetch_start(const struct slipway_fetch_host *host,
                        void **ret_instance);
void unicast_fetch_wanted(void *instance);
void unicast_fetch_stop(void *instance);

#endif
