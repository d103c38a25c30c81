/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line `slipway`: one table of verbs, one table of options for
 * each, everything over REST.  Data goes to standard output, the rest to
 * standard error.
 */
#ifndef CORE_CLI_CLI_H
#define CORE_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "core/util/err.h"

/* What the program ends with; slipway(1) explains each. */
enum exit_code {
    EXIT_OK,
    EXIT_FAILED,
    EXIT_USAGE,
    EXIT_NOT_FOUND,
    EXIT_CONFLICT,
    EXIT_REFUSED, /* no or too small a token, a server that is not ours */
    EXIT_UNAVAILABLE,
    EXIT_TIMED_OUT,
    EXIT_PARTLY, /* some hosts of many */
};

/* An option of a verb: "--name VALUE", or a flag when `value` is NULL. */
struct option_spec {
    const char *name;
    const char *value; /* what stands for the value in the help */
    const char *help;
};

#define CLI_MAX_OPTIONS 20

/* How a column shows a value. */
enum column_kind {
    COLUMN_TEXT, /* strings and numbers as they are, arrays with commas */
    COLUMN_SIZE, /* bytes */
    COLUMN_TIME, /* seconds since 1970, or milliseconds */
    COLUMN_SPAN, /* seconds as days, hours, minutes */
    COLUMN_PERMILLE,
    COLUMN_LABELS, /* k=v,k=v */
};

struct column {
    const char *title; /* NULL ends a list */
    const char *path;  /* "progress.permille" */
    enum column_kind kind;
};

struct cli;

struct verb {
    const char *noun;
    const char *verb; /* "" = the noun alone */
    const char *args; /* for the help: "PROFILE" */
    int min_args;
    int max_args;
    const char *help;
    const struct option_spec *options; /* ends with a NULL name; or NULL */
    int (*run)(struct cli *cli);
    const char *path;             /* for run = cli_list and cli_show */
    const struct column *columns; /* for tables */
};

struct cli {
    const struct verb *verb;
    const char *args[5]; /* HOST and the four words of a code */
    int arg_count;
    const struct option_spec *options[CLI_MAX_OPTIONS]; /* those given */
    const char *values[CLI_MAX_OPTIONS];
    int option_count;
    bool json;
    bool yes;
    bool no_input;
    bool terminal; /* standard error is one: progress bars */
    uint64_t limit_ms; /* of each request; 0 = only that something moves */
    bool patient;  /* a server that does not answer is not worth a line */
    char *server;  /* "https://10.0.0.1:7443" */
    char *token;
    char *ca;
    void *curl; /* CURL * */
};

extern const struct verb verbs[];
extern const size_t verb_count;
extern const struct option_spec global_options[];

/* Frees what the members own. */
void cli_done(struct cli *cli);
/* The value of an option, "" for a flag, NULL when it was not given. */
const char *cli_option(const struct cli *cli, const char *name);
/* Says what is wrong on standard error and returns `code`. */
int cli_fail(int code, const char *format, ...) PRINTF(2, 3);
/* The exit code for an error of our own. */
int cli_exit_code(const struct err *err);
/* Asks "... [y/N]"; --yes answers.  0 or an exit code. */
int cli_confirm(const struct cli *cli, const char *question);

/* Verbs that are nothing but a request: GET verb->path ("{0}" = first
 * argument), shown with verb->columns; and the same of a single object. */
int cli_list(struct cli *cli);
int cli_show(struct cli *cli);
/* POST or DELETE verb->path. */
int cli_post(struct cli *cli);
int cli_delete(struct cli *cli);

struct rest_request; /* rest.h */
/* Calls and shows the object that comes back, with verb->columns. */
int cli_call_and_show(struct cli *cli, const struct rest_request *request);

/* The path with "{0}", "{1}" replaced by escaped arguments; caller frees. */
char *cli_path(const struct cli *cli, const char *path);

int cli_batch_wait(struct cli *cli, const char *batch, uint64_t timeout_ms);

int batch_approve(struct cli *cli);
int batch_show(struct cli *cli);
int engine_build(struct cli *cli);
int enrol_open(struct cli *cli);
int event_follow(struct cli *cli);
int explain_show(struct cli *cli);
int host_add(struct cli *cli);
int host_approve(struct cli *cli);
int host_change(struct cli *cli);
int host_inventory(struct cli *cli);
int image_export(struct cli *cli);
int image_gc(struct cli *cli);
int image_import(struct cli *cli);
int image_verify(struct cli *cli);
int profile_add(struct cli *cli);
int profile_replace(struct cli *cli);
int profile_show(struct cli *cli);
int secret_set(struct cli *cli);
int status_show(struct cli *cli);
int task_show(struct cli *cli);
int task_start(struct cli *cli);
int task_wait(struct cli *cli);
int token_create(struct cli *cli);

#endif
