/* SPDX-License-Identifier: Apache-2.0 */
/* Words of the command line to a verb with its options; and the help. */
#ifndef CORE_CLI_ARGUMENTS_H
#define CORE_CLI_ARGUMENTS_H

#include "core/cli/cli.h"

/* Fills verb, options and arguments.  Options may stand anywhere and are
 * "--name value" or "--name=value"; "--" ends them. */
int arguments_parse(struct cli *cli, int argc, char **argv, struct err *err);
/* Nouns and verbs, or one verb with its options, on `out`. */
void arguments_help(const struct verb *verb, FILE *out);

#endif
