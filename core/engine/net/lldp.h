/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening for what switches say of themselves (IEEE 802.1AB).  Nothing is
 * parsed here: an action that wants to know gets the socket (`lldp_open` of
 * <slipway/action.h>), and whatever a frame holds is that process's trouble.
 */
#ifndef CORE_ENGINE_NET_LLDP_H
#define CORE_ENGINE_NET_LLDP_H

#include "core/util/err.h"

/*
 * A datagram socket on which LLDPDUs of this port arrive and nothing else,
 * whoever holds it.  The kernel keeps a bounded number of frames from now on,
 * which is why the engine listens before it brings a port up: a switch speaks
 * at once when a link comes up, and then every 30 s.  -1 with err: also when
 * the caller is not root.
 */
int lldp_listen(unsigned interface_index, struct err *err);

#endif
