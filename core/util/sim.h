/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world in one process: virtual clock, seeded randomness, a network that
 * can lose, repeat and delay datagrams, and files in memory that can fail.
 * One seed is one run.  For tests.
 */
#ifndef CORE_UTIL_SIM_H
#define CORE_UTIL_SIM_H

#include "core/util/seam.h"

struct sim;

struct sim *sim_new(uint64_t seed);
void sim_free(struct sim *sim);
/* The seam of one host of this world, with one interface and this address
 * ("0.0.0.0" = none yet).  Lives as long as the world. */
const struct seam *sim_host(struct sim *sim, const char *address);
/* Gives a host of sim_host another address. */
void sim_set_address(const struct seam *host, const char *address);
/* Puts a host on a wire of its own: others hear it by an interface of that
 * index, and what they broadcast out of that interface reaches it alone.  At
 * first all hosts are on wire 1. */
void sim_set_wire(const struct seam *host, unsigned index);
/* One loop drives the whole world: give every host's code the same loop. */

/* Permille of datagrams lost and repeated, and the delay range. */
void sim_network(struct sim *sim, unsigned lost, unsigned repeated,
                 uint64_t delay_min_ms, uint64_t delay_max_ms);
/* The next `count` appends or rewrites of files fail. */
void sim_fail_files(struct sim *sim, unsigned count);
/* Sees every datagram that is sent; for assertions. */
void sim_tap(struct sim *sim, datagram_handler *handler, void *arg);
uint64_t sim_random(struct sim *sim, uint64_t below);

#endif
