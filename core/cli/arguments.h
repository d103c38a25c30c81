/* SPDX-License-Identifier: Apache-2.0 */
/* Words of the command line to a verb with its options; and the help. */
#ifndef CORE_CLI_ARGUMENTS_H
#define CORE_CLI_ARGUMENTS_H

#include "core/cli/cli.h"

/* Fills verb, options and arguments.  Options may stand anywhere and are
 * "--name value" or "--name=value"; "--" ends them. */
int arguments_parse(struct cli *cli, int argc, char **argv, struct err *err);
/* The same of a line that is still being written: arguments may be missing. */
int arguments_take(struct cli *cli, int argc, char **argv, struct err *err);
/* The first word that is neither an option nor its value; NULL = none. */
const char *arguments_noun(int argc, char **argv);
/* The option that "--name" or "--name=value" is; NULL = none of the global
 * ones, nor of the verb's, which may be NULL. */
const struct option_spec *arguments_option(const struct verb *verb,
                                           const char *word);
/* One verb with its options; or the verbs of a noun; or, when `noun` is none
 * (or NULL), everything: on `out`. */
void arguments_help(const struct verb *verb, const char *noun, FILE *out);

#endif
