/* SPDX-License-Identifier: Apache-2.0 */
/* What the configurations of boot loaders share: GRUB's environment block,
 * paths, and the kernel's command line. */
#include <stdio.h>
#include <string.h>

#include "core/engine/handoff/installed.h"

#define VARIABLE_BYTES 64

/* The block: lines NAME=VALUE after a comment, filled up with '#'. */
int installed_grubenv_find(const struct buf *env, const char *name, char *out,
                           size_t size)
{
    const char *at = env ? buf_text(env) : "";
    size_t length = strlen(name);

    while (*at) {
        size_t line = strcspn(at, "\n");
        if (line > length && strncmp(at, name, length) == 0 &&
            at[length] == '=') {
            if (line - length - 1 >= size)
                return ERR_NOT_FOUND; /* cut it would mean something else */
            (void)snprintf(out, size, "%.*s", (int)(line - length - 1),
                           at + length + 1);
            return 0;
        }
        at += line + (at[line] == '\n');
    }
    return ERR_NOT_FOUND;
}

static int add_text(struct installed_entry *entry, const char *text,
                    struct err *err)
{
    size_t used = strlen(entry->line);
    int got = snprintf(entry->line + used, sizeof(entry->line) - used, "%s%s",
                       used > 0 ? " " : "", text);

    if (got < 0 || (size_t)got >= sizeof(entry->line) - used)
        return err_set(err, ERR_TOO_BIG,
                       "the command line has more than %d bytes",
                       INSTALLED_LINE_BYTES - 1);
    return 0;
}

/* "$name" or "${name}" and nothing else. */
static bool is_variable(const char *word, char name[VARIABLE_BYTES])
{
    bool braces = strncmp(word, "${", 2) == 0;
    const char *from = word + (braces ? 2 : 1);
    size_t length = strspn(from, "abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

    if (word[0] != '$' || length == 0 || length >= VARIABLE_BYTES ||
        strcmp(from + length, braces ? "}" : "") != 0)
        return false;
    memcpy(name, from, length);
    name[length] = '\0';
    return true;
}

int installed_line_add(struct installed_entry *entry, const char *word,
                       const struct buf *env, struct err *err)
{
    char name[VARIABLE_BYTES];
    char value[INSTALLED_LINE_BYTES];

    if (is_variable(word, name)) {
        if (installed_grubenv_find(env, name, value, sizeof(value)) ||
            !value[0])
            return 0;
        return strchr(value, '$') ? err_set(err, ERR_UNSUPPORTED,
                                            "its variable '%s' names another "
                                            "variable",
                                            name)
                                  : add_text(entry, value, err);
    }
    if (strchr(word, '$'))
        return err_set(err, ERR_UNSUPPORTED,
                       "'%.60s' of its command line holds a variable of the "
                       "boot loader",
                       word);
    return add_text(entry, word, err);
}

int installed_path_copy(const char *path, char out[INSTALLED_PATH_BYTES],
                        struct err *err)
{
    static const char *const tops[] = {"($root)", "(${root})"};

    for (size_t i = 0; i < ARRAY_LENGTH(tops); i++)
        if (strncmp(path, tops[i], strlen(tops[i])) == 0)
            path += strlen(tops[i]);
    if (strpbrk(path, "$(*?["))
        return err_set(err, ERR_UNSUPPORTED,
                       "the path '%.80s' can only be followed by the boot "
                       "loader",
                       path);
    while (*path == '/' || *path == '\\')
        path++;
    if (!*path || strlen(path) >= INSTALLED_PATH_BYTES - 1)
        return err_set(err, ERR_INVALID, "a path of %zu bytes", strlen(path));
    (void)snprintf(out, INSTALLED_PATH_BYTES, "/%s", path);
    for (char *c = out; *c; c++)
        if (*c == '\\') /* as EFI programs write it */
            *c = '/';
    return 0;
}
