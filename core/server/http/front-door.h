/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker `http`: front door of the HTTP port.  It looks at the first
 * request line of each connection without taking it from the socket and hands
 * the socket to the transport that mounted its prefix; everything else is its
 * own: published boot files at /boot/NAME.
 */
#ifndef CORE_SERVER_HTTP_FRONT_DOOR_H
#define CORE_SERVER_HTTP_FRONT_DOOR_H

#define FRONT_DOOR_BOOT_PATH "/boot/"

/* Runs the process; returns the exit status. */
int front_door_main(void);

#endif
