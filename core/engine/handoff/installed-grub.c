/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grub.cfg is a script.  Of its language this reads what grub-mkconfig writes:
 * menuentry and submenu blocks with the commands search, linux and initrd,
 * and the assignments of `default`.  Conditions are not evaluated; what hangs
 * on a variable that we do not know is refused.
 */
#include <stdio.h>
#include <string.h>

#include "core/engine/handoff/installed.h"

#define WORDS_MAX 96
#define TEXT_BYTES 4096 /* of one line */
#define DEPTH_MAX 8

struct words {
    char text[TEXT_BYTES];
    const char *word[WORDS_MAX];
    size_t count;
};

/* One step into the menu: its number, title and id. */
struct place {
    unsigned number;
    char title[INSTALLED_NAME_BYTES];
    char id[INSTALLED_NAME_BYTES];
};

enum block { BLOCK_OTHER, BLOCK_SUBMENU, BLOCK_ENTRY };

struct grub {
    const struct buf *env;
    char want[2 * INSTALLED_NAME_BYTES]; /* "0", "a title", "1>2" */
    enum block blocks[DEPTH_MAX];
    size_t depth;
    struct place places[2]; /* of the submenu and the entry we are in */
    unsigned next[2];       /* number of the next one on each level */
    bool in_submenu;
    bool any;    /* the configuration has entries */
    bool wanted; /* we are in the entry that is started */
    bool found;
    struct installed_entry entry;
};

/* ---- words -------------------------------------------------------------- */

/* Words of a line: quotes and backslashes removed, up to a comment or ";".
 * Returns false for a line that is too long or does not end its quotes. */
static bool split(const char *line, size_t length, struct words *words)
{
    size_t used = 0;
    size_t i = 0;

    words->count = 0;
    if (length >= TEXT_BYTES)
        return false;
    while (i < length) {
        char quote = '\0';
        if (strchr(" \t\r", line[i])) {
            i++;
            continue;
        }
        if (line[i] == '#' || line[i] == ';')
            return true;
        if (words->count == WORDS_MAX)
            return false;
        words->word[words->count++] = words->text + used;
        for (; i < length && (quote || !strchr(" \t\r;", line[i])); i++) {
            char c = line[i];
            if (quote ? c == quote : c == '\'' || c == '"') {
                quote = quote ? '\0' : c;
                continue;
            }
            if (c == '\\' && quote != '\'' && i + 1 < length)
                c = line[++i];
            if (c == '\0')
                return false;
            words->text[used++] = c;
        }
        words->text[used++] = '\0';
        if (quote)
            return false;
    }
    return true;
}

static bool is_word(const struct words *words, size_t i, const char *text)
{
    return i < words->count && strcmp(words->word[i], text) == 0;
}

/* ---- which entry -------------------------------------------------------- */

/* "saved_entry" of the block stands for itself; the one-time "next_entry" is
 * for GRUB, which forgets it afterwards. */
static void take_default(struct grub *grub, const char *value)
{
    if (strstr(value, "next_entry"))
        return;
    if (strcmp(value, "${saved_entry}") == 0 ||
        strcmp(value, "$saved_entry") == 0) {
        char saved[sizeof(grub->want)];
        if (installed_grubenv_find(grub->env, "saved_entry", saved,
                                   sizeof(saved)) == 0)
            memcpy(grub->want, saved, sizeof(saved));
        return;
    }
    if (strlen(value) < sizeof(grub->want))
        memcpy(grub->want, value, strlen(value) + 1);
}

static bool is_place(const struct place *place, const char *text, size_t length)
{
    char number[16];
    const char *const names[] = {number, place->title, place->id};

    (void)snprintf(number, sizeof(number), "%u", place->number);
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (names[i][0] && strlen(names[i]) == length &&
            strncmp(names[i], text, length) == 0)
            return true;
    return false;
}

static bool is_wanted(const struct grub *grub)
{
    const char *want = grub->want[0] ? grub->want : "0";
    const char *inner = strchr(want, '>');

    if (!grub->in_submenu)
        return is_place(&grub->places[1], want, strlen(want));
    if (inner)
        return is_place(&grub->places[0], want, (size_t)(inner - want)) &&
               is_place(&grub->places[1], inner + 1, strlen(inner + 1));
    /* An id names an entry wherever it stands. */
    return grub->places[1].id[0] && strcmp(grub->places[1].id, want) == 0;
}

/* menuentry TITLE [--class X]... [$menuentry_id_option|--id ID] { */
static void take_place(struct grub *grub, const struct words *words,
                       struct place *place)
{
    memset(place, 0, sizeof(*place));
    place->number = grub->next[grub->in_submenu]++;
    if (words->count > 1)
        (void)snprintf(place->title, sizeof(place->title), "%.*s",
                       INSTALLED_NAME_BYTES - 1, words->word[1]);
    for (size_t i = 2; i + 1 < words->count; i++)
        if (is_word(words, i, "$menuentry_id_option") ||
            is_word(words, i, "${menuentry_id_option}") ||
            is_word(words, i, "--id"))
            (void)snprintf(place->id, sizeof(place->id), "%.*s",
                           INSTALLED_NAME_BYTES - 1, words->word[i + 1]);
}

/* ---- the entry ---------------------------------------------------------- */

static int take_linux(struct grub *grub, const struct words *words,
                      struct err *err)
{
    struct installed_entry *entry = &grub->entry;

