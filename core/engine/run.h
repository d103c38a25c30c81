/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `slipway-engine run`: the engine as an ordinary process, with plain files as
 * disks and a file of facts as machine.  It leaves by printing how it would.
 */
#ifndef CORE_ENGINE_RUN_H
#define CORE_ENGINE_RUN_H

/* argv[0] is "run".  Exit status: 0 = the plan was run and reported or there
 * was nothing to do, 1 = it failed (the sentence is on standard error), 2 =
 * wrong usage. */
int run_main(int argc, char **argv);

#endif
