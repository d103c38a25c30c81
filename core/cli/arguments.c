/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cli/arguments.h"

#include <string.h>

static const struct option_spec *find_in(const struct option_spec *list,
                                         const char *name, size_t length)
{
    for (; list && list->name; list++) {
        if (strlen(list->name) == length &&
            strncmp(list->name, name, length) == 0)
            return list;
    }
    return NULL;
}

static int add_option(struct cli *cli, const char *word, const char *next,
                      bool *ret_took_next, struct err *err)
{
    const char *name = word + 2;
    size_t length = strcspn(name, "=");
    const struct option_spec *spec = find_in(global_options, name, length);
    const char *value = "";

    if (!spec && cli->verb)
        spec = find_in(cli->verb->options, name, length);
    if (!spec)
        return err_set(err, ERR_INVALID, "there is no option '%.*s' here",
                       (int)length + 2, word);
    if (spec->value && name[length] == '=') {
        value = name + length + 1;
    } else if (spec->value) {
        if (!next)
            return err_set(err, ERR_INVALID, "option '--%s' needs %s",
                           spec->name, spec->value);
        value = next;
        *ret_took_next = true;
    } else if (name[length] == '=') {
        return err_set(err, ERR_INVALID, "option '--%s' takes no value",
                       spec->name);
    }
    if (cli->option_count == CLI_MAX_OPTIONS)
        return err_set(err, ERR_TOO_BIG, "there are too many options");
    cli->options[cli->option_count] = spec;
    cli->values[cli->option_count++] = value;
    return 0;
}

/* The first words that are no options name the verb. */
static const struct verb *find_verb(const char *noun, const char *word,
                                    bool *ret_known_noun)
{
    *ret_known_noun = false;
    for (size_t i = 0; i < verb_count; i++) {
        if (strcmp(verbs[i].noun, noun) != 0)
            continue;
        *ret_known_noun = true;
        if (verbs[i].verb[0] == '\0' ||
            (word && strcmp(verbs[i].verb, word) == 0))
            return &verbs[i];
    }
    return NULL;
}

/* Looks ahead over global options, which may come first. */
static int take_verb(struct cli *cli, int argc, char **argv, int *ret_used,
                     struct err *err)
{
    const char *noun = argv[0];
    const char *word = argc > 1 ? argv[1] : NULL;
    bool known;

    cli->verb = find_verb(noun, word, &known);
    if (!cli->verb && known)
        return err_set(err, ERR_INVALID,
                       "'%s' needs a verb; 'slipway help' lists them", noun);
    if (!cli->verb)
        return err_set(err, ERR_INVALID,
                       "there is nothing called '%s'; 'slipway help' lists "
                       "what there is",
                       noun);
    *ret_used = cli->verb->verb[0] ? 2 : 1;
    return 0;
}

static int check_count(const struct cli *cli, struct err *err)
{
    const struct verb *v = cli->verb;

    if (!v)
        return err_set(err, ERR_INVALID, "say what to do; see 'slipway help'");
    if (cli->arg_count < v->min_args || cli->arg_count > v->max_args)
        return err_set(err, ERR_INVALID, "usage: slipway %s%s%s%s%s", v->noun,
                       v->verb[0] ? " " : "", v->verb, v->args[0] ? " " : "",
                       v->args);
    return 0;
}

int arguments_take(struct cli *cli, int argc, char **argv, struct err *err)
{
    bool options = true;
    int used = 1;

    for (int i = 1; i < argc; i += used) {
        bool took_next = false;
        int code = 0;

        used = 1;
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && strncmp(argv[i], "--", 2) == 0) {
            code = add_option(cli, argv[i], i + 1 < argc ? argv[i + 1] : NULL,
                              &took_next, err);
            used += took_next;
        } else if (!cli->verb) {
            code = take_verb(cli, argc - i, argv + i, &used, err);
        } else if (cli->arg_count < (int)ARRAY_LENGTH(cli->args)) {
            cli->args[cli->arg_count++] = argv[i];
        } else {
            code = err_set(err, ERR_INVALID, "'%s' is too much", argv[i]);
        }
        if (code)
            return code;
    }
    return 0;
}

int arguments_parse(struct cli *cli, int argc, char **argv, struct err *err)
{
    int code = arguments_take(cli, argc, argv, err);

    return code ? code : check_count(cli, err);
}

const struct option_spec *arguments_option(const struct verb *verb,
                                           const char *word)
{
    const char *name = word + 2;
    const struct option_spec *spec;

    if (strncmp(word, "--", 2) != 0)
        return NULL;
    spec = find_in(global_options, name, strcspn(name, "="));
    if (!spec && verb)
        spec = find_in(verb->options, name, strcspn(name, "="));
    return spec;
}

const char *arguments_noun(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const struct option_spec *spec = arguments_option(NULL, argv[i]);

        if (strncmp(argv[i], "--", 2) != 0)
            return argv[i];
        i += spec && spec->value && !strchr(argv[i], '=');
    }
    return NULL;
}

static void help_options(const struct option_spec *list, FILE *out)
{
    for (; list && list->name; list++) {
        char left[64];

        (void)snprintf(left, sizeof(left), "--%s%s%s", list->name,
                       list->value ? " " : "", list->value ? list->value : "");
        (void)fprintf(out, "  %-28s %s\n", left, list->help);
    }
}

static void help_verb(const struct verb *v, FILE *out)
{
    char left[80];

    (void)snprintf(left, sizeof(left), "%s%s%s%s%s", v->noun,
                   v->verb[0] ? " " : "", v->verb, v->args[0] ? " " : "",
                   v->args);
    (void)fprintf(out, "  %-36s %s\n", left, v->help);
}

static bool is_noun(const char *word)
{
    for (size_t i = 0; word && i < verb_count; i++)
        if (strcmp(verbs[i].noun, word) == 0)
            return true;
    return false;
}

void arguments_help(const struct verb *verb, const char *noun, FILE *out)
{
    if (verb) {
        (void)fprintf(out, "usage: slipway ...\n\n");
        help_verb(verb, out);
        if (verb->options)
            (void)fprintf(out, "\nOptions:\n");
        help_options(verb->options, out);
    } else {
        bool all = !is_noun(noun);

        (void)fprintf(out, "usage: slipway [OPTIONS] %s VERB [ARGUMENTS]\n\n",
                      all ? "NOUN" : noun);
        for (size_t i = 0; i < verb_count; i++)
            if (all || strcmp(verbs[i].noun, noun) == 0)
                help_verb(&verbs[i], out);
    }
    (void)fprintf(out, "\nFor all:\n");
    help_options(global_options, out);
}
