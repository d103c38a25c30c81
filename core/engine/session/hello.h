/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine says about itself in its first request. */
#ifndef CORE_ENGINE_SESSION_HELLO_H
#define CORE_ENGINE_SESSION_HELLO_H

#include <jansson.h>

#include "core/wire/message.h"

/*
 * Fills `ret` from the inventory (facts.h).  Firmware tables hold anything:
 * what is not printable becomes '?', what is too long is cut, what is missing
 * stays "".  Facts with a member `macs` are taken as they are: the identity
 * alone.
 */
void hello_from_facts(const json_t *facts, struct message_hello *ret);

#endif
