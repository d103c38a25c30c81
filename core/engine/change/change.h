/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `slipway-engine change`: changes one file system of a verified disk through
 * the kernel, as core/engine/change/request.h says.  A process of its own, so
 * that a file system that hangs holds nothing else up.
 */
#ifndef CORE_ENGINE_CHANGE_CHANGE_H
#define CORE_ENGINE_CHANGE_CHANGE_H

/* The exit status. */
int change_main(void);

#endif