    if (words->count < 2 || entry->kernel[0])
        return err_set(err, ERR_UNSUPPORTED,
                       "GRUB's entry '%.60s' has not exactly one kernel",
                       entry->title);
    int code = installed_path_copy(words->word[1], entry->kernel, err);
    for (size_t i = 2; i < words->count && !code; i++)
        code = installed_line_add(entry, words->word[i], grub->env, err);
    return code;
}

static int take_initrds(struct grub *grub, const struct words *words,
                        struct err *err)
{
    struct installed_entry *entry = &grub->entry;
    int code = 0;

    for (size_t i = 1; i < words->count && !code; i++) {
        if (entry->initrd_count == INSTALLED_INITRDS_MAX)
            return err_set(err, ERR_TOO_BIG, "more than %d initrds",
                           INSTALLED_INITRDS_MAX);
        code = installed_path_copy(words->word[i],
                                   entry->initrd[entry->initrd_count++], err);
    }
    return code;
}

static bool begins_with(const char *text, const char *begin)
{
    return strncmp(text, begin, strlen(begin)) == 0;
}

static int take_command(struct grub *grub, const struct words *words,
                        struct err *err)
{
    const char *command = words->word[0];
    const char *last = words->word[words->count - 1];

    if (strcmp(command, "linux") == 0 || strcmp(command, "linux16") == 0 ||
        strcmp(command, "linuxefi") == 0)
        return take_linux(grub, words, err);
    if (begins_with(command, "initrd"))
        return take_initrds(grub, words, err);
    if (strcmp(command, "search") == 0)
        for (size_t i = 1; i < words->count; i++)
            if (begins_with(words->word[i], "--fs-uuid") && last[0] != '-')
                (void)snprintf(grub->entry.fs_uuid, sizeof(grub->entry.fs_uuid),
                               "%.*s", (int)sizeof(grub->entry.fs_uuid) - 1,
                               last);
    return 0;
}

/* ---- blocks ------------------------------------------------------------- */

static int open_block(struct grub *grub, const struct words *words,
                      struct err *err)
{
    enum block block = BLOCK_OTHER;

    if (grub->depth == DEPTH_MAX)
        return err_set(err, ERR_UNSUPPORTED,
                       "GRUB's configuration is nested more than %d deep",
                       DEPTH_MAX);
    if (is_word(words, 0, "submenu")) {
        block = BLOCK_SUBMENU;
        grub->in_submenu = false; /* deeper ones are not told apart */
        take_place(grub, words, &grub->places[0]);
        grub->in_submenu = true;
        grub->next[1] = 0;
    } else if (is_word(words, 0, "menuentry")) {
        block = BLOCK_ENTRY;
        grub->any = true;
        take_place(grub, words, &grub->places[1]);
        grub->wanted = !grub->found && is_wanted(grub);
        if (grub->wanted)
            memcpy(grub->entry.title, grub->places[1].title,
                   sizeof(grub->entry.title));
    }
    grub->blocks[grub->depth++] = block;
    return 0;
}

static void close_block(struct grub *grub)
{
    if (grub->depth == 0)
        return;
    switch (grub->blocks[--grub->depth]) {
    case BLOCK_SUBMENU:
        grub->in_submenu = false;
        break;
    case BLOCK_ENTRY:
        grub->found = grub->found || grub->wanted;
        grub->wanted = false;
        break;
    case BLOCK_OTHER:
        break;
    }
}

static int take_line(struct grub *grub, const struct words *words,
                     struct err *err)
{
    if (words->count == 0)
        return 0;
    if (is_word(words, words->count - 1, "{"))
        return open_block(grub, words, err);
    if (is_word(words, 0, "}")) {
        close_block(grub);
        return 0;
    }
    if (grub->depth == 0 && is_word(words, 0, "set") && words->count > 1 &&
        begins_with(words->word[1], "default="))
        take_default(grub, words->word[1] + strlen("default="));
    return grub->wanted ? take_command(grub, words, err) : 0;
}

static int judge(const struct grub *grub, struct err *err)
{
    if (!grub->any)
        return err_set(err, ERR_NOT_APPLICABLE,
                       "GRUB's configuration has no entries");
    if (!grub->found)
        return err_set(err, ERR_UNSUPPORTED,
                       "GRUB starts its entry '%.60s', which its "
                       "configuration does not have",
                       grub->want);
    if (!grub->entry.kernel[0])
        return err_set(err, ERR_UNSUPPORTED,
                       "GRUB's entry '%.60s' starts no Linux",
                       grub->entry.title);
    return 0;
}

int installed_grub_parse(const char *text, size_t length, const struct buf *env,
                         struct installed_entry *ret, struct err *err)
{
    AUTO_FREE struct grub *grub = calloc(1, sizeof(*grub));
    AUTO_FREE struct words *words = malloc(sizeof(*words));
    size_t at = 0;

    if (!grub || !words)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    grub->env = env;
    while (at < length) {
        const char *newline = memchr(text + at, '\n', length - at);
        size_t line = newline ? (size_t)(newline - text) - at : length - at;
        bool readable = split(text + at, line, words);
        if (!readable && grub->wanted)
            return err_set(err, ERR_UNSUPPORTED,
                           "a line of GRUB's entry '%.60s' cannot be read",
                           grub->entry.title);
        int code = readable ? take_line(grub, words, err) : 0;
        if (code)
            return code;
        at += line + 1;
    }
    int code = judge(grub, err);
    if (!code)
        *ret = grub->entry;
    return code;
}
