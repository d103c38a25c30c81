/* SPDX-License-Identifier: Apache-2.0 */
/* What shells complete: see complete.h. */
#include "core/cli/complete.h"

#include <string.h>

#include <curl/curl.h>

#include "core/cli/arguments.h"
#include "core/cli/rest.h"
#include "core/cli/settings.h"

#define PATIENCE_MS 2000
#define MAX_WORDS 64

/* Where the names behind a word of the help come from.  A list's items have
 * them in one member. */
static const struct source {
    const char *word; /* "HOST" in the verb's arguments, or an option's value */
    const char *noun; /* only of this noun; NULL = of every one */
    const char *path;
    const char *member;
} sources[] = {
    {"HOST", NULL, "/api/v1/hosts?limit=1000", "name"},
    {"NAMES", NULL, "/api/v1/hosts?limit=1000", "name"},
    {"IMAGE", NULL, "/api/v1/images?limit=1000", "id"},
    {"NAME", "image", "/api/v1/images?limit=1000", "name"},
    {"PROFILE", NULL, "/api/v1/profiles?limit=1000", "name"},
    {"NAME", "profile", "/api/v1/profiles?limit=1000", "name"},
    {"TASK", NULL, "/api/v1/tasks?limit=1000", "id"},
    {"BATCH", NULL, "/api/v1/batches?limit=1000", "id"},
    {"NAME", "plugin", "/api/v1/plugins", "name"},
    {"KIND", "plugin", "/api/v1/plugins", "kind"},
    {"ID", "token", "/api/v1/tokens?limit=1000", "id"},
    {"ID", "upload", "/api/v1/uploads?limit=1000", "id"},
    {"PROBLEM", "explain", "/api/v1/problems", "id"},
};

/* What is being completed. */
struct completion {
    struct cli cli;      /* what stands before the last word */
    const char *current; /* the last word, as far as it goes */
    json_t *said;        /* an object: each candidate once */
};

static void offer(struct completion *c, const char *word)
{
    if (strncmp(word, c->current, strlen(c->current)) != 0 ||
        json_object_get(c->said, word))
        return;
    (void)json_object_set_new(c->said, word, json_true());
    for (const char *at = word; *at; at++)
        if ((unsigned char)*at <= ' ')
            return; /* no name of ours; it would be two words */
    (void)puts(word);
}

/* ---- words that are in the table ---------------------------------------- */

static void offer_nouns(struct completion *c)
{
    for (size_t i = 0; i < verb_count; i++)
        offer(c, verbs[i].noun);
    offer(c, "help");
}

static void offer_verbs(struct completion *c, const char *noun)
{
    for (size_t i = 0; i < verb_count; i++)
        if (strcmp(verbs[i].noun, noun) == 0)
            offer(c, verbs[i].verb);
}

static void offer_options(struct completion *c, const struct option_spec *list)
{
    for (; list && list->name; list++) {
        char text[64];

        (void)snprintf(text, sizeof(text), "--%s", list->name);
        offer(c, text);
    }
}

/* ---- names that the server knows ---------------------------------------- */

static void offer_from_server(struct completion *c, const struct source *source)
{
    struct err err = ERR_INIT;
    struct rest_reply reply;
    const struct rest_request request = {
        .method = "GET", .path = source->path, .quiet = true};
    const json_t *item;
    size_t i;

    if (!c->cli.server && settings_load(&c->cli, &err) != 0)
        return;
    c->cli.limit_ms = PATIENCE_MS;
    if (rest_call(&c->cli, &request, &reply) == 0) {
        json_array_foreach(json_object_get(reply.json, "items"), i, item)
        {
            const char *name =
                json_string_value(json_object_get(item, source->member));

            if (name)
                offer(c, name);
        }
    }
    rest_reply_done(&reply);
}

/* "network|console" of the help: its alternatives. */
static void offer_alternatives(struct completion *c, const char *text)
{
    while (*text) {
        char word[64];
        size_t length = strcspn(text, "|");

        (void)snprintf(word, sizeof(word), "%.*s", (int)length, text);
        offer(c, word);
        text += length + (text[length] == '|');
    }
}

/* `word` is what the help says: "HOST", "a|b"; files are the shell's. */
static void offer_value(struct completion *c, const char *word)
{
    const char *noun = c->cli.verb->noun;

    if (strchr(word, '|')) {
        offer_alternatives(c, word);
        return;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(sources); i++) {
        const struct source *s = &sources[i];

        if (strcmp(s->word, word) == 0 &&
            (!s->noun || strcmp(s->noun, noun) == 0)) {
            offer_from_server(c, s);
            return;
        }
    }
}

/* The next argument of the verb: "KIND NAME" has two. */
static void offer_argument(struct completion *c)
{
    const char *at = c->cli.verb->args;
    char word[32];

    for (int i = 0; i < c->cli.arg_count && *at; i++) {
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    at += *at == '[';
    (void)snprintf(word, sizeof(word), "%.*s", (int)strcspn(at, " ]."), at);
    /* A name that is only being given is no name that there is. */
    if (word[0] && strcmp(c->cli.verb->verb, "create") != 0 &&
        strcmp(c->cli.verb->verb, "add") != 0)
        offer_value(c, word);
}

/* ---- the line ----------------------------------------------------------- */

/* `words` has the program's name, then what stands before the current word. */
static void offer_next(struct completion *c, int count, char **words)
{
    const char *last = count > 1 ? words[count - 1] : "";
    const char *noun = arguments_noun(count, words);
    const struct option_spec *option;
    struct err err = ERR_INIT;

    (void)arguments_take(&c->cli, count, words, &err);
    option = arguments_option(c->cli.verb, last);
    if (option && option->value && !strchr(last, '=')) {
        if (c->cli.verb)
            offer_value(c, option->value);
        return;
    }
    if (strncmp(c->current, "-", 1) == 0) {
        offer_options(c, c->cli.verb ? c->cli.verb->options : NULL);
        offer_options(c, global_options);
    } else if (c->cli.verb) {
        offer_argument(c);
    } else if (!noun || strcmp(noun, "help") == 0) {
        offer_nouns(c);
    } else {
        offer_verbs(c, noun);
    }
}

int complete(int argc, char **argv)
{
    struct completion c = {.current = "", .said = json_object()};
    char *words[MAX_WORDS];
    int count = 0;
    int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;

    words[count++] = argv[0];
    for (int i = first; i < argc - 1 && count < MAX_WORDS; i++)
        words[count++] = argv[i];
    if (argc > first)
        c.current = argv[argc - 1];
    if (c.said && curl_global_init(CURL_GLOBAL_DEFAULT) == 0) {
        offer_next(&c, count, words);
        cli_done(&c.cli);
        curl_global_cleanup();
    }
    json_decref(c.said);
    return EXIT_OK;
}
