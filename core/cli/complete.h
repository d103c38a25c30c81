/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `slipway complete -- WORDS...`: what the last of the words may become, one
 * candidate a line.  Words and options come from the table of verbs, names of
 * hosts, images and the like from the server, which has a short time to answer.
 * For shells; not in the help.
 */
#ifndef CORE_CLI_COMPLETE_H
#define CORE_CLI_COMPLETE_H

/* argv[0] is "complete".  Says nothing on standard error and always succeeds:
 * whoever presses a key wants no complaints. */
int complete(int argc, char **argv);

#endif
